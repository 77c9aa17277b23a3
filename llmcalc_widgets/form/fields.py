"""Controls of one setting each, with room for what is wrong with it."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from ipywidgets import HTML, Box, Dropdown, HBox, Layout, SelectionSlider, Text, ToggleButtons, VBox


class Commit(Protocol):
    """Takes what a control was set to."""

    def __call__(self, value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
        """Take a value, and whether a slider that is still moving may have set it."""


LABEL_WIDTH = "108px"


class ErrorLine(HTML):
    """A line that says what is wrong, and takes no room while nothing is."""

    def __init__(self) -> None:
        self._message = ""
        super().__init__(layout=Layout(display="none"))
        self.add_class("llmcalc-error")

    def show(self, message: str) -> None:
        """Show what is wrong, or nothing for an empty message."""
        if message != self._message:
            self._message = message
            self.value = f'<span role="alert">{html.escape(message)}</span>' if message else ""
            self.layout.display = "" if message else "none"


class Field(VBox):
    """A control and the message under it.

    Parameters
    ----------
    control : Widget
        What is above the message.
    """

    def __init__(self, control: Any) -> None:  # noqa: ANN401 - ipywidgets is untyped
        self.message = ErrorLine()
        self._quiet = False
        super().__init__([control, self.message])
        self.add_class("llmcalc-field")

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Bring the control to a value."""
        raise NotImplementedError

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
    hint : str
        Shown while the text is empty.
    """

    def __init__(
        self, label: str, stops: Sequence[float], commit: Commit, *, hint: str = ""
    ) -> None:
        self._stops = tuple(stops)
        self._commit = commit
        self.text = Text(
            description=label,
            placeholder=hint,
            continuous_update=False,
            layout=Layout(width="76px" if stops else "auto", flex="0 0 auto" if stops else "1"),
            style={"description_width": LABEL_WIDTH},
        )
        self.text.observe(self._typed, "value")
        self.slider = self._make_slider(label) if stops else None
        row = HBox([self.slider, self.text]) if stops else Box([self.text])
        if stops:
            self.text.add_class("llmcalc-hidden-label")
        super().__init__(row)

    def _make_slider(self, label: str) -> SelectionSlider:
        slider = SelectionSlider(
            options=[(number_text(stop), stop) for stop in self._stops],
            description=label,
            readout=False,
            layout=Layout(flex="1 1 auto", width="auto", min_width="0"),
            style={"description_width": LABEL_WIDTH},
        )
        slider.observe(self._slid, "index")
        return slider

    def show(self, value: float | None) -> None:
        """Bring text and slider to a value; the slider to the nearest one that it has."""
        with self._silent():
            self.text.value = "" if value is None else number_text(value)
            if self.slider is not None and value is not None:
                self.slider.index = min(
                    range(len(self._stops)), key=lambda at: abs(self._stops[at] - value)
                )

    def _typed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])

    def _slid(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(self._stops[change["new"]], sliding=True)


class ChoiceField(Field):
    """A list to choose from; a value that it lacks is added to it.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Values.
    commit : callable
        Takes the value chosen.
    name_of : callable
        Names a value, also one that is not in the list.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[str],
        commit: Commit,
        name_of: Callable[[Any], str] = str,
    ) -> None:
        self._choices = tuple((name_of(value), value) for value in choices)
        self._commit = commit
        self._name_of = name_of
        self.dropdown = Dropdown(
            options=self._choices,
            description=label,
            layout=Layout(width="auto"),
            style={"description_width": LABEL_WIDTH},
        )
        self.dropdown.observe(self._chosen, "value")
        super().__init__(self.dropdown)

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Choose a value, adding it if need be."""
        with self._silent():
            if all(value != known for _, known in self.dropdown.options):
                added = (self._name_of(value), value)
                self.dropdown.options = (*self._choices, added)
            self.dropdown.value = value

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])


class SwitchField(Field):
    """A few buttons of which one is pressed.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Names.
    commit : callable
        Takes the name chosen.
    """

    def __init__(self, label: str, choices: Sequence[str], commit: Commit) -> None:
        self._commit = commit
        self.buttons = ToggleButtons(
            options=tuple(choices),
            description=label,
            layout=Layout(width="auto"),
            style={"description_width": LABEL_WIDTH, "button_width": "auto"},
        )
        self.buttons.observe(self._pressed, "value")
        super().__init__(self.buttons)

    def show(self, value: str) -> None:
        """Press the button of a value."""
        with self._silent():
            self.buttons.value = value

    def _pressed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])


def number_text(value: float) -> str:
    """Write a number as it is typed: whole ones with separators of thousands.

    Examples
    --------
    >>> number_text(32000), number_text(0.9)
    ('32,000', '0.9')
    """
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.10g}"


def typed_number(text: str) -> float | str:
    """Read a number that was typed; what is none comes back as it is.

    Examples
    --------
    >>> typed_number("32,000"), typed_number(" 0.9 "), typed_number("eight")
    (32000, 0.9, 'eight')
    """
    plain = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text.strip()
