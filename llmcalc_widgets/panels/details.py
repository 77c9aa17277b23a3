"""The plans in words and numbers: the recommended one, and the selected one beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from ipywidgets import HTML, Dropdown, Layout, VBox

from llmcalc_core import MEMORY_COLUMNS, TIME_COLUMNS, Evaluation
from llmcalc_widgets.chart.legend import DIAMOND, RING, drawing
from llmcalc_widgets.chart.palette import MEMORY_COLOURS, TIME_COLOURS
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import label_with_tooltip
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.settings.registry import SETTINGS
from llmcalc_widgets.state import Selection
from llmcalc_widgets.text.plan_words import (
    BOUND_WORDS,
    MEMORY_WORDS,
    TIME_WORDS,
    Row,
    banded_words,
    mean_latency,
    of_words,
    plans_words,
    rejection_words,
    share_words,
    split_words,
    time_text,
    time_words,
)
from llmcalc_widgets.text.request_words import at_one_rate, limit_words
from llmcalc_widgets.text.units import gigabytes, number, percentile_text, seconds, tokens_per_s

_RECOMMENDED = f"{drawing(DIAMOND)}Recommended"
_SELECTED = f"{drawing(RING)}Selected"

Figure = tuple[str, Callable[[Row], str]]


def plan_table(evaluation: Evaluation, selected: int | None) -> str:
    """Write the table.

    Parameters
    ----------
    evaluation : Evaluation
        Whose plans.
    selected : int or None
        The row beside the recommended one.

    Returns
    -------
    str
        HTML.
    """
    columns: list[tuple[str, Row]] = []
    if evaluation.recommended is not None:
        columns.append((_RECOMMENDED, evaluation.plan(evaluation.recommended)))
    if selected is not None:
        columns.append((_SELECTED, evaluation.plan(selected)))
    if not columns:
        return '<div class="llmcalc-note">No plan to recommend.</div>'
    heads = "".join(f'<th scope="col">{head}</th>' for head, _ in columns)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{figure(row)}</td>" for _, row in columns)
        + "</tr>"
        for name, figure in _figures(evaluation)
    )
    return (
        f'<table><thead><tr><th scope="row"></th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<div class="llmcalc-note">{_reason(evaluation)}</div>'
    )


def plan_heading(*, selected: bool) -> str:
    """Write whose bars follow."""
    return f'<h3 class="whose">{_SELECTED if selected else _RECOMMENDED} plan</h3>'


def _figures(evaluation: Evaluation) -> list[Figure]:
    request = evaluation.request
    generating = request.phase != "prefill"
    said = percentile_text(request.percentile)
    which = f", {said}" if said else ""
    figures: list[Figure] = [
        ("Plan of a replica", lambda row: f'<span class="plan">{split_words(row)}</span>'),
        ("Replicas", lambda row: f"{int(row['replicas']):,}"),
        ("In flight each" if request.phase == "serving" else "Batch each",
         lambda row: f"{int(row['batch']):,}"),
        ("Devices", lambda row: f"{int(row['devices']):,}"),
        ("Verdict", lambda row: _verdict(row, evaluation)),
        (f"Per token{which}", lambda row: _banded(row, "tpot")),
        (f"First token{which}", lambda row: _banded(row, "ttft")),
        (f"End to end{which}", lambda row: time_text(row["e2e_latency_s"])),
        *(_MEANS if said else ()),
        ("Throughput" if generating else "Prompt rate",
         lambda row: tokens_per_s(row["tokens_per_s"])),
        ("per device", lambda row: tokens_per_s(row["tokens_per_s_per_device"])),
    ]  # fmt: skip
    if generating:
        figures.append(("per user", lambda row: tokens_per_s(1 / row["tpot_s"])))
    if request.request_rates:
        figures.append(("Requests sent", lambda row: f"{number(row['request_rate'])} /s"))
    figures += [
        (
            "Requests served" if request.request_rates else "Requests",
            lambda row: f"{number(row['requests_per_s'])} /s",
        ),
        ("Bound by", lambda row: BOUND_WORDS[str(row["bound_by"])]),
    ]  # fmt: skip
    return figures


_MEANS: tuple[Figure, ...] = (
    ("mean per token", lambda row: time_text(row["tpot_mean_s"])),
    ("mean first token", lambda row: time_text(row["ttft_mean_s"])),
)
"""Beside percentiles."""


def _verdict(row: Row, evaluation: Evaluation) -> str:
    """Say why a plan is rejected, or that it fits, and where a larger batch may be better."""
    rejected = rejection_words(row, evaluation.request)
    if rejected or not (evaluation.at_edge and evaluation.request.is_largest_batch(row["batch"])):
        return rejected or "fits"
    return f"fits; the largest batch tried: raise <b>{SETTINGS['batch_max'].label}</b>"


def _banded(row: Row, name: str) -> str:
    values = [float(row[f"{name}{end}_s"]) for end in ("", "_low", "_high")]
    time, _, band = banded_words(*values).partition(", ")
    return f'{time}, <span class="band">{band}</span>' if band else time


def _reason(evaluation: Evaluation) -> str:
    if evaluation.recommended is None:
        return ""
    limits = len(limit_words(evaluation.request))
    within = f" and meet the limit{'s' if limits > 1 else ''}" if limits else ""
    best = "quickest within 2 % of most tokens/s per device"
    if at_one_rate(evaluation.request):
        best = f"shortest {of_words('time per output token', evaluation.request.percentile)}"
    return f"Recommended: {best} of the plans that fit in memory{within}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a bar: its share of the bar's length [1], its colour and its words."""

    share: float
    colour: str
    words: str


