"""What is selected in the chart: one plan, and the plans in a brush."""

from __future__ import annotations

from typing import Any

from traitlets import HasTraits, Int, Tuple


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
