"""Checks of single values: each raises a ``ValueError`` that names the rule and the value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice
from numbers import Real
from typing import Any, SupportsFloat, TypeGuard

from llmcalc_core.shown import shown

_PERCENT = 100

_LONGEST_NAME = 200
"""Most characters of what may be a misspelt name: likeness takes time that grows with them."""

LARGEST = 2**31 - 1
"""Largest count: what a column of 32 bits holds."""

MOST_VALUES = 100_000
"""Most values of one argument: more are a slip of the pen, or a range that never ends."""

_THOUSANDS = ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
"""What a figure may have been given in, instead of its plain unit."""


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
        msg = f"{name} must be {rule}, got {shown(value)}"
        raise ValueError(msg)
    number = float(value)
    if most is not None or number > limit:
        rule += f" and at most {limit}"
    closest = min(max(least, round(number)), limit)
    if number != closest:
        msg = f"{name} must be {rule}, got {shown(value)}; the nearest valid value is {closest}"
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
    msg = f"{name} must be True or False, got {shown(value)}"
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
        numbers = {whole_number(name, value, least=least) for value in at_most_values(name, values)}
        if not numbers:
            msg = f"{name} must hold at least one whole number, got an empty collection"
            raise ValueError(msg)
        return tuple(sorted(numbers))
    return (whole_number(name, values, least=least),)


def at_most_values(name: str, values: Iterable[Any]) -> list[Any]:
    """Return the values of a collection, without going through one that is far too long.

    Raises
    ------
    ValueError
        If there are more than ``MOST_VALUES``.

    Examples
    --------
    >>> at_most_values("batch", range(1, 4))
    [1, 2, 3]
    """
    try:
        found = list(islice(values, MOST_VALUES + 1))
    except TypeError:  # an array of no dimensions says that it can be gone through
        msg = f"{name} must be a value or a list of values, got {shown(values)}"
        raise ValueError(msg) from None
    if len(found) > MOST_VALUES:
        msg = f"{name} must hold at most {MOST_VALUES} values, got more; ask for them in parts"
        raise ValueError(msg)
    return found


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
        msg = f"{name} must be {rule}, got {shown(value)}"
        raise ValueError(msg)
    return number


def in_range(
    name: str, value: object, ends: tuple[float, float], *, usual: float, unit: str
) -> float:
    """Return ``value`` as a ``float`` between two ends, below which it has another unit.

    Raises
    ------
    ValueError
        If it is not between the ends; with what it is in the unit that it was likely given in: the
        one that comes nearest to a usual value.

    Examples
    --------
    >>> limits = {"ends": (1e9, math.inf), "usual": 1e12, "unit": "bytes/s"}
    >>> in_range("memory_bandwidth", 3.35e12, **limits)
    3350000000000.0
    >>> in_range("memory_bandwidth", 3350, **limits)
    Traceback (most recent call last):
    ...
    ValueError: memory_bandwidth must be a finite number of at least 1e+09 [bytes/s], got 3350; \
did you mean 3.35e+12 (3350 GB/s)?
    """
    low, high = ends
    number = float(value) if _is_number(value) else math.nan
    if low <= number <= high:
        return number
    likely = [(number * each, sign) for each, sign in _THOUSANDS if low <= number * each <= high]
    hint = ""
    if likely:
        meant, sign = min(likely, key=lambda one: abs(math.log(one[0] / usual)))
        hint = f"; did you mean {meant:g} ({number:g} {sign}{unit.replace('bytes', 'B')})?"
    most = "" if math.isinf(high) else f" and at most {high:g}"
    rule = f"a finite number of at least {low:g}{most} [{unit}]"
    msg = f"{name} must be {rule}, got {shown(value)}{hint}"
    raise ValueError(msg)


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
        msg = f"{name} must be a finite number, got {shown(value)}"
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
        msg = f"{name} must be a number above 0 and at most 1, got {shown(value)}"
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
        msg = f"{name} must be a number from 0 to 1, got {shown(value)}"
        raise ValueError(msg)
    number = float(value)
    closest = min(max(number, 0.0), 1.0)
    if number != closest:
        msg = (
            f"{name} must be a number from 0 to 1, got {shown(value)}; "
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
        msg = f"{name} must be a number above 0 and below 1, got {shown(value)}{hint}"
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
    msg = f"{name} must be one of {', '.join(choices)}, got {shown(value)}{nearest(value, choices)}"
    raise ValueError(msg)


def nearest(value: object, choices: Iterable[str], *, count: int = 3) -> str:
    """Return '; did you mean …?' for the closest names, or nothing when none is close.

    Examples
    --------
    >>> nearest("lama2_7b", ["llama2_7b", "mixtral_8x7b"], count=1)
    "; did you mean 'llama2_7b'?"
    """
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return ""
    by_folded = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(value.casefold(), list(by_folded), n=count, cutoff=0.6)
    if not close:
        return ""
    return f"; did you mean {' or '.join(repr(by_folded[name]) for name in close)}?"