def memory_bar(row: Row) -> str:
    """Draw what a plan needs on its fullest device against what may be used."""
    used, free = float(row["device_memory_bytes"]), float(row["memory_headroom_bytes"])
    usable = used + free
    whole = max(used, usable)
    parts = [
        Part(
            share=float(row[name]) / whole,
            colour=MEMORY_COLOURS[name],
            words=f"{MEMORY_WORDS[name]} {gigabytes(float(row[name]))}",
        )
        for name in MEMORY_COLUMNS
    ]
    if free >= 0:
        parts.append(Part(share=free / whole, colour="", words=f"free {gigabytes(free)}"))
        head = f"{gigabytes(used)} of {gigabytes(usable)} usable"
    else:
        head = f"{gigabytes(used)}, {gigabytes(-free)} more than usable"
    mark = usable / whole if free < 0 else None
    return _bar("Memory per device", head, parts, mark)


def time_bar(row: Row, latency: float, *, phase: str) -> str:
    """Draw where the mean time of the phase goes."""
    parts = [
        Part(
            share=float(row[name]) / latency,
            colour=TIME_COLOURS[name],
            words=f"{TIME_WORDS[name]} {share_words(float(row[name]), latency)}",
        )
        for name in TIME_COLUMNS
    ]
    return _bar(time_words(phase), seconds(latency), parts, None)


def _bar(name: str, head: str, parts: Sequence[Part], mark: float | None) -> str:
    pieces = "".join(
        f'<i style="width:{100 * part.share:.2f}%;background:{part.colour}"></i>'
        for part in parts
        if part.colour
    )
    line = "" if mark is None else f'<u style="left:{100 * mark:.2f}%"></u>'
    keys = "".join(f"<span>{_swatch(part.colour)}{part.words}</span>" for part in parts)
    return (
        f'<div class="llmcalc-bar"><div class="name"><b>{name}</b><span>{head}</span></div>'
        f'<div class="track" aria-hidden="true">{pieces}{line}</div>'
        f'<div class="llmcalc-key">{keys}</div></div>'
    )


def _swatch(colour: str) -> str:
    return f'<i style="background:{colour}"></i>' if colour else '<i class="free"></i>'


_NOBODY = -1  # Dropdown shows an empty line for the value None
_NONE = ("none: click a point, or choose one", _NOBODY)


class Details(VBox):
    """Shows the recommended and the selected plan; its list writes the selection.

    Parameters
    ----------
    selection : Selection
        What it writes and shows.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._evaluation: Evaluation | None = None
        self._front = np.array([], dtype=np.intp)
        self._listed: Evaluation | None = None
        self._quiet = False
        self.picker = Dropdown(
            options=[_NONE],
            **label_with_tooltip(
                "Selected", "The plan whose figures stand beside the recommended ones"
            ),
            layout=Layout(width="auto"),
            style={"description_width": "64px"},
        )
        self._table, self._bars, self._basis = HTML(), HTML(), HTML()
        super().__init__(
            [
                style_sheet(),
                VBox([self.picker, self._table]),
                VBox([self._bars, self._basis]),
            ],
            layout=Layout(flex="1 1 340px", min_width="300px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-details")
        self.picker.observe(self._picked, "value")

    def take(self, view: ChartView) -> None:
        """Take a view, to be shown next; the selection already belongs to it."""
        self._evaluation, self._front = view.evaluation, view.front

    def show_selection(self) -> None:
        """Show the selected plan beside the recommended one."""
        evaluation = self._evaluation
        if evaluation is None:
            return
        self._fill_picker(evaluation)
        row = evaluation.recommended if self._selection.row is None else self._selection.row
        self._table.value = plan_table(evaluation, self._selection.row)
        if row is None:
            self._bars.value = self._basis.value = ""
            return
        plan = evaluation.plan(row)
        phase = evaluation.request.phase
        self._bars.value = (
            plan_heading(selected=self._selection.row is not None)
            + memory_bar(plan)
            + time_bar(plan, mean_latency(plan, evaluation), phase=phase)
        )
        self._basis.value = (
            f'<div class="llmcalc-note">Times are {plan["basis"]}. '
            f"{escape(evaluation.basis_reason(row))} "
            "Eight in ten measurements are inside the 80 % band.</div>"
        )

    def clear(self) -> None:
        """Show no plan."""
        self._table.value = self._bars.value = self._basis.value = ""

    def _fill_picker(self, evaluation: Evaluation) -> None:
        rows = self._front.tolist()
        if self._selection.row is not None and self._selection.row not in rows:
            rows.append(self._selection.row)
        plans = zip(plans_words(evaluation, np.array(rows, dtype=np.intp)), rows, strict=True)
        options = (_NONE, *plans)
        self._quiet = True
        with self.picker.hold_sync():
            if self.picker.options != options:
                self.picker.options = options
            self.picker.value = _NOBODY if self._selection.row is None else self._selection.row
        self._quiet = False
        self._listed = evaluation

    def _picked(self, change: dict[str, Any]) -> None:
        """Select a plan of the list, unless a new list is on its way."""
        if not self._quiet and self._listed is self._evaluation:
            self._selection.row = None if change["new"] == _NOBODY else change["new"]
