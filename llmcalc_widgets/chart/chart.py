"""The chart: every candidate along two axes to choose, and what is pointed at in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, HBox, Layout, ToggleButton, VBox

from llmcalc_widgets.apps.chart_options import ChartOptions
from llmcalc_widgets.chart.axis_choice import AxisChoice
from llmcalc_widgets.chart.compare_bar import CompareBar
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.front_comparison import Rival
from llmcalc_widgets.chart.keys import key_script
from llmcalc_widgets.chart.legend import legend
from llmcalc_widgets.chart.pointing import Pointing
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.selection import Selection
from llmcalc_widgets.chart.stepper import Stepper
from llmcalc_widgets.panels.notices import heading, notice, said, status
from llmcalc_widgets.panels.waiting import Waiting
from llmcalc_widgets.style import style_sheet


class Chart(VBox):
    """Draws a scene, and writes what is clicked or brushed into the selection.

    Parameters
    ----------
    selection : Selection
        What it writes, and marks.
    options : ChartOptions
        Whose axes and comparisons its controls show and set.
    pin, cancel : callable
        Pins the present front; gives up what is being computed.
    """

    def __init__(
        self,
        selection: Selection,
        options: ChartOptions,
        pin: Callable[[], None],
        cancel: Callable[[], None],
    ) -> None:
        self._selection = selection
        self._scene: Scene | None = None
        self._rivals: tuple[Rival, ...] = ()
        self.drawing = Drawing()
        self._pointing = Pointing(self.drawing, selection)
        self.axes = AxisChoice(options)
        self.compare = CompareBar(options, pin)
        self.waiting = Waiting(self.plot.figure, cancel)
        self.stepper = Stepper(selection)
        self.brush_button = ToggleButton(
            description="Brush",
            tooltip="Drag a rectangle over the chart to select the plans in it",
            layout=Layout(width="auto", flex="0 0 auto"),
        )
        self._head, self._legend, self._notice, self._status, self._said = (
            HTML() for _ in range(5)
        )
        self._head.layout.flex = "1 1 auto"
        tools = [self.axes, self.brush_button]
        self._said.layout.flex = "1 1 200px"
        super().__init__(
            [
                style_sheet(),
                key_script(),
                self._head,
                HBox(tools, layout=Layout(flex_flow="row wrap")),
                self._legend,
                self._notice,
                self.waiting,
                self.plot.figure,
                self._status,
                HBox([self._said, self.stepper], layout=Layout(flex_flow="row wrap")),
                self.compare,
            ],
            layout=Layout(flex="3 1 420px", min_width="320px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-chart")
        self.brush_button.observe(self._switch_brush, "value")

    @property
    def plot(self) -> Any:  # noqa: ANN401 - bqplot is untyped
        """The widgets of the figure."""
        return self.drawing.plot

    def draw(self, scene: Scene, rivals: tuple[Rival, ...]) -> None:
        """Draw a scene and its rivals; the selection belongs to it already, the words follow."""
        self._scene = self._pointing.scene = self.stepper.scene = scene
        self._rivals = rivals
        self.drawing.draw(scene, self._selection.row, rivals)

    def show_words(self) -> None:
        """Say what is drawn, around the drawing."""
        scene = self._scene
        if scene is None:
            return
        evaluation = scene.evaluation
        self.axes.show(scene.names, evaluation.request.stage)
        self._head.value = heading(evaluation)
        self._legend.value = legend(
            self.drawing.slots(), scene, rejected=len(self.drawing.rows["rejected"]) > 0
        )
        self._notice.value = notice(scene)
        self.compare.show(self._rivals, scene)
        self._show_status(scene)

    def clear_words(self) -> None:
        """Say nothing around the drawing."""
        for words in (self._head, self._legend, self._notice, self._status, self._said):
            words.value = ""

    def show_selection(self) -> None:
        """Mark the selected plan, and count the plans in the brush."""
        row, scene = self._selection.row, self._scene
        if scene is None:
            return
        if row is not None and not self.drawing.shows(row):
            self.draw(scene, self._rivals)
            self.show_words()
            return
        self.drawing.mark(row)
        self._show_status(scene)

    def _show_status(self, scene: Scene) -> None:
        drawn = sum(map(len, self.drawing.rows.values()))
        brushed = self._selection.brushed
        count = None if brushed is None else len(brushed)
        self._status.value = status(scene, drawn, count)
        self._said.value = said(scene, self._selection.row)

    def _switch_brush(self, change: dict[str, Any]) -> None:
        self._pointing.switch_brush(on=change["new"])
