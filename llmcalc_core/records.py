"""Records that an estimate makes by the dozen: frozen to the type checker, quick to make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def record(*, slots: bool = True) -> Callable[[type[_Class]], type[_Class]]:
    """Make a data class whose fields are set once, by keyword, and which is equal to itself alone.

    A data class that is frozen when it runs takes three times as long to make. So here the type
    checker alone refuses to set a field.

    Parameters
    ----------
    slots : bool, default True
        Whether it has its fields and nothing else, such as cached properties.

    Returns
    -------
    callable
        A decorator of classes.

    Examples
    --------
    >>> @record()
    ... class Size:
    ...     width: float
    >>> Size(width=2.0)
    Size(width=2.0)
    """
    return dataclass(slots=slots, kw_only=True, eq=False)


_Record = TypeVar("_Record")


def changed(one: _Record, **changes: object) -> _Record:
    """Give a copy of a record without slots that has other values in some fields.

    Ten times as fast as :func:`dataclasses.replace`, which makes a record anew.

    Parameters
    ----------
    one : record
        Made by ``record(slots=False)``, without cached properties.
    **changes
        Fields and their new values.

    Returns
    -------
    record
        The copy.

    Raises
    ------
    TypeError
        For a field that there is not.

    Examples
    --------
    >>> @record(slots=False)
    ... class Size:
    ...     width: float
    ...     height: float
    >>> changed(Size(width=2.0, height=1.0), height=3.0)
    Size(width=2.0, height=3.0)
    >>> changed(Size(width=2.0, height=1.0), depth=3.0)
    Traceback (most recent call last):
    TypeError: Size has no fields ['depth']
    """
    own = vars(one)
    if not changes.keys() <= own.keys():
        msg = f"{type(one).__name__} has no fields {sorted(changes.keys() - own.keys())}"
        raise TypeError(msg)
    copy = object.__new__(type(one))
    vars(copy).update(own, **changes)
    return copy
