"""``ParetoExplorer``: form, chart and details around one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self, Unpack

import traitlets
from ipywidgets import Layout, VBox, Widget
from traitlets import TraitError

from llmcalc_core import Evaluation, EvaluationRequest
from llmcalc_widgets.apps.app import LoadCurves, split_load, values_of
from llmcalc_widgets.apps.chart_options import (
    CHART_SETTINGS,
    ChartOptions,
    ChartValues,
    ComparedFronts,
)
from llmcalc_widgets.apps.traits import Frame, traits_of
from llmcalc_widgets.chart.chart import Chart
from llmcalc_widgets.chart.view import ChartView, chart_view
from llmcalc_widgets.elements.page import row_of
from llmcalc_widgets.export.chart_still import paint_chart
from llmcalc_widgets.export.displayed import Still, front_table, summary_of
from llmcalc_widgets.export.outputs import Outputs
from llmcalc_widgets.export.widget_code import explorer_code
from llmcalc_widgets.form.form import Form
from llmcalc_widgets.panels.answer import Answer
from llmcalc_widgets.panels.details import Details
from llmcalc_widgets.settings.compared import settings_text, typed_changes
from llmcalc_widgets.settings.load import LOAD_SETTINGS, LoadValues
from llmcalc_widgets.settings.presets import WORKLOAD_SETTINGS, with_workload
from llmcalc_widgets.settings.registry import (
    DEFAULTS,
    SETTINGS,
    SettingValues,
    check_names,
    in_full,
)
from llmcalc_widgets.settings.renamed import renamed
from llmcalc_widgets.settings.rules import with_version
from llmcalc_widgets.state import (
    QueryState,
    Selection,
    Shared,
    check_row,
    plan_of,
    row_of_plan,
    same_plan,
)
from llmcalc_widgets.transport.batched_messages import BatchedMessages
from llmcalc_widgets.transport.disposal import parts_of

_SELECTED = "selected"


class ExplorerValues(SettingValues, ChartValues, LoadValues, total=False):
    """Everything that can be set."""


_LOAD = frozenset({"phase", "load_as", "request_rate", "request_rate_min", "batch_min", "batch_max",
                   "devices_min", "percentile"})  # fmt: skip


def opening(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings to start from, with a usual question where none is asked.

    Examples
    --------
    >>> opening({"model": "qwen3_8b", "input_tokens": 500})["load_as"]
    'request_rate'
    >>> opening({"model": "qwen3_8b", "phase": "decode"})
    {'model': 'qwen3_8b', 'phase': 'decode'}
    """
    if not _LOAD.isdisjoint(settings):
        return dict(settings)
    usual = {} if set(WORKLOAD_SETTINGS) & set(settings) else with_workload({"workload": "chat"})
    return {"load_as": "request_rate", "devices_min": 1, **usual, **settings}


_QueryTraits: Any = traits_of(QueryState, SETTINGS)
_ChartTraits: Any = traits_of(ChartOptions, CHART_SETTINGS, "options")


