"""Checks of arguments that hold several values: each raises a ``ValueError`` that names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from llmcalc_core.checks import at_most_values
from llmcalc_core.shown import shown

_PAIR = 2

T = TypeVar("T")


def several(name: str, values: object) -> list[Any]:
    """Return the members of a collection of values, which a text is not.

    Raises
    ------
    ValueError
        If it is a single value or a text, or holds more than ``MOST_VALUES``.

    Examples
    --------
    >>> several("layer_types", ("full_attention",))
    ['full_attention']
    """
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes, type)):
        return at_most_values(name, values)
    msg = f"{name} must be a list or tuple of values, got {shown(values)}"
    raise ValueError(msg)


def all_of(name: str, values: object, kind: type[T]) -> tuple[T, ...]:
    """Return a tuple of values that are all of one type, one of them at least.

    Raises
    ------
    ValueError
        If it is no such collection.

    Examples
    --------
    >>> all_of("names", ["vllm"], str)
    ('vllm',)
    """
    found = tuple(several(name, values))
    wrong = [one for one in found if not isinstance(one, kind)]
    if wrong or not found:
        got = shown(wrong[0]) if wrong else "none"
        msg = f"{name} must hold {kind.__name__} values, one at least, got {got}"
        raise ValueError(msg)
    return found


def pairs(name: str, values: object) -> dict[str, Any]:
    """Return a dict of named values, given as one or as pairs.

    Raises
    ------
    ValueError
        If it is neither, or a name is no text.

    Examples
    --------
    >>> pairs("stored_bits", [("weights", 4.5)])
    {'weights': 4.5}
    """
    named: list[Any] = [None]
    if isinstance(values, Mapping):
        named = list(values.items())
    elif isinstance(values, (list, tuple)):
        named = at_most_values(name, values)
    for one in named:
        if not (isinstance(one, (list, tuple)) and len(one) == _PAIR and isinstance(one[0], str)):
            msg = f"{name} must be a dict of named values, or pairs of them, got {shown(values)}"
            raise ValueError(msg)
    return dict(named)
