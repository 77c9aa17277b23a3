"""Reads the tables of this room into records; what is wrong is named by file, table and key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib.resources import files
from typing import Any, TypeVar

from llmcalc_core.checks import nearest

_Record = TypeVar("_Record")


def read_toml(name: str) -> dict[str, Any]:
    """Read a file of this room.

    Examples
    --------
    >>> sorted(read_toml("constants.toml"))
    ['constant']
    """
    text = files("llmcalc_core.calibration").joinpath(name).read_text("utf-8")
    return tomllib.loads(text)


def as_record(kind: type[_Record], values: object, where: str) -> _Record:
    """Make a record of a table whose keys are the record's fields.

    Parameters
    ----------
    kind : type
        A dataclass that checks its own values; fields with a default are optional keys.
    values : object
        The table.
    where : str
        The file and the table, for messages.

    Returns
    -------
    object of type ``kind``
        With tuples for arrays.

    Raises
    ------
    ValueError
        For a key that is unknown or missing, or a value that the record refuses.

    Examples
    --------
    >>> from llmcalc_core.calibration.kernel_facts import AllReduceFacts
    >>> as_record(AllReduceFacts, {"devices": 2, "latency_us": 5}, "x.toml, [[toy.all_reduce]] 1")
    Traceback (most recent call last):
    ...
    ValueError: x.toml, [[toy.all_reduce]] 1: the key 'fraction' is missing
    """
    given = checked_keys(kind, values, where)
    arrays = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    try:
        return kind(**{**given, **arrays})
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from None


def checked_keys(kind: type[Any], values: object, where: str) -> Mapping[str, Any]:
    """Return a table if its keys are fields of a record, and all that need be are there.

    Raises
    ------
    ValueError
        For anything but a table, or a key that is unknown or missing.
    """
    if not isinstance(values, Mapping):
        msg = f"{where} must be a table, got {values!r}"
        raise ValueError(msg)  # noqa: TRY004 - a file's content, as every other fault of it
    known = {
        one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(kind)
    }
    for key in values:
        if key not in known:
            others = ", ".join(known)
            msg = f"{where}: the key {key!r} must be one of {others}{nearest(key, known)}"
            raise ValueError(msg)
    for key, needed in known.items():
        if needed and key not in values:
            msg = f"{where}: the key {key!r} is missing"
            raise ValueError(msg)
    return values
