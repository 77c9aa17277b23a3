"""What is selected in the chart: one plan, and the plans in a brush."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from traitlets import HasTraits, Int, Tuple

from llmcalc_core import Evaluation

PLAN = ("devices", "tp", "pp", "ep", "attention_dp", "cp", "replicas")
"""What makes a plan the same plan in another evaluation, but for its load."""

_IN_FLIGHT, _RATE = "batch", "request_rate"


class Selection(HasTraits):
    """Rows of the present evaluation that a person pointed at.

    Attributes
    ----------
    row : int or None
        The selected plan.
    brushed : tuple of int or None
        The plans in the brush; None while there is no brush.
    """

    row: Any = Int(None, allow_none=True)
    brushed: Any = Tuple(None, allow_none=True)


def same_plan(old: Evaluation | None, new: Evaluation, row: int | None) -> int | None:
    """Find the plan of a row in another evaluation."""
    if old is None or row is None:
        return None
    same = np.ones(len(new.rejected), dtype=bool)
    for name in (*PLAN, *_loads(old, new)):
        if old.has(name) and new.has(name):
            same &= new.column(name) == old.column(name)[row]
    return int(same.argmax()) if same.any() else None


def _loads(old: Evaluation, new: Evaluation) -> tuple[str, ...]:
    """Name what tells plans of one layout apart: how many are in flight, or of several rates one.

    At a rate, what is in flight follows from it; and a plan at the only rate stays the same plan
    at another one.
    """
    rates = [one.request.request_rates for one in (old, new)]
    if not any(rates):
        return (_IN_FLIGHT,)
    return (_RATE,) if all(len(one) > 1 for one in rates) else ()


def plan_of(row: pd.Series) -> dict[str, float]:
    """Give what makes the plan of a row the same plan in another frame."""
    whole = {name: int(row[name]) for name in PLAN if name in row}
    if _RATE in row:
        return {**whole, _RATE: float(row[_RATE])}
    return {**whole, _IN_FLIGHT: int(row[_IN_FLIGHT])}


def row_of_plan(plan: Mapping[str, float], frame: pd.DataFrame) -> int | None:
    """Find a plan in a frame; None if it is not there."""
    same = pd.Series(data=True, index=frame.index)
    for name, value in plan.items():
        same &= (frame[name] == value) if name in frame else value == 1
    return int(same.to_numpy().argmax()) if same.any() else None


def check_row(row: Any, found: Evaluation | None) -> int | None:  # noqa: ANN401
    """Return a row of an evaluation, or None.

    Raises
    ------
    ValueError
        If it has no such row.
    """
    if row is None:
        return None
    count = 0 if found is None else len(found.rejected)
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < count:
        msg = f"row must be from 0 to {count - 1} or None, got {row!r}"
        raise ValueError(msg)
    return int(row)
