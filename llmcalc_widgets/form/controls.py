"""The control of each setting, as its entry describes it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

from ipywidgets import HTML, Button, Combobox, Dropdown, HBox, Layout, ToggleButtons

from llmcalc_widgets.form.fields import LABEL_WIDTH, Commit, Field, NumberField
from llmcalc_widgets.settings.setting import (
    Buttons,
    Choice,
    Entry,
    MultipleChoice,
    Search,
    Setting,
    Slider,
)
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.transport.disposal import parts_of


class PickField(Field):
    """A list of named values, to pick from.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Values.
    commit : callable
        Takes what is chosen.
    name_of : callable
        Names a value, also one that is not in the list.
    about : str
        What the choice means.
    """

    kind: Any
    """The ipywidgets class of the list."""

    def __init__(
        self,
        label: str,
        choices: Sequence[Any],
        commit: Commit,
        name_of: Callable[[Any], str] = str,
        *,
        about: str = "",
    ) -> None:
        self._name_of = name_of
        self._commit = commit
        self.list = self.kind(
            options=self._named(choices),
            description=label,
            layout=Layout(width="auto"),
            style={"description_width": LABEL_WIDTH},
        )
        self.list.observe(self._chosen, "value")
        super().__init__(self.list, about)

    def disable(self, reason: str, remark: str = "") -> None:
        """Switch the list off, and say why; on again for no reason, with the remark."""
        super().disable(reason, remark)
        self.list.disabled = bool(reason)

    def _named(self, values: Sequence[Any]) -> tuple[tuple[str, Any], ...]:
        return tuple((self._name_of(value), value) for value in values)

    def _pick(self, value: Any, wanted: Sequence[Any]) -> None:  # noqa: ANN401
        """Choose a value, adding what the list lacks of those wanted."""
        known = [choice for _, choice in self.list.options]
        added = self._named([one for one in wanted if one not in known])
        with self._silent(), self.list.hold_sync():
            if added:
                self.list.options = (*self.list.options, *added)
            self.list.value = value

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])


class ChoiceField(PickField):
    """A list to choose one of; a value that it lacks is added to it."""

    kind = Dropdown

    @property
    def dropdown(self) -> Dropdown:
        """The list."""
        return self.list

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Choose a value, adding it if need be."""
        self._pick(value, [value])

    def offer(self, choices: Sequence[str], value: str) -> None:
        """Replace the list, and choose a value of it."""
        options = self._named(choices)
        with self._silent(), self.list.hold_sync():
            if self.list.options != options:
                self.list.options = options
            self.list.value = value


class ChipsField(Field):
    """Names that are chosen as buttons that take them away, and a name to type that adds one.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Names to complete; others may be typed all the same.
    commit : callable
        Takes all that is chosen then, as a tuple.
    name_of : callable
        Names a value.
    about : str
        What the choice means.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[str],
        commit: Commit,
        name_of: Callable[[Any], str] = str,
        *,
        about: str = "",
    ) -> None:
        self._name_of = name_of
        self._commit = commit
        self._values: tuple[Any, ...] = ()
        self.text = _completed(label, choices, "type to add one")
        self.chips = HBox(layout=Layout(flex_flow="row wrap"))
        self.chips.add_class("llmcalc-chips")
        self.text.observe(self._typed, "value")
        super().__init__(self.text, about)
        self.children = (self.text, self.message, self.chips)
        self.add_class("llmcalc-search")

    def show(self, value: tuple[Any, ...]) -> None:
        """Show what is chosen, each with a button that takes it away."""
        with self._silent():
            self.text.value = ""
        if value == self._values:
            return
        self._values = value
        old = self.chips.children
        self.chips.children = [self._chip(one) for one in value]
        for chip in old:
            for part in parts_of(chip):
                part.close()

    def _chip(self, value: Any) -> Button:  # noqa: ANN401
        name = self._name_of(value)
        chip = Button(
            description=f"{name} \N{MULTIPLICATION SIGN}",
            tooltip=f"Take {name} away",
            layout=Layout(width="auto"),
        )
        chip.on_click(lambda _: self._commit(tuple(one for one in self._values if one != value)))
        return chip

    def _typed(self, change: dict[str, Any]) -> None:
        name = change["new"].strip()
        if name and not self._quiet:
            self._commit((*self._values, name))


class ButtonsField(Field):
    """A few buttons of which one is pressed.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Values.
    commit : callable
        Takes the value chosen.
    name_of : callable
        Names a value.
    about : str
        What the choice means.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[str],
        commit: Commit,
        name_of: Callable[[str], str] = str,
        *,
        about: str = "",
    ) -> None:
        self._commit = commit
        self.buttons = ToggleButtons(
            options=tuple((name_of(value), value) for value in choices),
            description=label,
            tooltip=about,
            layout=Layout(width="auto"),
            style={"description_width": LABEL_WIDTH, "button_width": "auto"},
        )
        self.buttons.observe(self._pressed, "value")
        super().__init__(self.buttons, about)

    def show(self, value: str) -> None:
        """Press the button of a value."""
        with self._silent():
            self.buttons.value = value

    def _pressed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])


