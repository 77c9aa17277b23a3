"""The candidates of a case in blocks that are estimated one after the other.

The arrays of a block stay in a processor's cache, and what it gives is written where it belongs at
once, so that there is nothing as large as the result beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.planning.plan_table import PlanTable
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.layout import Layout

ROWS = 2**15
"""Layouts and workloads of a block: an array of them takes a quarter of a megabyte."""

_BATCHES = 64
"""Batches of a block, where there are so many: what layouts have in common is worked out for each
block, and rows that are written together should be side by side."""

ALL = slice(None)

Shape = tuple[int, int, int, int]
"""Numbers of plans, batches (or request rates), inputs and outputs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some plans and workloads of a case.

    Attributes
    ----------
    layouts : tuple of int
        Positions of their layouts in the grid of the case.
    batches, inputs : slice
        Which batches (or request rates) and input lengths; outputs are all.
    plans : slice or array of int
        Positions of the plans in the table of the case.
    layout : array of int
        Position of the layout of each plan in those of the block.
    replicas : array of int
        Copies of each.
    """

    layouts: tuple[int, ...]
    batches: slice
    inputs: slice
    plans: slice | NDArray[np.intp]
    layout: NDArray[np.intp]
    replicas: NDArray[np.int32]

    @property
    def axes(self) -> tuple[slice | NDArray[np.intp], slice, slice, slice]:
        """Where it is in an array of the plans and workloads of the case."""
        return self.plans, self.batches, self.inputs, ALL

    def of(self, grid: Grid) -> Grid:
        """Take its layouts and workloads from the grid of the case."""
        if len(self.layouts) < len(grid.layouts):
            grid = grid.of_layouts(self.layouts)
        if self.batches != ALL:
            grid = grid.of_batches(self.batches)
        return grid if self.inputs == ALL else grid.of_inputs(self.inputs)

    def place(self, shape: Shape, row: int) -> tuple[int, ...] | None:
        """Give plan, batch, input and output of a row of the case in the block; None elsewhere."""
        found = []
        for some, count, at in zip(self.axes, shape, np.unravel_index(row, shape), strict=True):
            here = np.flatnonzero(np.arange(count)[some] == at)
            if not here.size:
                return None
            found.append(int(here[0]))
        return tuple(found)


def blocks_of(table: PlanTable, grid: Grid, *, whole_batches: bool = False) -> list[Block]:
    """Divide the plans and workloads of a case.

    Parameters
    ----------
    table : PlanTable
        Its plans.
    grid : Grid
        Its layouts and workloads.
    whole_batches : bool, default False
        Whether a block has all batches.

    Returns
    -------
    list of Block
        Of about :data:`ROWS` layouts and workloads; of layouts whose steps hold the same.
    """
    _, batches, inputs, outputs = grid.shape
    if prod(grid.shape) <= ROWS:
        return [block(table, tuple(range(len(grid.layouts))), ALL, ALL)]
    least, together = (batches, batches) if whole_batches else (1, min(batches, _BATCHES))
    found = []
    for alike in _alike(grid.layouts):
        for prompts in ranges(inputs, ROWS / (outputs * least)):
            read = len(range(inputs)[prompts]) * outputs
            for some in ranges(len(alike), ROWS / (together * read)):
                layouts = alike[some]
                most = batches if whole_batches else ROWS / (len(layouts) * read)
                found += [
                    block(table, layouts, numbers, prompts) for numbers in ranges(batches, most)
                ]
    return found


def block(table: PlanTable, layouts: tuple[int, ...], batches: slice, inputs: slice) -> Block:
    """Make a block of all plans that have one of some layouts."""
    if len(layouts) == len(table.layouts):
        return Block(
            layouts=layouts, batches=batches, inputs=inputs, plans=ALL, layout=table.layout,
            replicas=table.replicas,
        )  # fmt: skip
    position = np.full(len(table.layouts), -1)
    position[list(layouts)] = range(len(layouts))
    own = position[table.layout]
    plans = np.flatnonzero(own >= 0)
    return Block(
        layouts=layouts, batches=batches, inputs=inputs, plans=plans, layout=own[plans],
        replicas=table.replicas[plans],
    )  # fmt: skip


def _alike(layouts: tuple[Layout, ...]) -> list[tuple[int, ...]]:
    """Divide layouts by what their steps hold, beside the workload; pipelines have more to do."""

    def held(at: int) -> Any:  # noqa: ANN401 - a key
        return layouts[at].pp > 1, layouts[at].attention_dp

    return [tuple(own) for _, own in groupby(sorted(range(len(layouts)), key=held), held)]


def ranges(count: int, most: float) -> list[slice]:
    """Divide so many into ranges of the same size, none above the most but of one.

    Examples
    --------
    >>> ranges(5, 2)
    [slice(0, 1, None), slice(1, 3, None), slice(3, 5, None)]
    """
    parts = min(ceil(count / max(most, 1.0)), count)
    if parts == 1:
        return [ALL]
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(ends)]
