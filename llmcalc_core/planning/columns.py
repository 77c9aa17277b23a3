"""Arrays over layouts turned into columns over plans, when the columns are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.planning.layouts import Plan
from llmcalc_core.workload.grid import Grid

Column = Callable[[], NDArray[Any]]
"""Makes a column: many of a table are never looked at, or not at once."""

Columns = dict[str, Column]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Turns arrays over layouts into columns over plans.

    Attributes
    ----------
    grid : Grid
        Of layouts and workloads.
    plans : tuple of Plan
        The plans, in the order of the rows.
    index : array of int
        Each plan's layout in the grid.
    """

    grid: Grid
    plans: tuple[Plan, ...]
    index: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of plans, batches, inputs and outputs."""
        _, batches, inputs, outputs = self.grid.shape
        return len(self.plans), batches, inputs, outputs

    def full(self, values: Any, dtype: type = np.float64) -> NDArray[Any]:  # noqa: ANN401
        """Give an array over layouts the grid's whole shape."""
        return np.broadcast_to(np.asarray(values, dtype=dtype), self.grid.shape)

    def block(self, values: Any, dtype: type = np.float64) -> NDArray[Any]:  # noqa: ANN401
        """Repeat an array over layouts for the plans: (plans, batches, inputs, outputs)."""
        repeated: NDArray[Any] = self.full(values, dtype)[self.index]
        return repeated

    def column(self, values: Any, dtype: type = np.float64) -> Column:  # noqa: ANN401
        """Give the same as a column; ``values`` may be a function that makes the array."""
        return partial(self._column, values, dtype)

    def plan_column(self, number: Callable[[Plan], int]) -> Column:
        """Repeat one number per plan for its workloads."""
        return partial(self._plan_column, number)

    def constant(self, value: int) -> Column:
        """Give one small number for all rows."""
        return partial(np.full, prod(self.shape), value, dtype=np.int8)

    def each(self, number: Callable[[Plan], int], dtype: type) -> NDArray[Any]:
        """Give one number per plan, in a shape that broadcasts to blocks."""
        return np.array([number(plan) for plan in self.plans], dtype=dtype).reshape(-1, 1, 1, 1)

    def _column(self, values: Any, dtype: type) -> NDArray[Any]:  # noqa: ANN401
        return self.block(values() if callable(values) else values, dtype).reshape(-1)

    def _plan_column(self, number: Callable[[Plan], int]) -> NDArray[np.int32]:
        return np.broadcast_to(self.each(number, np.int32), self.shape).reshape(-1)
