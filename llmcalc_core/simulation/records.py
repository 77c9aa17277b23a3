"""Records of arrays, and records in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Record = TypeVar("Record")


def single(record: Record) -> Record:
    """Give the record of one plan and load with numbers, as arrays without axes."""
    return mapped([record], lambda values: np.asarray(values[0]).reshape(()))


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