class ParetoExplorer(_QueryTraits, _ChartTraits, LoadCurves):
    """Explore how to deploy a model: a form, a chart of all plans, and the plan to take.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from. Where nothing of phase or load is given, it asks
        at first how few devices serve 10 requests per second, from one up to ``devices``; where
        nothing of the workload either, those of chat, within its limits.

    Attributes
    ----------
    model, hardware, devices, devices_min, phase, engine, engine_version, \
input_tokens, output_tokens, load_as, \
request_rate_min, request_rate, batch_min, batch_max, percentile, \
precision, memory_fraction, tpot_limit_ms, ttft_limit_ms, workload, prefix_hit_rate, \
speculative_tokens, acceptance_rate, draft_model, prefill_chunk_tokens, lora_adapters, lora_rank, \
weights_offload, weights_offload_gib, kv_offload, offload_to_fit, context_parallel_max, \
price_per_hour, power_watts
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing. In phase serving load is
        given as requests in flight or, where ``request_rate`` is passed, per second; of the latter
        times and limits can be of a percentile, such as 'p95'.
    x_axis, y_axis, colour_by, pins, compared
        What the chart shows; see ``chart_options.ChartOptions``. Setting one draws at once, and
        finds the front again.
    load_latency, load_percentile
        What the load curve shows and says; see ``settings.load.LoadValues``. Setting one draws at
        once.
    df : DataFrame
        Every candidate; see :func:`llmcalc_core.explore` for the columns. Read-only.
    front : DataFrame
        Those on the Pareto front of the chart's axes, from left to right. Read-only.
    recommended : Series or None
        The plan that is recommended; None where none fits and keeps the limits. Read-only.
    selected : Series or None
        The plan that was clicked or chosen. Read-only.
    selected_row : int or None
        Its row in ``df``; setting it selects.
    selection : DataFrame
        The plans in the brush, rejected ones included; else the selected one, if any. Read-only.
    load_curve : DataFrame or None
        Latencies over requests per second of the selected plan, else of the recommended one; see
        :func:`llmcalc_core.load_curve`. None until its drawer is open, in phase serving, and it is
        computed. Read-only.
    request : EvaluationRequest
        What ``df`` answers. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    state : QueryState
        The settings, and their evaluation.
    form, answer, chart, details, outputs : widgets
        The parts, to be placed anywhere.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=2)
    >>> explorer.devices = 4
    >>> int(explorer.df["devices"].max())
    4
    >>> explorer.close()
    """

    known = (*SETTINGS, *CHART_SETTINGS, *LOAD_SETTINGS)
    df = Frame(read_only=True)
    front = Frame(read_only=True)
    recommended = Frame(read_only=True)
    selected = Frame(read_only=True)
    selection = Frame(read_only=True)
    selected_row: Any = traitlets.Any(None)
    request = traitlets.Instance(EvaluationRequest, allow_none=True, read_only=True)

    def __init__(self, **settings: Unpack[ExplorerValues]) -> None:
        load, start = split_load(opening(self.start_values(settings)))
        self.make_load(load)
        self.options = ChartOptions(**{name: start.pop(name) for name in CHART_SETTINGS
                                       if name in start})  # fmt: skip
        self._selection = Selection()
        super().__init__(QueryState(**start))
        self._fronts = ComparedFronts()
        self._messages = BatchedMessages()
        self.form = Form(self.state, SETTINGS)
        self.chart = Chart(self._selection, self.options, self.pin, self._cancel)
        self.answer = Answer(self._selection)
        self.details = Details(self._selection)
        self.outputs = Outputs(
            self._selection, self.chart.drawing, self.loads, self._messages.include, self.to_text
        )
        shown = VBox([self.answer, self.chart], layout=Layout(flex="8 1 620px", min_width="320px"))
        shown.add_class("llmcalc")
        self.children = (row_of(self.form, shown, self.details, self.outputs),)
        views = (self.answer, self.chart, self.details)
        self._messages.include(dict.fromkeys(part for view in views for part in parts_of(view)))
        self._parts = [*parts_of(self), *parts_of(self._messages)]
        self.state.observe(self._submit, list(DEFAULTS))
        self.state.observe(self._show, "evaluation")
        self.state.observe(self._show_error, "errors")
        self.state.observe(self._show_progress, "expected_s")
        self.options.observe(self._look, list(CHART_SETTINGS))
        self._selection.observe(self._show_selection)
        self.follow_load()
        self.forward()
        self._runner.submit()

    def update(self, **settings: Unpack[ExplorerValues]) -> None:
        """Change several settings and recompute once.

        Raises
        ------
        TypeError
            For a keyword that is no setting.
        TraitError
            For a wrong value; then nothing changes.
        """
        given = renamed(settings)
        check_names(given, self.known)
        with self.state.lock:
            self.state.unobserve(self._submit, list(DEFAULTS))
            try:
                with self.hold_trait_notifications():
                    for name, value in with_version(in_full(given), self.settings()).items():
                        setattr(self, name, value)
            finally:
                self.state.observe(self._submit, list(DEFAULTS))
            self._runner.submit()

    def other_states(self) -> Sequence[Shared]:
        """Give what is looked at, and what is pointed at."""
        return (*super().other_states(), self.options, self._selection)

    def pin(self, name: str | None = None) -> None:
        """Keep the present front in the chart under a name, by default the next free letter.

        Raises
        ------
        TraitError
            If the name is taken.
        """
        self.options.pin(self.settings(), name)

    def select(self, row: int | None) -> None:
        """Select a row of ``df``, or none.

        Raises
        ------
        ValueError
            If ``df`` has no such row.
        """
        check_row(row, self.state.evaluation)
        self._selection.row = row

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set, and the selected plan; see :meth:`App.to_config`."""
        plan = None if self.selected is None else plan_of(self.selected)
        return {**super().to_config(), _SELECTED: plan}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make an explorer of what :meth:`to_config` gave; see :meth:`App.from_config`."""
        values = values_of(config)
        plan = values.pop(_SELECTED, None)
        made = cls(**values)
        if plan:
            made.select(row_of_plan(plan, made.df))
        return made

    def to_text(self) -> str:
        """Write what is set of the question in a line, to be sent to somebody.

        Raises
        ------
        ValueError
            For a model or a device of one's own: :meth:`to_config` has all of it.
        """
        return settings_text(self.settings())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Make an explorer of what :meth:`to_text` gave, or of a line that a person wrote.

        Raises
        ------
        TraitError
            For a wrong value.

        Examples
        --------
        >>> explorer = ParetoExplorer.from_text("qwen3_8b; L4; devices: 2; input_tokens: 2k")
        >>> explorer.to_text()
        'model: qwen3_8b; hardware: L4; devices: 2'
        >>> explorer.close()
        """
        return cls(**{**DEFAULTS, **in_full(typed_changes(text))})

    def to_code(self) -> str:
        """Write the Python that gives ``df``, ``front`` and, if a plan is selected, ``selected``.

        Returns
        -------
        str
            A program that calls :func:`llmcalc_core.explore`. What is pinned and compared is in
            its ``others`` and ``fronts``, by name; the load curve, where it is seen, is ``curve``.
        """
        return explorer_code(
            self._view(), self._selection.row, self.outputs.compared, self.outputs.load_question()
        )

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the chart on matplotlib's figure: plans, front, 80 % band, limits and legend."""
        paint_chart(figure, self.chart.drawing, self._view())

    def still(self) -> Still | None:
        """Give the picture, where matplotlib is installed, and the front as a table."""
        view = self.outputs.view
        if view is None:
            return None
        html = front_table(view) + self.load_still()
        return Still(words=summary_of(view), html=html, png=self.png_if_possible)

    def made_later(self) -> Sequence[Widget]:
        """Give the widgets that were made after the start, such as what was unfolded."""
        return [*parts_of(self.chart), *parts_of(self), self.chart.plot.brush]

    @traitlets.validate("selected_row")
    def _check_row(self, proposal: Any) -> int | None:  # noqa: ANN401 - traitlets is untyped
        try:
            return check_row(proposal["value"], self.state.evaluation)
        except ValueError as error:
            raise TraitError(str(error)) from None

    @traitlets.observe("selected_row")
    def _point(self, change: dict[str, Any]) -> None:
        self._selection.row = change["new"]

    def _view(self) -> ChartView:
        """Give what is shown.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        if self.outputs.view is None:
            msg = f"the explorer needs an evaluation first: {self.error}"
            raise ValueError(msg)
        return self.outputs.view

    def _submit(self, _: object) -> None:
        self._runner.submit(debounce=self.form.sliding, background=self.form.committing)

    def _cancel(self) -> None:
        """Go back to the settings of what is shown."""
        self._runner.stop()
        self.update(**self.state.shown)

    def _show_progress(self, _: object) -> None:
        self.chart.waiting.show(self.state.expected_s, self.state.expected_plans)

    def _show(self, change: dict[str, Any]) -> None:
        evaluation: Evaluation = change["new"]
        self._draw(evaluation, same_plan(change["old"], evaluation, self._selection.row))

    def _look(self, _: object) -> None:
        """Draw what is there already along other axes."""
        self._runner.flush()
        if self.state.evaluation is not None:
            self._draw(self.state.evaluation, self._selection.row)

    def _draw(self, evaluation: Evaluation, row: int | None) -> None:
        with self._unseen():
            self._selection.row, self._selection.brushed = row, None
        options = self.options
        view = chart_view(evaluation, options.x_axis, options.y_axis, options.colour_by)
        fronts = self._fronts.of(self.options, self.state.shown, view)
        with self._messages.one_message():
            self.chart.draw(view, fronts)
        self.answer.take(view)
        self.details.take(view)
        self.outputs.take(view, fronts)
        try:
            self._runner.attempt(self._show_words)
        finally:
            self._publish(view)

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Change what is pointed at while what is drawn does not belong to it."""
        self._selection.unobserve(self._show_selection)
        try:
            yield
        finally:
            self._selection.observe(self._show_selection)

    def _show_words(self) -> None:
        """Say all that is said of the drawing, or nothing: what was said is of another one."""
        with ExitStack() as unsaid:
            unsaid.callback(self.chart.clear_words)
            unsaid.callback(self.answer.clear)
            unsaid.callback(self.details.clear)
            with self._messages.one_message(late=True):
                self.answer.show_selection()
                self.chart.show_words()
                self.details.show_selection()
            with self._messages.one_message(late=True):
                self.outputs.show_selection()
            unsaid.pop_all()

    def _show_selection(self, _: object) -> None:
        with self._messages.one_message():
            self.chart.show_selection()
            self.answer.show_selection()
            self.details.show_selection()
        with self._messages.one_message(late=True):
            self.outputs.show_selection()
        self._publish_selection()

    def _publish(self, view: ChartView) -> None:
        """Give the kernel what is drawn."""
        with self.hold_trait_notifications():
            self.set_trait("df", lambda: view.evaluation.frame)
            self.set_trait("front", lambda: view.front_frame)
            best = view.evaluation.recommended
            self.set_trait("recommended", None if best is None else lambda: view.frame.iloc[best])
            self.set_trait("request", view.evaluation.request)
            self._publish_selection()

    def _publish_selection(self) -> None:
        """Give the kernel what is pointed at."""
        evaluation = self.state.evaluation
        row, brushed = self._selection.row, self._selection.brushed
        if evaluation is None:
            return
        rows = [*brushed] if brushed is not None else [] if row is None else [row]
        self.selected_row = row
        self.set_trait("selected", None if row is None else lambda: evaluation.frame.iloc[row])
        self.set_trait("selection", lambda: evaluation.frame.iloc[rows or slice(0)])
