"""The plans in words and numbers: the recommended one, and the selected one beside it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from ipywidgets import HTML, Dropdown, Layout, VBox

from llmcalc_core import Evaluation
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import label_with_tooltip
from llmcalc_widgets.elements.style import style_sheet
from llmcalc_widgets.panels.plan_summary import memory_bar, plan_heading, plan_table, time_bar
from llmcalc_widgets.selection import Selection
from llmcalc_widgets.text.plan_words import mean_latency, plans_words

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
