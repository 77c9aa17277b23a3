"""From keyboard and mouse to the selection: steps along the front, clicks, hovering, the brush."""

from __future__ import annotations

from html import escape
from typing import Any

from bqplot import Scatter
from ipywidgets import HTML, Button, HBox, Layout

from llmcalc_widgets.chart.captions import tooltips
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.page import page_script, read_asset
from llmcalc_widgets.state import Selection

STEPS = {"ArrowLeft": "previous", "ArrowDown": "previous", "ArrowRight": "next",
         "ArrowUp": "next", "Home": "first", "End": "last", "Escape": "clear"}  # fmt: skip
"""Keys in the chart, and the buttons that they press."""


_BUTTON_CLASS = "llmcalc-step-"
"""How the class of a button begins that a key presses."""

_SCRIPT = read_asset("llmcalc_widgets.chart", "keys.js")


_BUTTONS = {
    "first": ("First", "Select the first plan of the Pareto front (Home, in the chart)"),
    "previous": ("Previous", "Select the plan before on the Pareto front (left arrow)"),
    "next": ("Next", "Select the next plan on the Pareto front (right arrow)"),
    "last": ("Last", "Select the last plan of the Pareto front (End)"),
    "clear": ("Clear", "Select no plan (Escape)"),
}
_SHOWN = ("previous", "next", "clear")
"""The others are for keys."""


def key_script() -> HTML:
    """Make the invisible widget whose script lets the chart around it have the focus.

    JupyterLab and Notebook bind plain keys such as the arrows and "d d" to commands of the notebook
    while no cell is being edited, and take them before the widget that has the focus: a slider does
    not move. They leave alone an element that carries ``data-lm-suppress-shortcuts``, which no
    widget of ipywidgets can set; so the script does, for as long as a key is pressed in a part of
    ours. Without the script everything is still reached by the tab key.
    """
    return page_script(_SCRIPT, keys=STEPS, prefix=_BUTTON_CLASS)


class FrontStepper(HBox):
    """Selects one plan of the front after the other.

    Parameters
    ----------
    selection : Selection
        What it writes.

    Attributes
    ----------
    view : ChartView or None
        Whose front.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.view: ChartView | None = None
        self.buttons = {name: self._button(name) for name in _BUTTONS}
        super().__init__(list(self.buttons.values()), layout=Layout(flex="0 0 auto"))
        self.add_class("llmcalc-steps")

    def step(self, name: str) -> None:
        """Select the 'first', 'previous', 'next' or 'last' plan of the front, or 'clear'."""
        if name == "clear":
            self._selection.row = None
        elif self.view is not None and len(self.view.front):
            self._selection.row = int(self.view.front[self._place(self.view, name)])

    def _place(self, view: ChartView, name: str) -> int:
        last = len(view.front) - 1
        if name in {"first", "last"}:
            return 0 if name == "first" else last
        front: list[int] = view.front.tolist()
        row: int | None = self._selection.row
        if row not in front:
            best = view.evaluation.recommended
            return front.index(best) if row is None and best in front else 0
        return min(max(front.index(row) + (1 if name == "next" else -1), 0), last)

    def _button(self, name: str) -> Button:
        label, tooltip = _BUTTONS[name]
        shown = None if name in _SHOWN else "none"
        button = Button(
            description=label, tooltip=tooltip, layout=Layout(width="auto", display=shown)
        )
        button.add_class(f"llmcalc-step-{name}")
        button.on_click(lambda _: self.step(name))
        return button


class MouseSelection:
    """Writes what is clicked or brushed into the selection.

    Parameters
    ----------
    drawing : Drawing
        Where the mouse is.
    selection : Selection
        What it writes.

    Attributes
    ----------
    view : ChartView or None
        What is drawn.
    """

    def __init__(self, drawing: Drawing, selection: Selection) -> None:
        self._drawing = drawing
        self._selection = selection
        self.view: ChartView | None = None
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
        if self.view is not None and isinstance(at, int) and 0 <= at < len(rows):
            mark.tooltip.value = escape(tooltips(self.view, rows[at : at + 1])[0])

    def _brushed(self, _: object) -> None:
        """Take the plans in the rectangle once the mouse is up."""
        brush = self._drawing.plot.brush
        if brush.brushing or self.view is None:
            return
        sides = brush.selected_x, brush.selected_y
        drawn = all(side is not None and len(side) for side in sides)
        self._selection.brushed = self._drawing.rows_within(*sides) if drawn else None
