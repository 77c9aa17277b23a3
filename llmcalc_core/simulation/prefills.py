"""Prompts that are read together: how many, and the times of their prefills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


def packed_prompts(grid: Grid) -> Values:
    """Count the prompts that an attention replica reads in one step when many wait."""
    waiting = np.maximum(np.floor(grid.batch / grid.attention_dp), 1.0)
    count: Values = np.clip(np.floor(grid.chunk_tokens / grid.computed), 1.0, waiting)
    return count


def arriving_prompts(grid: Grid) -> Values:
    """Count the prompts that an attention replica is given in one decode step, at least one."""
    ended = np.floor(grid.batch / grid.attention_dp * grid.gained / grid.outputs)
    count: Values = np.clip(ended, 1.0, packed_prompts(grid))
    return count


def prompts(grid: Grid, count: Values) -> Grid:
    """Give every attention replica some prompts, which go through the stages in one piece."""
    batch = grid.attention_dp * count
    return replace(grid, batch=batch, micro=batch, micro_batches=batch / batch)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prefills:
    """Prefills of so many prompts each.

    Attributes
    ----------
    grid : Grid
        What was timed.
    times : PhaseTimes
        Their times.
    position : array of int, optional
        For each plan and workload where its own is in them; in the same place where not given.
    """

    grid: Grid
    times: PhaseTimes
    position: NDArray[np.intp] | None = None

    def of(self, values: Values | NDArray[np.int8]) -> Any:  # noqa: ANN401 - as its values are
        """Give each plan and workload its own of some values of ``times``."""
        if self.position is None:
            return values
        layouts, counts, inputs, _ = self.grid.shape
        return np.broadcast_to(values, (layouts, counts, inputs, 1)).reshape(-1)[self.position]


def prefills(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    counts: tuple[Values, ...],
) -> list[Prefills]:
    """Time the prefills of several numbers of prompts.

    Parameters
    ----------
    model, hardware, precision, grid, efficiency
        As for :func:`llmcalc_core.costmodel.phases.phase_times`.
    counts : tuple of float or array
        Prompts on each attention replica [1].

    Returns
    -------
    list of Prefills
        One for each of ``counts``. The same numbers occur again and again over batches and
        outputs, on which nothing else depends unless a technique makes it: each is timed once.
    """

    def timed(count: Values, shape: tuple[int, int, int, int] = grid.shape) -> Prefills:
        read = replace(prompts(grid, count), shape=shape)
        times = phase_times(model, hardware, precision, read, efficiency, decode=False)
        return Prefills(grid=read, times=times)

    if all(np.ndim(count) == 0 for count in counts):
        known = {float(count): timed(count) for count in dict.fromkeys(counts)}
        return [known[float(count)] for count in counts]
    if any(_varies(values) for values in (grid.pieces, grid.weights_away, grid.cache_away)):
        return [timed(count) for count in counts]
    whole = [np.asarray(count, dtype=np.intp) for count in counts]
    distinct = np.flatnonzero(np.bincount(np.concatenate([count.reshape(-1) for count in whole])))
    layouts, _, inputs, _ = grid.shape
    table = timed(distinct.astype(float).reshape(1, -1, 1, 1), (layouts, len(distinct), inputs, 1))
    first = np.arange(layouts).reshape(-1, 1, 1, 1) * len(distinct)
    column = np.arange(inputs).reshape(1, 1, -1, 1)
    return [
        replace(table, position=(first + np.searchsorted(distinct, count)) * inputs + column)
        for count in whole
    ]


def _varies(values: Values) -> bool:
    """Whether values differ between batches or outputs."""
    shape = np.shape(values)
    return len(shape) > 1 and max(shape[1], shape[3]) > 1
