"""Cells of a file, read as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from llmcalc_core.checks import positive, whole_number


class CannotPredictError(ValueError):
    """A row that can't be predicted; the message is the reason that the report gives."""


def stated_number(fields: Mapping[str, str], column: str) -> float:
    """Read a number from 0 up that a row has to state.

    Raises
    ------
    CannotPredictError
        If the cell is blank.
    ValueError
        If it is no finite number from 0 up.

    Examples
    --------
    >>> stated_number({"tp": "8.0"}, "tp")
    8.0
    """
    text = fields[column].strip()
    if not text:
        msg = f"{column} is not stated"
        raise CannotPredictError(msg)
    return positive(column, _number(column, text), zero=True)


def stated_count(fields: Mapping[str, str], column: str, *, least: int = 1) -> int:
    """Read a whole number that a row has to state; files write it as 8 or 8.0.

    Raises
    ------
    CannotPredictError
        If the cell is blank.
    ValueError
        If it is no whole number of at least ``least``.

    Examples
    --------
    >>> stated_count({"tp": "8.0"}, "tp")
    8
    """
    return whole_number(column, stated_number(fields, column), least=least)


def count_or_one(fields: Mapping[str, str], column: str) -> int:
    """Read a width; blank and 0 mean 1.

    Examples
    --------
    >>> count_or_one({"ep": ""}, "ep"), count_or_one({"ep": "0.0"}, "ep")
    (1, 1)
    """
    return max(1, stated_count(fields, column, least=0)) if fields[column].strip() else 1


def optional_count(fields: Mapping[str, str], column: str) -> int | None:
    """Read a whole number above 0 that a file may have; None where it does not say.

    Examples
    --------
    >>> optional_count({"max_num_seqs": "128"}, "max_num_seqs"), optional_count({}, "max_num_seqs")
    (128, None)
    """
    return stated_count(fields, column) if fields.get(column, "").strip() else None


def measured_number(fields: Mapping[str, str], column: str) -> float:
    """Read what was measured; NaN where the file has no such column or no value.

    Examples
    --------
    >>> measured_number({"value": "12.5"}, "value"), measured_number({}, "value")
    (12.5, nan)
    """
    text = fields[column].strip() if column in fields else ""
    return _number(column, text) if text else math.nan


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        msg = f"{column} must be a number, got {text!r}"
        raise ValueError(msg) from None
