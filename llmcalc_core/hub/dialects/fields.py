"""Null-safe reading of a ``config.json`` that notices what it has not understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from llmcalc_core.checks import whole_number
from llmcalc_core.hub.dialects.class_defaults import CORE, NONE, class_defaults, section_type
from llmcalc_core.hub.dialects.harmless import is_harmless

_SHOWN = 60
_MOST_ENTRIES = 4096
_LARGEST = 2**26


class Fields:
    """The fields of a ``config.json``, or of a section of it.

    A field that is absent is what the class of the model type has by default; one that is null is
    null.

    Parameters
    ----------
    values : mapping
        The parsed content.
    where : str
        What it is, for messages.
    model_type : str, optional
        Whose defaults hold; none do where not given.
    nested : bool, default False
        Whether it is a section, which may leave out everything that is as the class has it.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        where: str,
        *,
        model_type: str | None = None,
        nested: bool = False,
    ) -> None:
        self.where = where
        self.model_type = model_type
        self._values = values
        self._defaults = class_defaults(model_type) if model_type else NONE
        self._nested = nested
        self._read = {"tie_word_embeddings", "max_position_embeddings"}
        self._sections: list[Fields] = []

    def value(self, *names: str) -> object:
        """Give the first of several spellings that is there, else their default, or None."""
        self._read.update(names)
        for name in names:
            if self._has(name):
                return self._values[name]
        if any(name in self._values for name in names):
            return None
        return next((found for name in names if (found := self._default(name)) is not None), None)

    def stated(self, *names: str) -> bool:
        """Tell whether the file itself gives one of several spellings, and not as null."""
        return any(self._has(name) for name in names)

    def given(self, *names: str) -> str:
        """Give the first of several spellings that is there, or the first of all if none is."""
        return next((name for name in names if self._has(name)), names[0])

    def absent(self, name: str) -> bool:
        """Tell whether a field is not there at all, not even as null."""
        return name not in self._values

    def number(self, *names: str, default: int | None = None, least: int = 0) -> int:
        """Give a whole number from ``least`` on; it must be there unless there is a default."""
        found = self.optional(*names, least=least)
        if found is not None:
            return found
        if default is None:
            msg = f"{self.where} needs the field {' or '.join(names)}"
            raise ValueError(msg)
        return default

    def optional(self, *names: str, least: int = 0) -> int | None:
        """Give a whole number from ``least`` on, or None."""
        value = self.value(*names)
        if value is None:
            return None
        name = self.given(*names)
        if isinstance(value, int | float):
            return whole_number(f"{self.where}: {name}", value, least=least, most=_LARGEST)
        return self.refuse(name, "must be a whole number")

    def real(self, *names: str, default: float | None = None) -> float:
        """Give a number; it must be there unless there is a default."""
        value = self.value(*names)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if value is None and default is not None:
                return default
            self.refuse(self.given(*names), "must be a number")
        return value

    def text(self, name: str) -> str | None:
        """Give a word, or None."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            self.refuse(name, "must be a text")
        return value

    def alike(self, name: str, *, default: int | None = None) -> int:
        """Give a whole number, or the one that a list has for every layer."""
        value = self.value(name)
        if not isinstance(value, list):
            return self.number(name, default=default)
        if not all(type(one) is int for one in value) or len(set(value)) != 1:
            self.refuse(name, "can only be described where it is the same in every layer")
        return whole_number(f"{self.where}: {name}", value[0], least=0, most=_LARGEST)

    def flag(self, name: str, *, default: bool) -> bool:
        """Give true or false."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def entries(self, name: str) -> tuple[Any, ...]:
        """Give the words or numbers of a list; none where it is not there."""
        value = self.value(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
            self.refuse(name, "must be a list of words or whole numbers")
        return tuple(value)

    def words(self, name: str) -> tuple[str, ...]:
        """Give the words of a list that is no longer than a model is deep."""
        found = self.entries(name)
        if len(found) > _MOST_ENTRIES or not all(isinstance(one, str) for one in found):
            self.refuse(name, f"must be a list of at most {_MOST_ENTRIES:,} words")
        return found

    def whole_numbers(self, name: str) -> tuple[int, ...]:
        """Give the whole numbers of a list that is no longer than a model is deep."""
        found = self.entries(name)
        if len(found) > _MOST_ENTRIES or not all(isinstance(one, int) for one in found):
            self.refuse(name, f"must be a list of at most {_MOST_ENTRIES:,} whole numbers")
        return found

    def names(self) -> tuple[str, ...]:
        """Give the names of all fields."""
        return tuple(self._values)

    def section(self, name: str) -> Fields:
        """Give the fields of a nested object, whose type may follow from that of the whole."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            self.refuse(name, "must be an object")
        own = value.get("model_type")
        kind = own if isinstance(own, str) else section_type(self.model_type, name)
        section = Fields(value, f"{self.where}, {name}", model_type=kind, nested=True)
        self._sections.append(section)
        return section

    def of_type(self, model_type: str) -> Fields:
        """Give the same fields with the defaults of another model type; they count as read."""
        other = Fields(self._values, self.where, model_type=model_type, nested=self._nested)
        self._sections.append(other)
        self.ignore_rest()
        return other

    def sections(self, name: str) -> tuple[Fields, ...]:
        """Give the fields of each object of a list."""
        entries = self.value(name) or []
        if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
            self.refuse(name, "must be a list of objects")
        sections = tuple(
            Fields(entry, f"{self.where}, {name} {index}", nested=True)
            for index, entry in enumerate(entries)
        )
        self._sections += sections
        return sections

    def require(self, name: str, expected: object) -> None:
        """Refuse any other value of a field than the one that can be described."""
        value = self.value(name)
        if value is not None and value != expected:
            self.refuse(name, f"can only be described as {expected!r}")

    def ignore(self, *names: str) -> None:
        """Take fields as understood that say nothing more about the architecture."""
        self._read.update(names)

    def ignore_rest(self) -> None:
        """Take every field of this section as understood."""
        self._read.update(self._values)

    def not_understood(self) -> Iterator[tuple[Fields, str]]:
        """Give what looks like a part of the architecture and was not read, here and in sections.

        What the class of the model type has by default is no news.
        """
        for name, value in self._values.items():
            usual = name in self._defaults and self._defaults[name] == value
            if name not in self._read and not usual and not is_harmless(name, value):
                yield self, name
        for section in self._sections:
            yield from section.not_understood()

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Refuse the value of a field.

        Raises
        ------
        ValueError
            Always: with the field, the rule and the value.
        """
        msg = f"{self.where}: the field {name} {rule}, {self.shown(name)}"
        raise ValueError(msg)

    def shown(self, name: str) -> str:
        """Give the value of a field in words, shortened."""
        if name not in self._values:
            return "and is not there"
        value = repr(self._values[name])
        return f"got {value if len(value) <= _SHOWN else value[:_SHOWN] + ' ...'}"

    def _has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def _default(self, name: str) -> object:
        """Give what the class has where the field is absent; the core of a whole file never."""
        return None if name in CORE and not self._nested else self._defaults.get(name)


Dialect = Callable[[Fields], dict[str, Any]]
"""Reads one ``model_type``: its fields in, fields of ``ModelConfig`` out."""

DIALECTS: dict[str, Dialect] = {}
"""The dialects of the modules imported so far, by ``model_type``; see :func:`dialect`."""

_Reader = TypeVar("_Reader", bound=Dialect)


def dialect(*model_types: str) -> Callable[[_Reader], _Reader]:
    """Make a function the reader of one ``model_type`` or several.

    Raises
    ------
    ValueError
        If one of them has a reader already.

    Examples
    --------
    >>> dialect("llama")(lambda fields: {})
    Traceback (most recent call last):
    ...
    ValueError: a model_type must have one dialect, got 'llama' again
    """

    def register(reader: _Reader) -> _Reader:
        for model_type in model_types:
            if model_type in DIALECTS:
                msg = f"a model_type must have one dialect, got {model_type!r} again"
                raise ValueError(msg)
            DIALECTS[model_type] = reader
        return reader

    return register
