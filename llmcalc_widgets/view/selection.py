"""What is selected in the chart: one plan, and the plans in a brush."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
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
    names = [name for name in PLAN if name in old.frame and name in new.frame]
    plan = old.frame[names].to_numpy()[row]
    same = (new.frame[names].to_numpy() == plan).all(axis=1)
    return int(same.argmax()) if same.any() else None


def check_row(row: Any, frame: pd.DataFrame | None) -> int | None:  # noqa: ANN401
    """Return a row of a frame, or None.

    Raises
    ------
    ValueError
        If the frame has no such row.
    """
    if row is None:
        return None
    count = 0 if frame is None else len(frame)
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < count:
        msg = f"row must be from 0 to {count - 1} or None, got {row!r}"
        raise ValueError(msg)
    return int(row)
