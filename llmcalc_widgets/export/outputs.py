"""The drawers below the explorer: each is made when it is first opened, and rests while shut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from ipywidgets import HBox, Layout, VBox, Widget

from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import fold_button
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.export.files import Files
from llmcalc_widgets.export.listing import Listing, output_style
from llmcalc_widgets.panels.load import TITLE, LoadDrawer
from llmcalc_widgets.panels.why import Why
from llmcalc_widgets.runner.simulations import LoadRunner
from llmcalc_widgets.settings.load import LoadQuestion
from llmcalc_widgets.state import Selection
from llmcalc_widgets.table.table import PlanTable
from llmcalc_widgets.transport.disposal import parts_of

_CODE = "Python code"


class Drawn(Protocol):
    """What a drawer holds: a widget that can be brought to a view."""

    layout: Layout

    def show(self, view: ChartView) -> None:
        """Show a view, and what is selected now."""


class Outputs(VBox):
    """Buttons, and under them what each of them opens.

    Parameters
    ----------
    selection : Selection
        What is pointed at.
    drawing : Drawing
        What pictures are made of.
    loads : LoadRunner
        Computes load curves.
    include : callable
        Takes the widgets of a drawer that was opened (``BatchedMessages.include``).
    write : callable
        Writes what is set in a line.

    Attributes
    ----------
    view : ChartView or None
        What is shown; None before the first evaluation.
    compared : tuple of ComparedFront
        What is shown beside it.
    parts : dict of str to widget
        What has been opened so far, by the name of its drawer.
    """

    _made: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(
        self,
        selection: Selection,
        drawing: Drawing,
        loads: LoadRunner,
        include: Callable[[Sequence[Widget]], None],
        write: Callable[[], str],
    ) -> None:
        self._include, self._loads = include, loads
        self.view: ChartView | None = None
        self.compared: tuple[ComparedFront, ...] = ()
        self._makers: dict[str, Callable[[], Any]] = {
            "Why this plan?": partial(Why, selection),
            TITLE: partial(LoadDrawer, selection, loads),
            "Table of plans": partial(PlanTable, selection),
            _CODE: partial(Listing, selection, lambda: self.compared, self.load_question),
            "Files": partial(Files, drawing, write),
        }
        self.parts: dict[str, Any] = {}
        self.buttons = {name: fold_button(name) for name in self._makers}
        self._fixed = style_sheet(), output_style(), HBox([*self.buttons.values()])
        super().__init__(
            self._fixed,
            layout=Layout(flex="1 1 100%", min_width="0"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-outputs")
        loads.state.observe(self._show_load, "found")
        for name, button in self.buttons.items():
            button.observe(partial(self._switch, name), "value")

    def reveal(self, name: str) -> Any:  # noqa: ANN401 - each drawer holds a widget of its own
        """Open a drawer, and return what it holds.

        Raises
        ------
        ValueError
            For a name that no drawer has.
        """
        if name not in self.buttons:
            msg = f"name must be one of {', '.join(map(repr, self.buttons))}, got {name!r}"
            raise ValueError(msg)
        self.buttons[name].value = True
        return self.parts[name]

    def take(self, view: ChartView, compared: tuple[ComparedFront, ...]) -> None:
        """Take a view and the fronts compared with it, to be shown next; the selection is of it."""
        self.view, self.compared = view, compared

    def load_question(self) -> LoadQuestion | None:
        """Give what the load curve is of that is seen; None where none is."""
        return self._loads.state.found.answered if self.buttons[TITLE].value else None

    def show_selection(self) -> None:
        """Bring what is open to the view, and to what is selected in it."""
        if not self.buttons[TITLE].value:
            self._loads.clear()
        for name, part in self.parts.items():
            if self.view is not None and self.buttons[name].value:
                part.show(self.view)

    def close(self) -> None:
        """Close the drawers with all that they hold."""
        for part in self._made:
            part.close()
        super().close()

    def _show_load(self, _: object) -> None:
        """Write the code anew that gives the load curve too."""
        if self.view is not None and self.buttons[_CODE].value and _CODE in self.parts:
            self.parts[_CODE].show(self.view)

    def _switch(self, name: str, change: dict[str, Any]) -> None:
        opened = change["new"]
        if opened and name not in self.parts:
            self.parts[name] = self._makers[name]()
            made = parts_of(self.parts[name])
            self._include(made)
            self._made = [*self._made, *made]
            opened_so_far = [self.parts[each] for each in self.buttons if each in self.parts]
            self.children = [*self._fixed, *opened_so_far]
        self.parts[name].layout.display = None if opened else "none"
        self.show_selection()
