"""Why a plan is as it is: where its time and memory go, and what would help."""

from __future__ import annotations

from html import escape
from math import isfinite

import pandas as pd
from ipywidgets import HTML, VBox

from llmcalc_core import Evaluation, explain, sensitivity
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.panels.memory_chart import memory_chart
from llmcalc_widgets.panels.operations import (
    operation_words,
    operations_table,
    roofline,
    two_phases,
)
from llmcalc_widgets.panels.svg import PANEL_STYLE
from llmcalc_widgets.state import Selection
from llmcalc_widgets.text.plan_words import (
    BOUND_WORDS,
    LATENCY_WORDS,
    Row,
    mean_latency,
    plan_words,
    share_words,
    time_words,
)
from llmcalc_widgets.text.units import change_words, seconds

_POINTER = "\N{BLACK DOWN-POINTING TRIANGLE}"
_SAME = ("devices", "tp", "pp", "ep", "attention_dp", "cp", "replicas")


BY = 0.1
"""How much more is tried [1]."""

MORE = "10 % more"
"""The same in words."""

_CHANGES = {
    "memory bandwidth": "memory bandwidth",
    "compute": "compute rate",
    "link bandwidth": "link bandwidth",
    "memory capacity": "memory",
    "host speed": "host speed",
}
_FIGURES = {
    "ttft_change": "First token",
    "tpot_change": "Per token",
    "tokens_per_s_change": "Throughput",
    "largest_batch_change": "Largest batch",
}
_LEAST = 0.0005
"""A change below this is none [1]."""


class Why(VBox):
    """Explains the selected plan, else the recommended one.

    Parameters
    ----------
    selection : Selection
        Whose plan.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._shown: tuple[Evaluation, int | None] | None = None
        self.panel = HTML()
        super().__init__([self.panel])
        self.add_class("llmcalc-why")

    def show(self, view: ChartView) -> None:
        """Explain the plan of a view that is selected, unless it is explained already."""
        evaluation = view.evaluation
        row = evaluation.recommended if self._selection.row is None else self._selection.row
        if self._shown is not None and self._shown[0] is evaluation and self._shown[1] == row:
            return
        self._shown = evaluation, row
        if row is None:
            self.panel.value = '<div class="llmcalc-note">No plan to explain.</div>'
            return
        self.panel.value = why(evaluation, row)


def why(evaluation: Evaluation, row: int) -> str:
    """Explain the plan of a row in HTML."""
    request, plan = evaluation.request, evaluation.frame.iloc[row]
    table = explain(request, plan)
    helped = sensitivity(request, plan, by=BY)
    load = "requests in flight" if request.phase == "serving" else "batch"
    over_batches = memory_chart(
        _like(evaluation, plan),
        "batch",
        f"{load.capitalize()} per replica",
        marks={int(plan["batch"]): _POINTER},
    )
    parts = {
        f"{time_words(request.phase)}, by operation": operations_table(table),
        "Roofline": roofline(table),
        f"Memory per device, by {load}": over_batches,
        "What would help": sensitivity_table(helped),
    }
    panels = "".join(
        f"<section><h3>{name}</h3>{drawn}</section>" for name, drawn in parts.items() if drawn
    )
    words = escape(summary(evaluation, plan, table, helped))
    return (
        f"{PANEL_STYLE}"
        f'<div class="llmcalc-status" role="status" aria-live="polite">{words}</div>'
        f'<div class="llmcalc-panels">{panels}</div>'
    )


def summary(evaluation: Evaluation, plan: Row, table: pd.DataFrame, helped: pd.DataFrame) -> str:
    """Say in a sentence what takes most of the time, and what would help most."""
    phase = evaluation.request.phase
    mean = " in the mean" if evaluation.request.percentile else ""
    longest = table.iloc[0]
    both = two_phases(table)
    change = f"{evaluation.latency_column.removesuffix('_s')}_change"
    best = helped.iloc[int(helped[change].argmin())]
    return (
        f"{plan_words(plan, phase)}: {seconds(mean_latency(plan, evaluation))} "
        f"{LATENCY_WORDS[phase]}{mean}, of which "
        f"{share_words(longest['share'], 1)} {operation_words(longest, both=both)} "
        f"({BOUND_WORDS[longest['bound_by']]}). {MORE} {best['change']} would change it by "
        f"{change_words(best[change])}."
    )


def _like(evaluation: Evaluation, plan: Row) -> pd.DataFrame:
    """Give the rows of the same layout, one for each batch."""
    frame = evaluation.frame
    same = frame
    for name in _SAME:
        if name in frame:
            same = same[same[name] == plan[name]]
    return same.drop_duplicates("batch")


def sensitivity_table(table: pd.DataFrame) -> str:
    """Write the table.

    Parameters
    ----------
    table : DataFrame
        From :func:`llmcalc_core.sensitivity`, by :data:`BY`.

    Returns
    -------
    str
        HTML.
    """
    rows = table.set_index("change")
    heads = "".join(f'<th scope="col">{name}</th>' for name in _FIGURES.values())
    most = {name: float(rows[name].abs().max()) for name in _FIGURES}
    body = "".join(
        f'<tr><th scope="row">{words}</th>'
        + "".join(_cell(rows.loc[change], name, most[name]) for name in _FIGURES)
        + "</tr>"
        for change, words in _CHANGES.items()
    )
    return (
        f'<table class="llmcalc-sensitivity"><thead><tr><th scope="col">{MORE}</th>{heads}'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(row: Row, name: str, most: float) -> str:
    """Write one change: a share with its sign, a bar as long as it, the largest in bold."""
    change = float(row[name])
    if abs(change) < _LEAST:
        return '<td class="band">none</td>'
    text = change_words(change)
    if name == "largest_batch_change":
        more = text if isfinite(change) else "none without"
        text = f"{int(row['largest_batch']):,} ({more})"
    text = f"<b>{text}</b>" if abs(change) == most else text
    width = min(100.0, 100 * abs(change) / BY)
    meter = f'<div class="meter" aria-hidden="true"><i style="width:{width:.0f}%"></i></div>'
    return f"<td>{text}{meter}</td>"
