"""``Setting``: everything about one setting, and the kinds of controls that it may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_type_hints

from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.text.units import number_text, typed_number

Values = Mapping[str, Any]
"""Settings by name."""

Group = Literal["deployment", "workload", "limits", "techniques", "prices", "view"]
"""What a setting is about; techniques and prices are folded away in a form."""

Words = str | Callable[[Values], str]
"""Words, or what makes them of all settings."""


def asks_nothing(_: Values) -> dict[str, Any]:
    """Ask the core for nothing, where another setting asks for both."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """A number to type, and a slider over usual values of it.

    Attributes
    ----------
    stops : tuple of numbers
        What the slider offers, ascending.
    words : callable
        Writes a stop with its unit, for screen readers.
    """

    stops: tuple[float, ...]
    words: Callable[[float], str] = number_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A number to type.

    Attributes
    ----------
    hint : str or callable
        What holds while nothing is typed.
    read : callable
        Reads what was typed.
    """

    hint: Words = ""
    read: Callable[[str], Any] = typed_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A list to choose one value of, with a line about each where there are notes.

    Attributes
    ----------
    options : callable
        Gives the values.
    name_of : callable
        Names a value.
    notes : mapping of str to str, optional
        What each value means.
    """

    options: Callable[[], Sequence[Any]]
    name_of: Callable[[Any], str] = str
    notes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A name to type, completed from a long list.

    Attributes
    ----------
    options : callable
        Gives the names.
    hint : str
        Shown while nothing is typed.
    """

    options: Callable[[], Sequence[str]]
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice:
    """A list to choose several names of.

    Attributes
    ----------
    options : callable
        Gives the names.
    """

    options: Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """A few buttons of which one is pressed.

    Attributes
    ----------
    options : callable
        Gives the values.
    name_of : callable
        Names a value.
    """

    options: Callable[[], Sequence[str]]
    name_of: Callable[[str], str] = str


Control = Slider | Entry | Choice | Search | MultipleChoice | Buttons


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting: what it may be, how it is shown, and what it asks of the core.

    Attributes
    ----------
    default : object
        Where it is not set.
    check : callable
        Takes its name and a value; gives the value in its canonical form, or raises a ValueError.
    control : Control, optional
        What sets it in a form; none for what is set elsewhere.
    label : str
        Of the control, with the unit.
    help : str
        What it means: the tooltip.
    group : str
        What it is about.
    name : str
        Its name; filled in by :func:`settings_of`.
    optional : bool
        Whether it may be None.
    serving_label : str
        The label in serving, where it is another one.
    noun : str
        What comparisons call it; the label where not given.
    none_words : str
        What comparisons call the value None.
    usual : callable
        Gives values that are offered to compare with.
    request : callable, optional
        Gives, of all settings, the arguments of :func:`llmcalc_core.make_request` that it stands
        for; where not given, the argument of its own name.
    disabled : callable
        Says, of all settings, why it is of no account; empty where it counts.
    hidden : callable
        Says, of all settings, whether another one stands in its place; it keeps its value.
    remark : callable
        Says, of all settings, what is missing for it to change anything; empty where nothing is.
    shared : bool
        Whether the tabs of a workbench share it.
    alias : bool
        Whether it only stands for other settings.
    rare : bool
        Whether its control is folded away with others that few change.
    """

    default: Any
    check: Callable[[str, Any], Any]
    control: Control | None = None
    label: str = ""
    help: str = ""
    group: Group = "deployment"
    name: str = ""
    optional: bool = False
    serving_label: str = ""
    noun: str = ""
    none_words: str = "none"
    usual: Callable[[], Sequence[Any]] = tuple
    request: Callable[[Values], Mapping[str, Any]] | None = None
    disabled: Callable[[Values], str] = lambda _: ""
    hidden: Callable[[Values], bool] = lambda _: False
    remark: Callable[[Values], str] = lambda _: ""
    shared: bool = False
    alias: bool = False
    rare: bool = False

    def checked(self, value: Any) -> Any:  # noqa: ANN401 - each setting has its own type
        """Return a value in its canonical form.

        Raises
        ------
        ValueError
            For a value out of range.
        """
        return None if self.optional and value is None else self.check(self.name, value)

    def read(self, text: str) -> Any:  # noqa: ANN401 - as above
        """Read a value that was typed; nothing, or 'none', is None where it may be that.

        Examples
        --------
        >>> Setting(default=True, check=max).read("no"), Setting(default="", check=max).read("fp8")
        (False, 'fp8')
        """
        plain = text.strip()
        if self.optional and plain in {"", "none"}:
            return None
        if isinstance(self.default, bool):
            return {"yes": True, "no": False}.get(plain, plain)
        if isinstance(self.control, Slider):
            return typed_number(plain)
        if isinstance(self.control, Choice | Buttons):
            named = {self.control.name_of(value): value for value in self.control.options()}
            return named.get(plain, plain)
        return self.control.read(plain) if isinstance(self.control, Entry) else plain

    def arguments(self, settings: Values) -> Mapping[str, Any]:
        """Give what it asks of the core, beside all other settings."""
        if self.alias:
            return {}
        if self.request is not None:
            return self.request(settings)
        value = settings[self.name]
        if self.group == "techniques" and (value == self.default or self.disabled(settings)):
            return {}
        return {self.name: value}

    def label_in(self, phase: str) -> str:
        """Give the label of its control in a phase."""
        return self.serving_label if phase == "serving" and self.serving_label else self.label

    @property
    def words(self) -> str:
        """What it is called in a sentence.

        Examples
        --------
        >>> Setting(default=0, check=max, label="LoRA rank").words
        'LoRA rank'
        >>> Setting(default=0, check=max, label="Prefix hit rate").words
        'prefix hit rate'
        """
        first, space, rest = (self.noun or self.label).partition(" ")
        return f"{first.lower() if first[1:].islower() else first}{space}{rest}"

    def value_words(self, value: object) -> str:
        """Name a value of it.

        Examples
        --------
        >>> Setting(default=1, check=max).value_words(1024)
        '1,024'
        >>> speeds = Choice(options=lambda: ("low", "high"), name_of="{} speed".format)
        >>> Setting(default="low", check=max, control=speeds).value_words("low")
        'low speed'
        """
        if value is None:
            return self.none_words
        if isinstance(self.control, Choice | Buttons) and isinstance(value, str):
            return self.control.name_of(value) if value in self.control.options() else value
        return name_of(value)


def settings_of(values: type) -> dict[str, Setting]:
    """Collect the settings of a TypedDict whose entries are annotated with them.

    Examples
    --------
    >>> from llmcalc_widgets.settings.registry import SettingValues
    >>> settings_of(SettingValues)["lora_rank"].default
    16
    """
    hints = get_type_hints(values, include_extras=True)
    return {
        name: replace(one, name=name)
        for name, hint in hints.items()
        for one in getattr(hint, "__metadata__", ())
        if isinstance(one, Setting)
    }
