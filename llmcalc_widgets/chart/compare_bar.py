"""Controls below the chart: pin the front, compare it with others, take them off again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from ipywidgets import HTML, Button, Combobox, HBox, Layout, VBox
from traitlets import TraitError

from llmcalc_widgets.chart.compared_fronts import ComparedFront, comparison_table
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import ErrorLine, label_with_tooltip
from llmcalc_widgets.transport.disposal import parts_of


class ChartOptions(Protocol):
    """How an evaluation is looked at; a wrong value raises ``TraitError`` and changes nothing.

    Attributes
    ----------
    pins : tuple of mapping
        Fronts that stay while the settings change.
    compared : tuple of mapping
        Changes of settings whose fronts are drawn beside the present one.
    """

    pins: tuple[Mapping[str, Any], ...]
    compared: tuple[Mapping[str, Any], ...]

    def choose_colour(self, name: str) -> None:
        """Set 'colour_by', what tells plans apart in colour."""

    def choose_axis(self, name: str, value: str, shown: tuple[str, str]) -> None:
        """Set 'x_axis' or 'y_axis' to a key of ``AXES``, where two are shown across and up."""

    def offered_comparisons(self) -> Sequence[str]:
        """Give what can be searched for, as it would be typed."""

    def compare_with(self, typed: str) -> None:
        """Draw the front of changes that were typed, beside the others."""


class CompareBar(VBox):
    """Sets what is compared, and shows it as a table.

    Parameters
    ----------
    options : ChartOptions
        Whose pins and comparisons are set.
    pin : callable
        Pins the present front.
    """

    def __init__(self, options: ChartOptions, pin: Callable[[], None]) -> None:
        self._options = options
        self.pin_button = Button(
            description="Pin this front",
            tooltip="Keep this front in the chart while the settings change",
            layout=Layout(width="auto", flex="0 0 auto"),
        )
        self.search = Combobox(
            options=options.offered_comparisons(),
            **label_with_tooltip(
                "Compare with",
                "Draws the front of other hardware, say, beside this one. The rest follows the "
                "form, techniques and prices too; a ';' separates several changes",
            ),
            placeholder="hardware, model, technique ... type to search",
            continuous_update=False,
            layout=Layout(flex="1 1 260px", width="auto"),
            style={"description_width": "initial"},
        )
        self._message = ErrorLine()
        self.chips = HBox(layout=Layout(flex_flow="row wrap", display="none"))
        self._table = HTML(layout=Layout(display="none"))
        controls = HBox([self.pin_button, self.search], layout=Layout(flex_flow="row wrap"))
        super().__init__([controls, self._message, self.chips, self._table])
        self.add_class("llmcalc-compare")
        self.pin_button.on_click(lambda _: self._try(pin))
        self.search.observe(self._typed, "value")

    def show(self, compared: tuple[ComparedFront, ...], view: ChartView) -> None:
        """Show what is compared with a view."""
        names = [f"{other.name}" for other in compared]
        if names != [chip.description.partition(" ")[2] for chip in self.chips.children]:
            self._show_chips(compared)
        self._table.value = comparison_table(compared, view)
        self.chips.layout.display = self._table.layout.display = "" if compared else "none"

    def _show_chips(self, compared: tuple[ComparedFront, ...]) -> None:
        old = self.chips.children
        self.chips.children = [self._chip(other) for other in compared]
        for chip in old:
            for part in parts_of(chip):
                part.close()

    def _chip(self, other: ComparedFront) -> Button:
        chip = Button(
            description=f"\N{MULTIPLICATION SIGN} {other.name}",
            tooltip=f"Take {other.name} off the chart",
            layout=Layout(width="auto"),
        )
        chip.on_click(lambda _: self._take_off(other))
        return chip

    def _take_off(self, other: ComparedFront) -> None:
        kept = list(getattr(self._options, other.kind))
        del kept[other.at]
        setattr(self._options, other.kind, tuple(kept))

    def _typed(self, change: dict[str, Any]) -> None:
        if change["new"].strip():
            self._try(partial(self._add, change["new"]))

    def _add(self, text: str) -> None:
        self._options.compare_with(text)
        self.search.value = ""

    def _try(self, change: Callable[[], None]) -> None:
        try:
            change()
        except TraitError as error:
            self._message.show(str(error))
        else:
            self._message.show("")
