"""What is selected in the chart: one plan, and the plans in a brush."""

from __future__ import annotations

from typing import Any

import numpy as np
from traitlets import HasTraits, Int, Tuple

from llmcalc_core import Evaluation

PLAN = ["devices", "tp", "pp", "ep", "attention_dp", "cp", "replicas", "batch"]
"""What makes a plan the same plan in another evaluation."""


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
    for name in PLAN:
        if old.has(name) and new.has(name):
            same &= new.column(name) == old.column(name)[row]
    return int(same.argmax()) if same.any() else None


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
