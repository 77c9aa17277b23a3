"""Records of arrays, and records in them, as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Record = TypeVar("Record")
Where = tuple[NDArray[np.intp] | slice, slice]
"""Plans and inputs that a part of a record is about."""


def single(record: Record) -> Record:
    """Give the record of one plan and load with numbers, as arrays without axes."""
    return mapped([record], lambda values: np.asarray(values[0]).reshape(()))


def joined(shape: tuple[int, ...], parts: list[tuple[Where, Record]]) -> Record:
    """Join records of some plans and inputs each; what is one number in all of them stays one.

    Parameters
    ----------
    shape : tuple of int
        Plans, rates, inputs and outputs of all.
    parts : list of tuple
        Where each belongs; their arrays broadcast to the four axes there.
    """
    if len(parts) == 1:
        return parts[0][1]

    def whole(values: list[NDArray[Any]]) -> NDArray[Any]:
        if (
            not any(value.ndim for value in values)
            and len({value.tobytes() for value in values}) == 1
        ):
            return values[0]
        found = np.empty(shape, values[0].dtype)
        for ((rows, inputs), _), value in zip(parts, values, strict=True):
            found[rows, :, inputs] = value
        return found

    return mapped([record for _, record in parts], whole)


def mapped(records: list[Record], change: Callable[[list[NDArray[Any]]], NDArray[Any]]) -> Record:
    """Make a record of what becomes of each field of some."""
    first = records[0]
    if not is_dataclass(first) or isinstance(first, type):
        msg = f"records must be dataclasses, got {type(first).__name__}"
        raise TypeError(msg)
    made: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(record, field.name) for record in records]
        if is_dataclass(values[0]):
            made[field.name] = mapped(values, change)
        elif values[0] is not None:
            made[field.name] = change([np.asarray(one) for one in values])
    return replace(first, **made)
