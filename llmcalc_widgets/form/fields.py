"""Controls of one setting each, with room for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from ipywidgets import HTML, Box, HBox, Layout, SelectionSlider, Text, VBox

from llmcalc_widgets.elements.labels import ErrorLine
from llmcalc_widgets.elements.page import page_script, read_asset
from llmcalc_widgets.text.units import number_text

_SCRIPT = read_asset("llmcalc_widgets.form", "explaining.js")


def explaining_script() -> HTML:
    """Make the invisible widget whose script names and explains the controls around it.

    ipywidgets leaves the handle of a slider without a name, and its selection sliders announce the
    place of the value among the stops. The words of the stop stand in their readout, which we do
    not show: the script copies them to the handle. Of text fields and lists that have a label,
    ipywidgets shows no tooltip; the line for errors below each control carries its explanation,
    which the script copies to label and control.
    """
    return page_script(_SCRIPT)


class Commit(Protocol):
    """Takes what a control was set to."""

    def __call__(self, value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
        """Take a value, and whether a slider that is still moving may have set it."""


LABEL_WIDTH = "108px"


class Field(VBox):
    """A control and the message under it.

    Parameters
    ----------
    control : Widget
        What is above the message.
    about : str
        What the control means.
    """

    def __init__(self, control: Any, about: str = "") -> None:  # noqa: ANN401 - ipywidgets is untyped
        self.message = ErrorLine(about)
        self._quiet = False
        super().__init__([control, self.message])
        self.add_class("llmcalc-field")

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Bring the control to a value."""
        raise NotImplementedError

    def disable(self, reason: str, remark: str = "") -> None:
        """Say why the control is of no account now; where it counts, the remark."""
        self.message.aside(reason or remark)

    @contextmanager
    def _silent(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before


class NumberField(Field):
    """A number to type, and a slider over usual values of it.

    Parameters
    ----------
    label : str
        What the number is, with its unit.
    stops : sequence of numbers
        What the slider offers, ascending; empty for no slider.
    commit : callable
        Takes the text typed or the number slid to.
    about : str
        What the number means.
    hint : str
        Shown while the text is empty.
    say : callable
        Writes a stop with its unit, for screen readers.
    """

    def __init__(
        self,
        label: str,
        stops: Sequence[float],
        commit: Commit,
        *,
        about: str = "",
        hint: str = "",
        say: Callable[[float], str] | None = None,
    ) -> None:
        self._say = number_text if say is None else say
        self._stops = tuple(stops)
        self._commit = commit
        self.text = Text(
            description=label,
            placeholder=hint,
            continuous_update=False,
            layout=Layout(width="104px" if stops else "auto", flex="0 0 auto" if stops else "1"),
            style={"description_width": LABEL_WIDTH},
        )
        self.text.observe(self._typed, "value")
        self.slider = self._make_slider(label, about) if stops else None
        self.row = HBox([self.slider, self.text]) if stops else Box([self.text])
        if stops:
            self.text.add_class("llmcalc-hidden-label")
        super().__init__(self.row, about)

    def _make_slider(self, label: str, about: str) -> SelectionSlider:
        slider = SelectionSlider(
            options=[(self._say(stop), stop) for stop in self._stops],
            description=label,
            readout=False,
            tooltip=about,
            layout=Layout(flex="1 1 auto", width="auto", min_width="0"),
            style={"description_width": LABEL_WIDTH},
        )
        slider.observe(self._slid, "index")
        return slider

    def show(self, value: float | str | None) -> None:
        """Bring text and slider to a value; the slider to the nearest one that it has."""
        with self._silent():
            self.text.value = _typed_text(value)
            if self.slider is not None and not isinstance(value, str | None):
                self.slider.index = min(
                    range(len(self._stops)), key=lambda at: abs(self._stops[at] - value)
                )

    def rename(self, label: str) -> None:
        """Write another label."""
        self.text.description = label
        if self.slider is not None:
            self.slider.description = label

    def disable(self, reason: str, remark: str = "") -> None:
        """Switch the control off, and say why; on again for no reason, with the remark."""
        super().disable(reason, remark)
        self.text.disabled = bool(reason)
        if self.slider is not None:
            self.slider.disabled = bool(reason)

    def hint(self, words: str) -> None:
        """Write what holds while the text is empty."""
        self.text.placeholder = words

    def _typed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])

    def _slid(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(self._stops[change["new"]], sliding=True)


def _typed_text(value: float | str | None) -> str:
    """Write a value as it is typed: words as they are."""
    if value is None or isinstance(value, str):
        return value or ""
    return number_text(value)
