"""Controls that edit figures: each beside its original, with the change and a way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ipywidgets import Button, Layout, VBox
from traitlets import TraitError

from llmcalc_core import Hardware, ModelConfig
from llmcalc_widgets.form.fields import Commit, NumberField, explaining_script
from llmcalc_widgets.settings.figures import Figure
from llmcalc_widgets.state import EvaluationState
from llmcalc_widgets.text.units import change_words, number_text, rounded, typed_number

Original = Callable[[], Hardware | ModelConfig]

_RESET = "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}"
_NO_STOPS = (0.0, 1.0)
_SAME = 1e-5
"""What is nearer to the original than this is the original, of which a control shows six digits."""


class EditField(NumberField):
    """A number that can be edited, with its original on the button that brings it back.

    Parameters
    ----------
    figure : Figure
        What it is.
    commit : callable
        Takes the text typed or the number slid to, None to reset.
    """

    def __init__(self, figure: Figure, commit: Commit) -> None:
        super().__init__(
            figure.label,
            _NO_STOPS,
            commit,
            about=figure.about,
            say=lambda stop: f"{number_text(stop)} {figure.unit}".strip(),
        )
        self._figure = figure
        self._thing: Hardware | ModelConfig | None = None
        self._value: float | None = None
        self.reset = Button(layout=Layout(width="118px", flex="0 0 auto", visibility="hidden"))
        self.reset.on_click(lambda _: commit(None))
        self.row.children = (*self.row.children, self.reset)
        self.add_class("llmcalc-edit")

    def show_change(self, thing: Hardware | ModelConfig, changed: Hardware | ModelConfig) -> None:
        """Show the figure of an edited device or model beside that of the original."""
        scale = self._figure.scale
        if thing != self._thing:
            self._thing = thing
            self.layout.display = None if self._figure.applies(thing) else "none"
            self._offer(tuple(rounded_stop(stop / scale) for stop in self._figure.stops(thing)))
        original, value = self._figure.of(thing), self._figure.of(changed)
        self._value = value
        self.hint("not known" if original is None else "")
        self.show(None if value is None else rounded_stop(value / scale))
        same = value == original
        self.reset.layout.visibility = "hidden" if same else "visible"
        if not same:
            self.reset.description = f"{_RESET} {_was(original, value, scale)}"
            was = "not known" if original is None else number_text(rounded_stop(original / scale))
            self.reset.tooltip = f"Reset {self._figure.label} to {was}"

    def shows(self, thing: Hardware | ModelConfig, changed: Hardware | ModelConfig) -> bool:
        """Say whether it was last shown for this original and this value."""
        return thing == self._thing and self._figure.of(changed) == self._value

    def _offer(self, stops: tuple[float, ...]) -> None:
        """Replace what the slider offers; where there is nothing to offer it rests."""
        offered = stops or _NO_STOPS
        if self.slider is None or offered == self._stops:
            return
        self._stops = offered
        with self._silent(), self.slider.hold_sync():
            self.slider.options = [(self._say(stop), stop) for stop in offered]
            self.slider.disabled = not stops


class Editor(VBox):
    """Controls for figures of a device or a model.

    Parameters
    ----------
    state : EvaluationState
        What is set, and whose errors are shown.
    trait : str
        Its trait of changes.
    figures : tuple of Figure
        What can be edited.
    original : callable
        Gives the device or model.
    edited : callable
        Gives it with changes.

    Attributes
    ----------
    fields : list of EditField
        The controls, in the order of the figures.
    sliding : bool
        Whether a slider that is still moving sets a figure.
    """

    def __init__(
        self,
        state: EvaluationState,
        trait: str,
        figures: tuple[Figure, ...],
        *,
        original: Original,
        edited: Callable[[Any, Mapping[str, Any]], Any],
    ) -> None:
        self._state, self._trait = state, trait
        self._figures, self._original, self._edited = figures, original, edited
        self.sliding = False
        self.fields = [EditField(one, partial(self._commit, at)) for at, one in enumerate(figures)]
        super().__init__([explaining_script(), *self.fields])
        self.add_class("llmcalc-form")
        self.add_class("llmcalc-editor")
        state.observe(self._show_errors, "errors")

    def show(self, *, afresh: bool = False) -> None:
        """Bring the controls to the changes; what was wrong stays unless all are shown afresh."""
        thing = self._original()
        changed = self._edited(thing, getattr(self._state, self._trait))
        for at, field in enumerate(self.fields):
            wrong = self._name(at) in self._state.errors
            if afresh or not (wrong and field.shows(thing, changed)):
                field.show_change(thing, changed)
                self._state.accept(self._name(at))

    def _name(self, at: int) -> str:
        return f"{self._trait}, {self._figures[at].label}"

    def _commit(self, at: int, value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
        """Set a figure to what its control says, and what waits for it to be right."""
        self.sliding = sliding
        try:
            done = self._set(at, value)
        finally:
            self.sliding = False
        if done:
            self.show()
            self._try_again()

    def _set(self, at: int, value: Any) -> bool:  # noqa: ANN401
        """Set a figure, or show why not; say whether it was set."""
        figure, changes = self._figures[at], getattr(self._state, self._trait)
        typed = typed_number(value) if isinstance(value, str) else value
        thing = self._original()
        try:
            number = None if typed in {None, ""} else _checked(figure, typed) * figure.scale
            original = figure.of(thing)
            if number and original and abs(number / original - 1) < _SAME:
                number = None
            setattr(self._state, self._trait, figure.put(changes, number, thing))
        except (TraitError, ValueError) as error:
            self._state.reject(self._name(at), self._worded(str(error)))
            return False
        self._state.accept(self._name(at))
        return True

    def _try_again(self) -> None:
        """Set what was wrong, and may be right with what has changed."""
        for at, field in enumerate(self.fields):
            wrong = self._name(at) in self._state.errors
            if wrong and self._set(at, field.text.value):
                self.show()

    def _worded(self, message: str) -> str:
        """Call fields what their controls are called."""
        for figure in self._figures:
            message = message.replace(figure.key, figure.label)
        return message

    def _show_errors(self, change: dict[str, Any]) -> None:
        for at, field in enumerate(self.fields):
            field.message.show(change["new"].get(self._name(at), ""))


def rounded_stop(value: float) -> float:
    """Round what a control shows to what people type.

    Examples
    --------
    >>> rounded_stop(85.520809984), rounded_stop(3.3499999999)
    (85.5208, 3.35)
    """
    return float(f"{value:.6g}") if abs(value) < 1e5 else float(round(value))  # noqa: PLR2004


def _checked(figure: Figure, value: object) -> float:
    """Return a number that was typed in the control's unit, if the figure can be it."""
    rule = "a number of 0 or more" if figure.free else "a number above 0"
    if isinstance(value, (int, float)) and 0 <= value < float("inf") and (value or figure.free):
        return float(value)
    msg = f"Must be {rule}, got {value!r}"
    raise ValueError(msg)


def _was(original: float | None, value: float | None, scale: float) -> str:
    """Write an original, and by how much it is changed."""
    if not original or value is None:
        return "not known" if original is None else number_text(original)
    change = change_words(value / original - 1)
    return f"{number_text(rounded(original / scale))} ({change})"
