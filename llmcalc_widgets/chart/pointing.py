"""From the mouse to the selection: clicks, hovering and the brush."""

from __future__ import annotations

from html import escape
from typing import Any

from bqplot import Scatter

from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.selection import Selection
from llmcalc_widgets.text.wording import tooltips


class Pointing:
    """Writes what is clicked or brushed into the selection.

    Parameters
    ----------
    drawing : Drawing
        Where the mouse is.
    selection : Selection
        What it writes.

    Attributes
    ----------
    scene : Scene or None
        What is drawn.
    """

    def __init__(self, drawing: Drawing, selection: Selection) -> None:
        self._drawing = drawing
        self._selection = selection
        self.scene: Scene | None = None
        for name in drawing.rows:
            getattr(drawing.plot, name).observe(self._clicked, "selected")
            getattr(drawing.plot, name).on_hover(self._hovered)
        drawing.plot.brush.observe(self._brushed, ["brushing", "selected_x", "selected_y"])

    def switch_brush(self, *, on: bool) -> None:
        """Let the mouse drag a rectangle, or click again."""
        plot = self._drawing.plot
        plot.figure.interaction = plot.brush if on else None
        if not on:
            plot.brush.selected_x = plot.brush.selected_y = None
            self._selection.brushed = None

    def _scatter(self, mark: Scatter) -> str:
        return "candidates" if mark is self._drawing.plot.candidates else "rejected"

    def _clicked(self, change: dict[str, Any]) -> None:
        if self._drawing.marking:
            return
        rows, at = self._drawing.rows[self._scatter(change["owner"])], change["new"]
        known = at is not None and len(at) and at[-1] < len(rows)
        self._selection.row = int(rows[at[-1]]) if known else None

    def _hovered(self, mark: Scatter, message: dict[str, Any]) -> None:
        """Write the tooltip of the plan under the mouse: text for all would cost every change."""
        rows = self._drawing.rows[self._scatter(mark)]
        at = message.get("data", {}).get("index")
        if self.scene is not None and isinstance(at, int) and 0 <= at < len(rows):
            mark.tooltip.value = escape(tooltips(self.scene, rows[at : at + 1])[0])

    def _brushed(self, _: object) -> None:
        """Take the plans in the rectangle once the mouse is up."""
        brush = self._drawing.plot.brush
        if brush.brushing or self.scene is None:
            return
        sides = brush.selected_x, brush.selected_y
        drawn = all(side is not None and len(side) for side in sides)
        self._selection.brushed = self._drawing.rows_within(*sides) if drawn else None
