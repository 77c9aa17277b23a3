"""Buttons that step along the front."""

from __future__ import annotations

from ipywidgets import Button, HBox, Layout

from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.selection import Selection

_BUTTONS = {
    "first": ("First", "Select the first plan of the Pareto front (Home, in the chart)"),
    "previous": ("Previous", "Select the plan before on the Pareto front (left arrow)"),
    "next": ("Next", "Select the next plan on the Pareto front (right arrow)"),
    "last": ("Last", "Select the last plan of the Pareto front (End)"),
    "clear": ("Clear", "Select no plan (Escape)"),
}
_SHOWN = ("previous", "next", "clear")
"""The others are for keys."""


class Stepper(HBox):
    """Selects one plan of the front after the other.

    Parameters
    ----------
    selection : Selection
        What it writes.

    Attributes
    ----------
    scene : Scene or None
        Whose front.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.scene: Scene | None = None
        self.buttons = {name: self._button(name) for name in _BUTTONS}
        super().__init__(list(self.buttons.values()), layout=Layout(flex="0 0 auto"))
        self.add_class("llmcalc-steps")

    def step(self, name: str) -> None:
        """Select the 'first', 'previous', 'next' or 'last' plan of the front, or 'clear'."""
        if name == "clear":
            self._selection.row = None
        elif self.scene is not None and len(self.scene.front):
            self._selection.row = int(self.scene.front[self._place(self.scene, name)])

    def _place(self, scene: Scene, name: str) -> int:
        last = len(scene.front) - 1
        if name in {"first", "last"}:
            return 0 if name == "first" else last
        front: list[int] = scene.front.tolist()
        row: int | None = self._selection.row
        if row not in front:
            best = scene.evaluation.recommended
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