class SearchField(Field):
    """A name to type, completed from a long list as it is typed.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Names to complete; others may be typed all the same.
    commit : callable
        Takes the name typed, or the object shown if its name was left as it is.
    name_of : callable
        Names a value.
    about : str
        What the choice means.
    hint : str
        Shown while nothing is typed.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[str],
        commit: Commit,
        name_of: Callable[[Any], str],
        *,
        about: str = "",
        hint: str = "",
    ) -> None:
        self._commit = commit
        self._name_of = name_of
        self._shown: Any = None
        self.text = _completed(label, choices, hint or f"type to search {len(choices)}")
        self.text.observe(self._typed, "value")
        super().__init__(self.text, about)
        self.add_class("llmcalc-search")

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Write the name of a value."""
        self._shown = value
        with self._silent():
            self.text.value = self._name_of(value)

    def _typed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            same = change["new"] == self._name_of(self._shown)
            self._commit(self._shown if same else change["new"].strip())


class ExplainedChoiceField(ChoiceField):
    """A list to choose from, with a line about what is chosen.

    Parameters
    ----------
    label : str
        What is chosen.
    notes : mapping of str to str
        What each choice means, by its value; '' is the choice of none, as a dropdown that is given
        None shows nothing.
    commit : callable
        Takes the value chosen, or None.
    name_of : callable
        Names a value.
    about : str
        What the choice means.
    """

    def __init__(
        self,
        label: str,
        notes: Mapping[str, str],
        commit: Commit,
        name_of: Callable[[Any], str],
        *,
        about: str = "",
    ) -> None:
        self._notes = notes
        self.note = HTML(layout=Layout(display="none"))

        def take(value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
            commit(value or None, sliding=sliding)

        super().__init__(label, tuple(notes), take, name_of, about=about)
        self.children = (self.dropdown, self.message, self.note)

    def show(self, value: Any) -> None:  # noqa: ANN401
        """Choose a value, and say what it means."""
        super().show(value or "")
        note = self._notes[value or ""]
        self.note.value = _noted(note)
        self.note.layout.display = "" if note else "none"


def _noted(note: str) -> str:
    """Write a note: its first sentence, and the rest to unfold."""
    first, stop, rest = (html.escape(part) for part in note.partition(". "))
    said = f"<details><summary>{first}.</summary>{rest}</details>" if stop else first
    return f'<div class="llmcalc-note under">{said}</div>'


def make_field(setting: Setting, commit: Commit) -> Field:
    """Make the control of a setting.

    Parameters
    ----------
    setting : Setting
        What it sets.
    commit : callable
        Takes what it was set to.

    Raises
    ------
    TypeError
        For a setting that has none.
    """
    control, label, about = setting.control, setting.label, setting.help
    field: Field
    match control:
        case Slider(stops=stops, words=words):
            field = NumberField(label, stops, commit, about=about, say=words)
        case Entry(hint=hint):
            field = NumberField(
                label, (), commit, about=about, hint=hint if isinstance(hint, str) else ""
            )
        case Search(options=options, hint=hint):
            field = SearchField(label, options(), commit, _typed_name, about=about, hint=hint)
        case MultipleChoice(options=options):
            field = ChipsField(label, options(), commit, name_of, about=about)
        case Choice(notes=None):
            field = ChoiceField(label, control.options(), commit, control.name_of, about=about)
        case Choice(notes=notes):
            field = ExplainedChoiceField(label, notes or {}, commit, control.name_of, about=about)
        case Buttons():
            field = ButtonsField(label, control.options(), commit, control.name_of, about=about)
        case None:
            msg = f"setting {setting.name!r} must have a control to be in a form, got None"
            raise TypeError(msg)
        case _:
            assert_never(control)
    return field


def _typed_name(value: object) -> str:
    return "" if value is None else name_of(value)


def _completed(label: str, choices: Sequence[str], hint: str) -> Combobox:
    """Build a field of text that is completed from a list."""
    return Combobox(
        options=tuple(choices),
        description=label,
        placeholder=hint,
        continuous_update=False,
        layout=Layout(width="auto"),
        style={"description_width": LABEL_WIDTH},
    )
