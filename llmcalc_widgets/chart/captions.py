"""What is said around the chart and at its points: heading, notice, status, tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from llmcalc_core import Evaluation
from llmcalc_widgets.chart.axes import Quantity
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.text.plan_words import (
    TOO_LARGE,
    banded_words,
    column_of,
    plans_words,
    reason_words,
    time_words,
)
from llmcalc_widgets.text.request_words import limit_words, nothing_words, question_words
from llmcalc_widgets.text.units import counted, number


def heading(evaluation: Evaluation) -> str:
    """Say in HTML what the chart is of."""
    deployed, workload = map(escape, question_words(evaluation.request))
    return f'<h3>{deployed}</h3><div class="llmcalc-note">{workload}</div>'


def notice(view: ChartView) -> str:
    """Say in HTML that nothing fits, and what would, or is known; empty if something does."""
    words = nothing_words(view.evaluation) or unknown_words(view)
    return f'<div class="llmcalc-notice" role="alert">{escape(words)}</div>' if words else ""


def plan_count(view: ChartView, drawn: int, brushed: int | None) -> str:
    """Count the plans in HTML, for eyes and screen readers."""
    return _status(status_words(view, drawn, brushed))


def selected_plan(view: ChartView, row: int | None) -> str:
    """Say in HTML which plan is selected, for eyes and screen readers."""
    return _status(selection_words(view, row))


def _status(words: str) -> str:
    return f'<div class="llmcalc-status" role="status" aria-live="polite">{escape(words)}</div>'


def status_words(view: ChartView, drawn: int, brushed: int | None) -> str:
    """Count the plans, those drawn if not all are, and those in the brush if there is one."""
    plans, request = len(view.rejected), view.evaluation.request
    fitting = plans - int(np.isin(view.evaluation.column("rejected_for"), TOO_LARGE).sum())
    some = f" ({drawn:,} of them drawn)" if drawn < plans else ""
    parts = [counted(plans, "plan") + some, f"{fitting:,} fit in memory"]
    if request.request_rates:
        over = int((view.evaluation.column("rejected_for") == "load").sum())
        parts.append(f"{fitting - over:,} keep up with the requests")
    if limits := limit_words(request):
        within = int((~view.rejected).sum())
        parts.append(f"{within:,} within the limit{'s' if len(limits) > 1 else ''}")
    parts.append(f"{len(view.front):,} on the front")
    if brushed is not None:
        parts.append(f"{brushed:,} in the brush")
    return ", ".join(parts)


def selection_words(view: ChartView, row: int | None) -> str:
    """Say which plan is selected, its figures, and where on the front it is."""
    if row is None:
        return "No plan selected."
    places = np.flatnonzero(view.front == row)
    where = f"{places[0] + 1} of {len(view.front)}" if len(places) else "not"
    figures = tooltips(view, np.array([row]))[0].replace("\n", "; ")
    return f"Selected: {figures}; {where} on the front."


_TIMES = frozenset({"s", "ms"})

_PAID = frozenset({"cost", "energy"})
"""How the columns begin that need a device's price or power."""


def unknown_words(view: ChartView) -> str:
    """Say why an axis shows nothing; empty if both show something."""
    if view.known.any():
        return ""
    device = view.evaluation.request.hardware[0].name
    both = [*zip(view.axes, view.values, strict=True)]
    if free := [axis for axis, values in both if not values.any()]:
        return (
            f"The {_of_tokens(free)} on {device} {_verb(free)} 0, which a logarithmic axis cannot "
            "show. Choose another axis, or give its price under Prices."
        )
    missing = [axis for axis, values in both if not np.isfinite(values).any()]
    paid = [axis for axis in missing if _is_paid(axis)]
    others = [axis for axis in missing or view.axes if axis not in paid]
    words = []
    if others:
        words.append(f"The {_nouns(others)} of no plan {_verb(others)} known. Choose another axis.")
    if paid:
        words.append(
            f"The {_of_tokens(paid)} on {device} {_verb(paid)} not known: its price or power is "
            "not in the catalogue. Choose another axis, or give it under Prices."
        )
    return " ".join(words)


def _is_paid(axis: Quantity) -> bool:
    """Say whether an axis needs a device's price or power."""
    return axis.column.partition("_")[0] in _PAID


def _nouns(axes: Sequence[Quantity]) -> str:
    return " and ".join(axis.noun for axis in axes)


def _of_tokens(axes: Sequence[Quantity]) -> str:
    """Name axes within a sentence, and what has them where that is a token."""
    return f"{_nouns(axes)}{' of tokens' if all(map(_is_paid, axes)) else ''}"


def _verb(axes: Sequence[Quantity]) -> str:
    return "are" if len(axes) > 1 else "is"


def tooltips(view: ChartView, rows: NDArray[np.intp]) -> list[str]:
    """Describe each row in a few lines of text."""
    evaluation = view.evaluation
    what = time_words(evaluation.request.phase, evaluation.request.percentile)
    names = (
        evaluation.latency_column,
        *evaluation.band_columns,
        "tokens_per_s_per_device",
        "rejected_for",
        "memory_headroom_bytes",
    )
    figures = (column_of(evaluation, rows, name) for name in names)
    return [
        f"{plan}\n{what}: {banded_words(latency, low, high)}"
        f"\n{number(rate)} tokens/s per device{more}"
        + (f"\n{reason_words(reason, free, evaluation.request)}" if reason else "")
        for plan, more, latency, low, high, rate, reason, free in zip(
            plans_words(evaluation, rows), _more_words(view, rows), *figures, strict=True
        )
    ]


def _more_words(view: ChartView, rows: NDArray[np.intp]) -> list[str]:
    """Say what the axes show that every tooltip does not say anyway, a line each."""
    said = ("tokens_per_s_per_device", view.evaluation.latency_column)
    more = [
        (axis, values[rows])
        for axis, values in zip(view.axes, view.values, strict=True)
        if axis.inverse or axis.column not in said
    ]
    return [
        "".join(f"\n{_named(axis, float(values[at]))}" for axis, values in more)
        for at in range(len(rows))
    ]


def _named(axis: Quantity, value: float) -> str:
    """Write a value of an axis; a time with its name, which the unit does not say."""
    return f"{axis.name}: {axis.words(value)}" if axis.unit in _TIMES else axis.words(value)
