"""The answer before and after a change of figures: in words, as a table and as two fronts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Literal

import numpy as np

from llmcalc_core import Evaluation
from llmcalc_widgets.chart.compared_fronts import ratio_words
from llmcalc_widgets.chart.curves import steps
from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.chart.specification import Dots, Line, Mark, Specification, Ticks
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.figure_svg import figure_svg
from llmcalc_widgets.text.plan_words import BOUND_WORDS, Row, of_words, plan_words, plans_words
from llmcalc_widgets.text.request_words import price_kind_words
from llmcalc_widgets.text.units import banded_seconds, change_words, gigabytes, number, tokens_per_s

_SAME = 0.0005
_DIAMOND = '<path class="best" d="M6 0L12 6L6 12L0 6Z"/>'
_LEGEND = (
    '<div class="llmcalc-key llmcalc-drawn">'
    '<span><svg width="22" height="12" aria-hidden="true"><g class="before">'
    '<path class="front" d="M0 6H22"/></g></svg> before: dashed, hollow</span>'
    '<span><svg width="22" height="12" aria-hidden="true"><path class="front" d="M0 6H22"/></svg>'
    " after: solid, filled</span>"
    f"<span>{drawing(_DIAMOND)} recommended</span></div>"
)


_LOOKS: dict[str, tuple[str, str, Literal["solid", "dashed"]]] = {
    "before": ("faint", "back", "dashed"),
    "after": (PALETTE[5], PALETTE[5], "solid"),
}
"""Colours of a front's lines and of its plans, and how its lines are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of the table: a column of the frame, how its values are written, which are better."""

    name: str
    words: Callable[[Row], str]
    value: Callable[[Row], float] | None = None
    small: bool | None = None


def what_if_page(before: ChartView, after: ChartView) -> str:
    """Write the answer in words and as a table, in HTML.

    Parameters
    ----------
    before, after : ChartView
        The same question of the original and of the edited device and model.

    Returns
    -------
    str
        HTML.
    """
    return (
        f"{svg.PANEL_STYLE}"
        '<div class="llmcalc-status" role="status" aria-live="polite">'
        f"{escape(summary(before, after))}</div>"
        '<div class="llmcalc-panels"><section tabindex="0" role="region" '
        f'aria-label="Before and after"><h3>Recommended plan</h3>{_table(before, after)}</section>'
        "</div>"
    )


def fronts_page(before: ChartView, after: ChartView) -> str:
    """Write the fronts before and after as HTML, to stand beside what changes them."""
    return (
        f'{svg.PANEL_STYLE}<div class="llmcalc-panels"><section><h3>Pareto fronts</h3>'
        f"{fronts(before, after)}{_LEGEND}{_facts(before, after)}</section></div>"
    )


def summary(before: ChartView, after: ChartView) -> str:
    """Say in a sentence or two what the change does."""
    if before.evaluation.request == after.evaluation.request:
        return "Nothing is changed yet: type or slide a figure of the device or of the model."
    first, second = _best(before.evaluation), _best(after.evaluation)
    if first is None or second is None:
        if first is None and second is None:
            return "No plan fits and keeps the limits, before or after the change."
        which = "after" if first is None else "before"
        return f"A plan that fits and keeps the limits is there {which} the change only."
    rate = float(second["tokens_per_s_per_device"] / first["tokens_per_s_per_device"] - 1)
    time = float(second["tpot_s"] / first["tpot_s"] - 1)
    said = f"Recommended plan: tokens/s per device {_change(rate)}"
    said += f", time per output token {_change(time)}."
    if len(before.front) and len(after.front):
        up = before.axes[1].noun
        said += f" Fronts: {up} after is {ratio_words(after, before)}."
    return said


def _change(change: float) -> str:
    return "as before" if abs(change) < _SAME else change_words(change)


def _best(evaluation: Evaluation) -> Row | None:
    row = evaluation.recommended
    return None if row is None else evaluation.plan(row)


def _table(before: ChartView, after: ChartView) -> str:
    rows = [_best(view.evaluation) for view in (before, after)]
    body = "".join(
        f'<tr><th scope="row">{line.name}</th>'
        + "".join(
            f"<td>{'no plan' if row is None else escape(line.words(row))}</td>" for row in rows
        )
        + f"{_cell(line, *rows)}</tr>"
        for line in _lines(before)
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Figure", "Before", "After", "Change")
    )
    return (
        f'<table class="llmcalc-what-if"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>'
        "</table>"
    )


def _told(line: _Line, row: Row | None) -> str:
    return "no plan" if row is None else escape(line.words(row))


def _cell(line: _Line, before: Row | None, after: Row | None) -> str:
    """Write by how much a value changes, and whether that is for the better."""
    if before is None or after is None or line.value is None:
        return "<td></td>"
    first, second = line.value(before), line.value(after)
    if not (first and isfinite(first) and isfinite(second)):
        return "<td></td>"
    change = second / first - 1
    if abs(change) < _SAME:
        return '<td class="band">the same</td>'
    words = change_words(change)
    if line.small is None:
        return f"<td>{words}</td>"
    better = (change < 0) == line.small
    return (
        f'<td class="{"better" if better else ""}">{words}, {"better" if better else "worse"}</td>'
    )


