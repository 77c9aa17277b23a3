"""The chart: every candidate's latency and throughput, and what is pointed at in it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
from bqplot import Scatter
from ipywidgets import HTML, HBox, Layout, ToggleButton, VBox
from numpy.typing import NDArray

from llmcalc_core import Evaluation
from llmcalc_widgets.style import style_sheet
from llmcalc_widgets.view.figures import (
    band_places,
    bands_ms,
    bar,
    drawn_limit,
    latencies_ms,
    outline,
    places,
    rates,
    steps,
    together,
)
from llmcalc_widgets.view.legend import legend
from llmcalc_widgets.view.notices import heading, notice, status
from llmcalc_widgets.view.palette import colour_slots
from llmcalc_widgets.view.plot import make_plot
from llmcalc_widgets.view.sample import drawn_rows, front_rows
from llmcalc_widgets.view.selection import Selection
from llmcalc_widgets.view.ticks import Ends, limits
from llmcalc_widgets.view.units import seconds
from llmcalc_widgets.view.wording import LATENCY_WORDS, THROUGHPUT_WORDS, tooltips

_NO_ROWS = np.array([], dtype=np.intp)


class Chart(VBox):
    """Draws an evaluation, and writes what is clicked or brushed into the selection.

    Parameters
    ----------
    selection : Selection
        What it writes, and marks.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._evaluation: Evaluation | None = None
        self._rows = {"candidates": _NO_ROWS, "rejected": _NO_ROWS}
        self._ends = Ends(1.0, 10.0), Ends(1.0, 10.0)
        self._mirroring = False
        self.plot = make_plot()
        self.brush_button = ToggleButton(
            description="Brush",
            tooltip="Drag a rectangle over the chart to select the plans in it",
            layout=Layout(width="auto", flex="0 0 auto"),
        )
        self._head, self._legend, self._notice, self._status = (HTML() for _ in range(4))
        self._head.layout.flex = "1 1 auto"
        super().__init__(
            [
                style_sheet(),
                HBox([self._head, self.brush_button], layout=Layout(align_items="flex-start")),
                self._legend,
                self._notice,
                self.plot.figure,
                self._status,
            ],
            layout=Layout(flex="3 1 420px", min_width="320px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-chart")
        for name in self._rows:
            getattr(self.plot, name).observe(self._clicked, "selected")
            getattr(self.plot, name).on_hover(self._hovered)
        self.plot.brush.observe(self._brushed, ["brushing", "selected_x", "selected_y"])
        self.brush_button.observe(self._switch_brush, "value")

    def draw(self, evaluation: Evaluation) -> None:
        """Draw an evaluation; the selection already belongs to it, and the words follow."""
        before, self._evaluation = self._evaluation, evaluation
        same = before is not None and before.request.stage == evaluation.request.stage
        frame = evaluation.frame
        always = {evaluation.recommended, self._selection.row} - {None}
        rows = drawn_rows(frame, evaluation.latency_column, always)
        rejected = (frame["rejected_for"] != "").to_numpy()
        self._rows = {"candidates": rows[~rejected[rows]], "rejected": rows[rejected[rows]]}
        with self.plot.one_update():
            self._draw_axes(evaluation, rows, stay=same)
            self._draw_points(evaluation)
            self._draw_limit(evaluation)
            self._mark_selected(evaluation)
            self.plot.brush.selected_x = self.plot.brush.selected_y = None

    def show_words(self) -> None:
        """Say what is drawn, around the drawing."""
        evaluation = self._evaluation
        if evaluation is None:
            return
        limit = evaluation.request.latency_limit_s
        drawn = set(evaluation.frame["tp"].to_numpy()[self._rows["candidates"]].tolist())
        slots = self._slots(evaluation.frame)
        self._head.value = heading(evaluation)
        self._legend.value = legend(
            {width: slot for width, slot in slots.items() if width in drawn},
            rejected=len(self._rows["rejected"]) > 0,
            limit="" if limit is None else seconds(limit),
        )
        self._notice.value = notice(evaluation)
        self._show_status(evaluation)

    def show_selection(self) -> None:
        """Mark the selected plan, and count the plans in the brush."""
        row, evaluation = self._selection.row, self._evaluation
        if evaluation is None:
            return
        if row is not None and not self._draws(row):
            self.draw(evaluation)
            self.show_words()
            return
        self._mark_selected(evaluation)
        self._show_status(evaluation)

    def _draws(self, row: int) -> bool:
        return any(row in rows for rows in self._rows.values())

    def _place(self, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Places of rows in the chart, from 0 to 1 along each axis."""
        if self._evaluation is None:
            return np.array([]), np.array([])
        return places(self._evaluation, rows, self._ends)

    def _draw_points(self, evaluation: Evaluation) -> None:
        for name, rows in self._rows.items():
            mark = getattr(self.plot, name)
            mark.x, mark.y = self._place(rows)
            mark.tooltip.value = ""
        slots = self._slots(evaluation.frame)
        widths = evaluation.frame["tp"].to_numpy()[self._rows["candidates"]]
        self.plot.candidates.color = np.array([slots[width] for width in widths], dtype=np.float64)
        best = evaluation.recommended
        self.plot.recommended.x, self.plot.recommended.y = self._place(
            _NO_ROWS if best is None else np.array([best])
        )

    def _draw_front(self, evaluation: Evaluation) -> None:
        """Draw the front, its band, and the band of the selected plan, else the recommended."""
        chosen, best = self._selection.row, evaluation.recommended
        row = best if chosen is None else chosen
        pointed = _NO_ROWS if row is None else np.array([row])
        front = front_rows(evaluation.frame, evaluation.latency_column)
        with self.plot.front.hold_sync():
            self.plot.front.x, self.plot.front.y = together(
                outline(*band_places(evaluation, front, self._ends)),
                steps(*self._place(front)),
                bar(*band_places(evaluation, pointed, self._ends)),
            )

    def _draw_limit(self, evaluation: Evaluation) -> None:
        limit = drawn_limit(evaluation)
        self.plot.limit.x = self._ends[0].places(np.repeat(limit, 2))
        self.plot.limit.y = np.array([-1.0, 2.0])[: 2 * len(limit)]

    def _draw_axes(self, evaluation: Evaluation, rows: NDArray[np.intp], *, stay: bool) -> None:
        low, high = (ends[self._rows["candidates"]] for ends in bands_ms(evaluation))
        latencies = latencies_ms(evaluation)[rows]
        stage = evaluation.request.stage
        new = (
            Ends(*limits(np.concatenate([latencies, low, high, drawn_limit(evaluation)]))),
            Ends(*limits(rates(evaluation)[rows])),
        )
        across, up = (
            old.follow(ends) if stay else ends for old, ends in zip(self._ends, new, strict=True)
        )
        self._ends = across, up
        words = f"Time {LATENCY_WORDS[stage]} [ms]", THROUGHPUT_WORDS[stage]
        axes = self.plot.x_axis, self.plot.y_axis
        for axis, ends, label in zip(axes, self._ends, words, strict=True):
            at, axis.tick_labels = ends.ticks()
            axis.tick_values = np.array(at)
            axis.label = label

    def _show_status(self, evaluation: Evaluation) -> None:
        drawn = sum(map(len, self._rows.values()))
        brushed = self._selection.brushed
        count = None if brushed is None else len(brushed)
        self._status.value = status(evaluation, drawn, count)

    @staticmethod
    def _slots(frame: pd.DataFrame) -> dict[int, int]:
        return colour_slots(int(width) for width in frame["tp"].unique())

    def _mark_selected(self, evaluation: Evaluation) -> None:
        """Put ring and bar on the selected plan, and tell both scatters who is selected."""
        row = self._selection.row
        self._draw_front(evaluation)
        self._mirroring = True
        with self.plot.selected.hold_sync():
            chosen = _NO_ROWS if row is None else np.array([row])
            self.plot.selected.x, self.plot.selected.y = self._place(chosen)
        for name, rows in self._rows.items():
            at = np.flatnonzero(rows == row) if row is not None else _NO_ROWS
            getattr(self.plot, name).selected = at if len(at) else None
        self._mirroring = False

    def _clicked(self, change: dict[str, Any]) -> None:
        if self._mirroring:
            return
        mark: Scatter = change["owner"]
        rows = self._rows["candidates" if mark is self.plot.candidates else "rejected"]
        at = change["new"]
        known = at is not None and len(at) and at[-1] < len(rows)
        self._selection.row = int(rows[at[-1]]) if known else None

    def _hovered(self, mark: Scatter, message: dict[str, Any]) -> None:
        """Write the tooltip of the plan under the mouse: text for all would cost every change."""
        rows = self._rows["candidates" if mark is self.plot.candidates else "rejected"]
        at = message.get("data", {}).get("index")
        if self._evaluation is not None and isinstance(at, int) and 0 <= at < len(rows):
            mark.tooltip.value = escape(tooltips(self._evaluation, rows[at : at + 1])[0])

    def _switch_brush(self, change: dict[str, Any]) -> None:
        self.plot.figure.interaction = self.plot.brush if change["new"] else None
        if not change["new"]:
            self.plot.brush.selected_x = self.plot.brush.selected_y = None
            self._selection.brushed = None

    def _brushed(self, _: object) -> None:
        """Take the plans in the rectangle, drawn or not, once the mouse is up."""
        brush, evaluation = self.plot.brush, self._evaluation
        if brush.brushing or evaluation is None:
            return
        across, up = brush.selected_x, brush.selected_y
        if across is None or up is None or not len(across) or not len(up):
            self._selection.brushed = None
            return
        latency, rate = self._place(np.arange(len(evaluation.frame)))
        inside = (min(across) <= latency) & (latency <= max(across))
        inside &= (min(up) <= rate) & (rate <= max(up))
        self._selection.brushed = tuple(int(row) for row in np.flatnonzero(inside))
