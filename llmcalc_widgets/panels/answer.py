"""The answer card: the plan to take in one look, and the command that starts it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import isfinite

from ipywidgets import HTML, VBox

from llmcalc_core import Evaluation, EvaluationRequest, NotRunnableError, launch
from llmcalc_widgets.chart.legend import DIAMOND, RING, drawing
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.page import event_handler, read_asset
from llmcalc_widgets.state import Selection
from llmcalc_widgets.text.plan_words import (
    Row,
    banded_words,
    layout_words,
    load_words,
    rejection_words,
)
from llmcalc_widgets.text.request_words import engine_words, nothing_words, price_kind_words
from llmcalc_widgets.text.units import number, percentile_text

_COPY = event_handler(read_asset("llmcalc_widgets.panels", "copy_command.js"))
_UNKNOWN = "not known"
_PAID = {"prefill": "prompts", "decode": "generated", "serving": "in + out"}

Tile = tuple[str, str, str]
"""A name, a figure and what must be known of it."""


def answer_card(evaluation: Evaluation, selected: int | None) -> str:
    """Write the card of the selected plan, else of the recommended one.

    Parameters
    ----------
    evaluation : Evaluation
        Whose plan.
    selected : int or None
        The row of the selected plan.

    Returns
    -------
    str
        HTML; where there is no plan, why, and what would help.
    """
    row = evaluation.recommended if selected is None else selected
    if row is None:
        return (
            '<section class="llmcalc-answer none" aria-label="Answer"><h3>No plan</h3>'
            f"<p>{escape(nothing_words(evaluation))}</p></section>"
        )
    plan, request = evaluation.plan(row), evaluation.request
    tiles = "".join(
        f"<li>{escape(name)} <b>{escape(figure)}</b> {escape(more)}</li>"
        for name, figure, more in tiles_of(plan, request)
    )
    return (
        '<section class="llmcalc-answer" aria-label="Answer"><header>'
        f"{_title(plan, evaluation, selected)}{_command(plan, request)}</header>"
        f"<ul>{tiles}</ul></section>"
    )


def tiles_of(plan: Row, request: EvaluationRequest) -> Iterator[Tile]:
    """Give the figures of a plan that decide, each with its band or what it rests on."""
    said = percentile_text(request.percentile)
    of = f", {said}" if said else ""
    yield "Devices", f"{int(plan['devices']):,}", request.hardware[0].name
    for name, key in ((f"First token (TTFT){of}", "ttft"), (f"Per token (TPOT){of}", "tpot")):
        time, _, band = banded_words(
            *(float(plan[f"{key}{end}_s"]) for end in ("", "_low", "_high"))
        ).partition(", ")
        yield name, time, band
    price = price_kind_words(request.hardware[0])
    hourly, million = (
        float(plan[name]) for name in ("cost_usd_per_hour", "cost_usd_per_million_tokens")
    )
    yield "USD per hour", number(hourly) if isfinite(hourly) else _UNKNOWN, price
    yield (
        "USD per M tokens",
        number(million) if isfinite(million) else _UNKNOWN,
        f"{_PAID[request.phase]}, {price}",
    )
    yield "Requests/s", number(plan["requests_per_s"]), _room_words(plan, request)


def _room_words(plan: Row, request: EvaluationRequest) -> str:
    load = load_words(int(plan["batch"]), request.phase)
    return f"{load} each" if int(plan["replicas"]) > 1 else load


def _title(plan: Row, evaluation: Evaluation, selected: int | None) -> str:
    """Name the plan, and say why it is here or will not do."""
    rejected = rejection_words(plan, evaluation.request)
    if selected is None or selected == evaluation.recommended:
        mark, what = DIAMOND, "Recommended"
    else:
        mark, what = RING, "Selected"
    said = f'<span class="no">{escape(rejected)}</span>' if rejected else ""
    return (
        f"<h3>{drawing(mark)}<span>{what}</span> <b>{escape(layout_words(plan))}</b> "
        f"<span>times {plan['basis']}</span></h3>{said}"
    )


def _command(plan: Row, request: EvaluationRequest) -> str:
    """Write the button that copies the plan's command, or why the engine cannot start it."""
    try:
        script = str(launch(request, plan))
    except NotRunnableError as error:
        reason = escape(str(error))
        return f'<span class="no" title="{reason}">no command: {reason}</span>'
    except ValueError:
        return ""
    engine = escape(engine_words(request).partition(",")[0])
    return (
        f'<button type="button" class="jupyter-button" onclick="{_COPY}" '
        f'title="Copy the command that starts it with {engine}, and its benchmark">'
        "Copy command</button>"
        f'<textarea readonly tabindex="-1" aria-label="Command">{escape(script)}</textarea>'
    )


class Answer(VBox):
    """Shows the plan to take, and what it costs.

    Parameters
    ----------
    selection : Selection
        The plan that is shown instead, if any.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._evaluation: Evaluation | None = None
        self.card = HTML()
        super().__init__([self.card])
        self.add_class("llmcalc")

    def take(self, view: ChartView) -> None:
        """Take a view, to be shown next; the selection already belongs to it."""
        self._evaluation = view.evaluation

    def show_selection(self) -> None:
        """Show the selected plan, else the recommended one."""
        if self._evaluation is not None:
            self.card.value = answer_card(self._evaluation, self._selection.row)

    def clear(self) -> None:
        """Show nothing."""
        self.card.value = ""