def _lines(view: ChartView) -> list[_Line]:
    phase, percentile = view.evaluation.request.phase, view.evaluation.request.percentile
    price = price_kind_words(view.evaluation.request.hardware[0])

    def figure(
        name: str, column: str, words: Callable[[float], str], *, small: bool | None
    ) -> _Line:
        return _Line(
            name=name,
            words=lambda row: _known(float(row[column]), words),
            value=lambda row: float(row[column]),
            small=small,
        )

    def time(name: str, key: str) -> _Line:
        return _Line(
            name=f"{name[:1].upper()}{name[1:]}" if percentile is None else name,
            words=lambda row: ", ".join(
                banded_seconds(*(float(row[f"{key}{end}_s"]) for end in ("", "_low", "_high")))
            ),
            value=lambda row: float(row[f"{key}_s"]),
            small=True,
        )

    return [
        _Line(name="Plan", words=lambda row: plan_words(row, phase)),
        figure("Devices", "devices", lambda value: f"{value:,.0f}", small=True),
        time(of_words("time per output token", percentile), "tpot"),
        time(of_words("time to first token", percentile), "ttft"),
        figure("Throughput per device", "tokens_per_s_per_device", tokens_per_s, small=False),
        _Line(name="per user", words=lambda row: tokens_per_s(1 / row["tpot_s"]),
              value=lambda row: float(1 / row["tpot_s"]), small=False),
        figure("in all", "tokens_per_s", tokens_per_s, small=False),
        figure("Memory used per device", "device_memory_bytes", gigabytes, small=None),
        figure("left free", "memory_headroom_bytes", gigabytes, small=None),
        figure(f"Cost, {price}", "cost_usd_per_million_tokens",
               lambda value: f"{number(value)} USD/M tokens", small=True),
        figure("Energy", "energy_j_per_token",
               lambda value: f"{number(value)} J/token", small=True),
        _Line(name="Bound by", words=lambda row: BOUND_WORDS[str(row["bound_by"])]),
        _Line(name="Times are", words=lambda row: str(row["basis"])),
    ]  # fmt: skip


def _known(value: float, words: Callable[[float], str]) -> str:
    return words(value) if isfinite(value) else "not known"


def _facts(before: ChartView, after: ChartView) -> str:
    """Write the plans on both fronts as a table to unfold."""
    across, up = before.axes
    rows = []
    for name, view in (("before", before), ("after", after)):
        x, y = (np.asarray(one)[view.front].tolist() for one in view.values)
        plans = plans_words(view.evaluation, view.front)
        rows += [[name, number(a), number(b), plan] for a, b, plan in zip(x, y, plans, strict=True)]
    return svg.data_table(
        ["Front", f"{across.name} [{across.unit}]", f"{up.name} [{up.unit}]", "Plan"], rows
    )


def fronts(before: ChartView, after: ChartView) -> str:
    """Draw the fronts before and after a change as SVG; empty where there is no plan on either."""
    if not (len(before.front) or len(after.front)):
        return ""
    across, up = before.axes
    label = f"Pareto fronts before and after: {up.label} over {across.label}"
    return figure_svg(fronts_specification(before, after), label=label)


def fronts_specification(before: ChartView, after: ChartView) -> Specification:
    """Describe the fronts before and after a change; the axes are those of both views."""
    ends = [
        Ends(*limits(np.concatenate([view.values[at][view.front] for view in (before, after)])))
        for at in (0, 1)
    ]
    across, up = (
        Ticks(title=quantity.label, places=places, labels=[*labels.values()])
        for (places, labels), quantity in zip(
            (one.ticks() for one in ends), before.axes, strict=True
        )
    )
    marks = [*_front(before, ends, "before"), *_front(after, ends, "after")]
    return Specification(across=across, up=up, marks=marks)


def _front(view: ChartView, ends: Sequence[Ends], name: str) -> list[Mark]:
    """Give a front as steps with a mark at each plan, and a diamond around the recommended one."""
    if not len(view.front):
        return []
    colour, fill, style = _LOOKS[name]
    rows = view.front
    x, y = (one.places(values[rows]) for one, values in zip(ends, view.values, strict=True))
    across, along = steps(x, y, level_first=view.axes[0].small)
    told = [f"{name}: {words}" for words in plans_words(view.evaluation, rows)]
    group: list[Mark] = [
        Line(x=across, y=along, colour=colour, width=1.8, style=style),
        Dots(x=x, y=y, fill=fill, edge=colour, titles=told, name=name),
    ]
    best = view.evaluation.recommended
    if best is not None:
        x, y = (one.places(values[[best]]) for one, values in zip(ends, view.values, strict=True))
        words = f"recommended {name}"
        group.append(Dots(x=x, y=y, fill="none", edge=colour, diamond=True, name=words))
    return group
