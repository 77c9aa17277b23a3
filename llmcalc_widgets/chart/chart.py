"""The chart: every candidate along two axes to choose, and what is pointed at in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Dropdown, HBox, Layout, ToggleButton, VBox

from llmcalc_widgets.chart.axes import AXES
from llmcalc_widgets.chart.captions import heading, notice, plan_count, selected_plan
from llmcalc_widgets.chart.compare_bar import ChartOptions, CompareBar
from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.interaction import FrontStepper, MouseSelection, key_script
from llmcalc_widgets.chart.legend import legend
from llmcalc_widgets.chart.palette import COLOUR_WORDS
from llmcalc_widgets.chart.progress import ProgressNotice
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import label_with_tooltip
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.state import Selection

_LISTS = {
    "x_axis": ("Across", "What the chart shows from left to right"),
    "y_axis": ("Up", "What the chart shows from bottom to top"),
}


class Chart(VBox):
    """Draws a view, and writes what is clicked or brushed into the selection.

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
        self._view: ChartView | None = None
        self._compared: tuple[ComparedFront, ...] = ()
        self.drawing = Drawing()
        self._pointing = MouseSelection(self.drawing, selection)
        self.axes = AxisChoice(options)
        self.compare = CompareBar(options, pin)
        self.waiting = ProgressNotice(self.plot.figure, cancel)
        self.stepper = FrontStepper(selection)
        self.brush_button = ToggleButton(
            description="Brush",
            tooltip="Drag a rectangle over the chart to select the plans in it",
            layout=Layout(width="auto", flex="0 0 auto"),
        )
        self._head, self._legend, self._notice, self._status, self._said = (
            HTML() for _ in range(5)
        )
        self._head.layout.flex = "1 1 auto"
        tools = [self.axes, self.brush_button, self.stepper]
        super().__init__(
            [
                style_sheet(),
                key_script(),
                self._head,
                self._legend,
                self._notice,
                self.waiting,
                self.plot.figure,
                self._status,
                self._said,
                HBox(tools, layout=Layout(flex_flow="row wrap")),
                self.compare,
            ],
            layout=Layout(flex="0 0 auto", min_width="0"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-chart")
        self.brush_button.observe(self._switch_brush, "value")

    @property
    def plot(self) -> Any:  # noqa: ANN401 - bqplot is untyped
        """The widgets of the figure."""
        return self.drawing.plot

    def draw(self, view: ChartView, compared: tuple[ComparedFront, ...]) -> None:
        """Draw a view and the fronts compared with it; the selection is of it, the words follow."""
        self._view = self._pointing.view = self.stepper.view = view
        self._compared = compared
        self.drawing.draw(view, self._selection.row, compared)

    def show_words(self) -> None:
        """Say what is drawn, around the drawing."""
        view = self._view
        if view is None:
            return
        evaluation = view.evaluation
        self.axes.show(view)
        self._head.value = heading(evaluation)
        self._legend.value = legend(
            self.drawing.slots(), view, rejected=len(self.drawing.rows["rejected"]) > 0
        )
        self._notice.value = notice(view)
        self.compare.show(self._compared, view)
        self._show_status(view)

    def clear_words(self) -> None:
        """Say nothing around the drawing."""
        for words in (self._head, self._legend, self._notice, self._status, self._said):
            words.value = ""

    def show_selection(self) -> None:
        """Mark the selected plan, and count the plans in the brush."""
        row, view = self._selection.row, self._view
        if view is None:
            return
        if row is not None and not self.drawing.shows(row):
            self.draw(view, self._compared)
            self.show_words()
            return
        self.drawing.mark(row)
        self._show_status(view)

    def _show_status(self, view: ChartView) -> None:
        drawn = sum(map(len, self.drawing.rows.values()))
        brushed = self._selection.brushed
        count = None if brushed is None else len(brushed)
        self._status.value = plan_count(view, drawn, count)
        self._said.value = selected_plan(view, self._selection.row)

    def _switch_brush(self, change: dict[str, Any]) -> None:
        self._pointing.switch_brush(on=change["new"])


class AxisChoice(HBox):
    """Shows what is across and up, and sets it.

    Parameters
    ----------
    options : ChartOptions
        What is set.
    """

    def __init__(self, options: ChartOptions) -> None:
        self._options = options
        self._names = "", ""
        self._quiet = False
        self.lists = {
            name: Dropdown(
                options=[(axis.name, key) for key, axis in AXES.items()],
                **label_with_tooltip(label, about),
                layout=Layout(width="auto"),
                style={"description_width": "initial"},
            )
            for name, (label, about) in _LISTS.items()
        }
        self.colour = Dropdown(
            options=[(words, key) for key, words in COLOUR_WORDS.items()],
            **label_with_tooltip("Colour", "What tells plans apart in colour"),
            layout=Layout(width="auto"),
            style={"description_width": "initial"},
        )
        super().__init__(
            [*self.lists.values(), self.colour],
            layout=Layout(flex="1 1 auto", flex_flow="row wrap"),
        )
        self.colour.observe(self._coloured, "value")
        for chooser in self.lists.values():
            chooser.observe(self._chosen, "value")

    def show(self, view: ChartView) -> None:
        """Show the axes that are drawn, and what gives plans their colour."""
        self._names, self._quiet = view.names, True
        for chooser, name in zip(self.lists.values(), view.names, strict=True):
            chooser.value = name
        self.colour.value = view.colour_by
        self._quiet = False

    def _coloured(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._options.choose_colour(change["new"])

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            name = next(key for key, one in self.lists.items() if one is change["owner"])
            self._options.choose_axis(name, change["new"], self._names)
