"""Checks of single values: each raises a ``ValueError`` that names the rule and the value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Real
from typing import SupportsFloat, TypeGuard

_PERCENT = 100

LARGEST = 2**31 - 1
"""Largest count: what a column of 32 bits holds."""


def whole_number(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return ``value`` as an ``int`` if it is a whole number within the limits.

    Parameters
    ----------
    name : str
        What the value is, for the message.
    value : object
        The value to check; a float such as ``8.0`` is accepted as 8.
    least, most : int, optional
        Smallest and largest value allowed; ``LARGEST`` where no largest is given.

    Returns
    -------
    int
        The checked value.

    Raises
    ------
    ValueError
        If the value is no whole number or lies outside the limits.

    Examples
    --------
    >>> whole_number("batch_size", 8.0)
    8
    """
    limit = LARGEST if most is None else most
    if type(value) is int and least <= value <= limit:
        return value
    rule = f"a whole number of at least {least}"
    if not _is_number(value):
        rule += f" and at most {most}" if most is not None else ""
        msg = f"{name} must be {rule}, got {value!r}"
        raise ValueError(msg)
    number = float(value)
    if most is not None or number > limit:
        rule += f" and at most {limit}"
    closest = min(max(least, round(number)), limit)
    if number != closest:
        msg = f"{name} must be {rule}, got {value!r}; the nearest valid value is {closest}"
        raise ValueError(msg)
    return closest


def _is_number(value: object) -> TypeGuard[SupportsFloat]:
    """Whether a value is a finite real number, of a size that a float holds, and no truth value."""
    if type(value) is float:  # most are: the check of the abstract class takes longer
        return math.isfinite(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def truth(name: str, value: object) -> bool:
    """Return ``value`` if it is true or false.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> truth("mlp_bias", False)
    False
    """
    if isinstance(value, bool):
        return value
    msg = f"{name} must be True or False, got {value!r}"
    raise ValueError(msg)


def whole_numbers(name: str, values: object, *, least: int = 1) -> tuple[int, ...]:
    """Return one whole number or several as a sorted tuple without repeats.

    Raises
    ------
    ValueError
        If the collection is empty or a member is no whole number of at least ``least``.

    Examples
    --------
    >>> whole_numbers("batch", [4, 1, 4])
    (1, 4)
    """
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        numbers = {whole_number(name, value, least=least) for value in values}
        if not numbers:
            msg = f"{name} must hold at least one whole number, got an empty collection"
            raise ValueError(msg)
        return tuple(sorted(numbers))
    return (whole_number(name, values, least=least),)


def positive(name: str, value: object, *, unit: str = "", zero: bool = False) -> float:
    """Return ``value`` as a finite ``float`` above zero (or from zero on).

    Raises
    ------
    ValueError
        If the value is not a finite number above zero.

    Examples
    --------
    >>> positive("memory_bandwidth", 2039)
    2039.0
    """
    number = float(value) if _is_number(value) else -1.0
    if number < 0 or (number == 0 and not zero):
        rule = f"a finite number {'from' if zero else 'above'} 0" + (f" [{unit}]" if unit else "")
        msg = f"{name} must be {rule}, got {value!r}"
        raise ValueError(msg)
    return number


def finite(name: str, value: object) -> float:
    """Return ``value`` as a finite ``float`` of any sign.

    Raises
    ------
    ValueError
        If the value is not a finite number.

    Examples
    --------
    >>> finite("shift", -1)
    -1.0
    """
    if not _is_number(value):
        msg = f"{name} must be a finite number, got {value!r}"
        raise ValueError(msg)
    return float(value)


def fraction(name: str, value: object) -> float:
    """Return ``value`` as a ``float`` above 0 and at most 1.

    Raises
    ------
    ValueError
        If the value lies outside (0, 1].

    Examples
    --------
    >>> fraction("memory_fraction", 0.9)
    0.9
    """
    try:
        number = positive(name, value)
    except ValueError:
        number = math.inf
    if number > 1:
        msg = f"{name} must be a number above 0 and at most 1, got {value!r}"
        raise ValueError(msg)
    return number


def share(name: str, value: object) -> float:
    """Return ``value`` as a ``float`` from 0 to 1.

    Raises
    ------
    ValueError
        If the value lies outside [0, 1], with the nearest end.

    Examples
    --------
    >>> share("prefix_hit_rate", 0.5)
    0.5
    """
    if not _is_number(value):
        msg = f"{name} must be a number from 0 to 1, got {value!r}"
        raise ValueError(msg)
    number = float(value)
    closest = min(max(number, 0.0), 1.0)
    if number != closest:
        msg = (
            f"{name} must be a number from 0 to 1, got {value!r}; "
            f"the nearest valid value is {closest:g}"
        )
        raise ValueError(msg)
    return number


def inner_share(name: str, value: object) -> float:
    """Return ``value`` as a ``float`` between 0 and 1, without both.

    Raises
    ------
    ValueError
        If the value lies outside (0, 1); of percents, with the share that they are.

    Examples
    --------
    >>> inner_share("percentile", 0.95)
    0.95
    """
    number = float(value) if _is_number(value) else 0.0
    if not 0 < number < 1:
        hint = f"; did you mean {number / _PERCENT:g}?" if 1 < number < _PERCENT else ""
        msg = f"{name} must be a number above 0 and below 1, got {value!r}{hint}"
        raise ValueError(msg)
    return number


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices`` (in any case), as spelt there.

    Raises
    ------
    ValueError
        With the valid choices and the nearest one.

    Examples
    --------
    >>> one_of("stage", "Decode", ("prefill", "decode"))
    'decode'
    """
    by_folded = {choice.casefold(): choice for choice in choices}
    if isinstance(value, str) and value.casefold() in by_folded:
        return by_folded[value.casefold()]
    msg = f"{name} must be one of {', '.join(choices)}, got {value!r}{nearest(value, choices)}"
    raise ValueError(msg)


def nearest(value: object, choices: Iterable[str], *, count: int = 3) -> str:
    """Return '; did you mean …?' for the closest names, or nothing when none is close.

    Examples
    --------
    >>> nearest("lama2_7b", ["llama2_7b", "mixtral_8x7b"], count=1)
    "; did you mean 'llama2_7b'?"
    """
    if not isinstance(value, str):
        return ""
    by_folded = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(value.casefold(), list(by_folded), n=count, cutoff=0.5)
    if not close:
        return ""
    return f"; did you mean {' or '.join(repr(by_folded[name]) for name in close)}?"
