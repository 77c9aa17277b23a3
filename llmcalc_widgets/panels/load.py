"""How the latencies of a plan rise with its load: a sentence, a chart and a table."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

from ipywidgets import HTML, Button, HBox, Layout, VBox
from traitlets import TraitError

from llmcalc_core import EvaluationRequest, find_engine
from llmcalc_widgets.chart.load_plot import LoadPlot, load_legend
from llmcalc_widgets.chart.load_view import Here, LoadView, load_view
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.form.controls import make_field
from llmcalc_widgets.panels.slo_page import simulated
from llmcalc_widgets.panels.svg import PANEL_STYLE, data_table
from llmcalc_widgets.runner.background import has_threads
from llmcalc_widgets.runner.simulations import LoadRunner
from llmcalc_widgets.settings.load import LOAD_SETTINGS, PERCENTILES, LoadQuestion, load_question
from llmcalc_widgets.settings.techniques import in_words
from llmcalc_widgets.state import Selection
from llmcalc_widgets.text.plan_words import Row, split_words
from llmcalc_widgets.text.request_words import technique_words
from llmcalc_widgets.text.units import counted, number, seconds

TITLE = "Load: latency over requests per second"
"""Of what is unfolded to see it."""

_WORKING = (
    '<div class="llmcalc-status" role="status" aria-live="polite">Simulating requests that come at '
    "rising rates; until then all figures here are of what was asked before.</div>"
)

CANCELLED = "it was cancelled"


class LoadPanel(VBox):
    """Shows the load curve that a state has, and asks for that of a plan.

    Parameters
    ----------
    runner : LoadRunner
        Computes curves, and has the state.

    Attributes
    ----------
    fields : dict of str to Field
        The controls, by setting.
    button : Button
        Gives up what is computed; asks for it again where that was done.
    status : HTML
        The sentence, or why there is no curve.
    plot : LoadPlot or None
        The chart, made with the first curve: bqplot draws none that is out of sight.
    """

    def __init__(self, runner: LoadRunner) -> None:
        self._runner = runner
        self._asked: LoadQuestion | None = None
        self._here: Here | None = None
        state = runner.state
        self.fields: dict[str, Any] = {
            name: make_field(setting, partial(self._set, name))
            for name, setting in LOAD_SETTINGS.items()
        }
        self.button = Button(layout=Layout(width="auto", flex="0 0 auto", display="none"))
        self.status, self._working, self._legend, self._table = (HTML() for _ in range(4))
        self._bar = HTML(layout=Layout(display="none"))
        self._bar.add_class("llmcalc-elapsed")
        self.plot: LoadPlot | None = None
        self._drawing = VBox([self._legend, self._table], layout=Layout(min_width="0"))
        self._waiting = HBox([self._working, self._bar, self.button])
        self._waiting.add_class("llmcalc-waiting")
        super().__init__(
            [
                style_sheet(),
                HTML(PANEL_STYLE, layout=Layout(display="none")),
                HBox([*self.fields.values()], layout=Layout(flex_flow="row wrap")),
                self._waiting,
                self.status,
                self._drawing,
            ],
            layout=Layout(min_width="0"),
        )
        self.add_class("llmcalc-load")
        self.button.on_click(lambda _: self._press())
        state.observe(self._look, list(LOAD_SETTINGS))
        state.observe(self._bring, ["found", "running"])
        state.observe(lambda change: self._show_share(change["new"]), "share")
        self._look(None)
        self._bring(None)

    def ask(self, request: EvaluationRequest, plan: Row | None, here: Here | None = None) -> None:
        """Ask for the curve of a plan, with where it is on that, or say why it has none."""
        self._asked = None
        moved, self._here = here != self._here, here
        if plan is None:
            self._runner.refuse("there is no plan that fits and keeps the limits")
            return
        try:
            question = load_question(request, plan)
        except ValueError as error:
            self._runner.refuse(str(error))
            return
        self._asked = question
        self._runner.submit(question)
        if moved:
            self._draw()

    def _set(self, name: str, value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
        del sliding
        try:
            setattr(self._runner.state, name, value)
        except TraitError as error:
            self.fields[name].message.show(str(error))

    def _press(self) -> None:
        if self._runner.state.running:
            self._runner.refuse(CANCELLED)
        elif self._asked is not None:
            self._runner.submit(self._asked)

    def _look(self, _: object) -> None:
        """Draw the same curve in another way."""
        for name, field in self.fields.items():
            field.show(getattr(self._runner.state, name))
        self._draw()

    def _bring(self, _: object) -> None:
        """Show what was found, and whether something is being computed."""
        state = self._runner.state
        cancelled = state.found.trouble == CANCELLED
        self.button.description = "Simulate" if cancelled else "Cancel"
        self.button.tooltip = (
            "Simulate the load of this plan" if cancelled else "Give up this simulation"
        )
        offered = cancelled or (state.running and has_threads())
        self.button.layout.display = None if offered else "none"
        self._bar.layout.display = None if state.running else "none"
        self._show_share(state.share)
        if state.running:
            self._working.value = _WORKING
            self._drawing.add_class("llmcalc-stale")
        else:
            self._working.value = ""
            self._drawing.remove_class("llmcalc-stale")
        self._draw()

    def _show_share(self, share: float) -> None:
        self._bar.value = simulated(share)

    def _draw(self) -> None:
        state = self._runner.state
        mine = state.found.question == self._asked
        view = load_view(state, self._here if mine else None)
        words = trouble_words(state.found.trouble) if view is None else load_words(view)
        self.status.value = (
            f'<div class="llmcalc-status" role="status" aria-live="polite">{escape(words)}</div>'
            f'<div class="llmcalc-note">{escape(requests_words(view)) if view else ""}</div>'
        )
        if view is None or not view.known:
            self._drawing.layout.display = "none"
            return
        self._legend.value = load_legend(view)
        self._table.value = load_table(view)
        self._drawing.layout.display = None
        if self.plot is None:
            self.plot = LoadPlot()
            self._drawing.children = (self._legend, self.plot.figure, self._table)
        self.plot.draw(view)


class LoadDrawer(LoadPanel):
    """Shows the load curve of the selected plan, else of the recommended one.

    Parameters
    ----------
    selection : Selection
        Whose plan.
    runner : LoadRunner
        Computes curves, and has the state.
    """

    def __init__(self, selection: Selection, runner: LoadRunner) -> None:
        self._selection = selection
        super().__init__(runner)

    def show(self, view: ChartView) -> None:
        """Ask for the curve of the plan of a view that is selected."""
        evaluation = view.evaluation
        row = evaluation.recommended if self._selection.row is None else self._selection.row
        plan = None if row is None else evaluation.plan(row)
        self.ask(evaluation.request, plan, None if plan is None else here_of(plan))


def here_of(plan: Row) -> Here:
    """Say where a plan of phase serving is on its load curve, by its rate or its closed loop."""
    rate = plan.get("request_rate", None)
    if rate is not None:
        return asked_of(plan, float(rate))
    return Here(
        rate=float(plan.get("requests_per_s", 0.0)) / int(plan["replicas"]),
        words=f"this plan with {int(plan['batch']):,} in flight",
    )


def asked_of(plan: Row, load: float) -> Here:
    """Say where a plan is on its load curve whose replicas share a load [1/s]."""
    return Here(rate=load / int(plan["replicas"]), words="asked of each replica")


def trouble_words(trouble: str) -> str:
    """Say why there is no curve; nothing where none was asked for.

    Examples
    --------
    >>> trouble_words("it was cancelled")
    'The load of this plan is not simulated: it was cancelled.'
    """
    return f"The load of this plan is not simulated: {in_words(trouble)}." if trouble else ""


def load_words(view: LoadView) -> str:
    """Say up to which rate the limit is kept, and from which on the server does not keep up."""
    if not view.known:
        return f"An answer of one token has no {view.quantity.noun}."
    if not view.knee:
        return (
            f"The queue grows as long as requests come at every rate that was tried, from "
            f"{_rate(view, 0)} on: this replica serves less."
        )
    end = "the server keeps up with every rate that was tried."
    if view.overloaded is not None:
        end = f"from {_rate(view, view.overloaded)} on the queue grows as long as requests come."
    words = f"{_kept_words(view)}; {end}"
    return f"{words[:1].upper()}{words[1:]}" if view.percentile == "mean" else words


def _kept_words(view: LoadView) -> str:
    values = view.seconds(view.percentile)
    last = view.knee - 1
    if view.limit_s is None:
        first = f"{view.subject} is {seconds(values[0])} at {_rate(view, 0)}"
        return f"{first} and {seconds(values[last])} at {_rate(view, last)}" if last else first
    limit = seconds(view.limit_s)
    if view.within is None:
        return f"{view.subject} is above {limit} already at {_rate(view, 0)} ({seconds(values[0])})"
    return f"{view.subject} stays within {limit} up to {_rate(view, view.within)}"


def _rate(view: LoadView, at: int) -> str:
    return f"{number(view.rates[at])} requests/s"


def requests_words(view: LoadView) -> str:
    """Say what was simulated."""
    question = view.question
    used = technique_words(question.techniques)
    return (
        f"One replica of {_widths_words(question)} on {question.hardware.name}, simulated with the "
        f"scheduler of {find_engine(question.engine).label}, at each of "
        f"{counted(len(view.rates), 'rate')}; requests of {question.input_tokens:,} tokens in and "
        f"{question.output_tokens:,} out come at random (Poisson)"
        f"{''.join(f'; {words}' for words in used)}."
    )


def _widths_words(question: LoadQuestion) -> str:
    ranks = question.attention_dp or -(-question.ep // question.tp)
    widths = {"tp": question.tp, "pp": question.pp, "attention_dp": ranks, "ep": question.ep}
    return split_words(widths)


def load_table(view: LoadView) -> str:
    """Write the curve as a table to unfold, in HTML."""
    scale, unit = view.quantity.scale, view.quantity.unit
    heads = (
        "Requests/s",
        *(f"{view.quantity.name} {name} [{unit}]" for name in PERCENTILES),
        "Served [requests/s]", "Goodput [requests/s]", "Server",
    )  # fmt: skip
    columns = [view.seconds(name) * scale for name in PERCENTILES]
    rows = (
        (
            number(view.rates[at]),
            *(number(column[at]) for column in columns),
            number(row["requests_per_s"]),
            number(row["goodput"]),
            "overloaded" if row["overloaded"] else "keeps up",
        )
        for at, (_, row) in enumerate(view.curve.iterrows())
    )
    return data_table(heads, rows)
