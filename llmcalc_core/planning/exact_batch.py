"""The largest batch of each plan that keeps the limits and fits, between the batches of a grid.

Limits are continuous and the batches that are tried few, such as powers of two; what a plan gives
within its limits is most at a batch between them. Where one batch is within them and the next is
not, the next gives way to the largest batch within, which is looked for in a few rounds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats
from llmcalc_core.planning.verdict import Asking, Verdict, estimated, strain, strained
from llmcalc_core.simulation.records import mapped
from llmcalc_core.workload.grid import Grid

_EVENLY = 4
"""Batches that a round tries at even distances; two more are where the limit is expected [1]."""

_FLAT = 1e-9
"""Rise of what is limited below which it says nothing of where the limit is [1]."""


def with_exact_batches(asking: Asking, grid: Grid, found: Verdict) -> Verdict:
    """Put the largest batch within the limits in the place of the first beyond them.

    Parameters
    ----------
    asking : Asking
        Of what case and request.
    grid : Grid
        Of batches that rise along axis 1, with what is asked to be offloaded.
    found : Verdict
        From :func:`~llmcalc_core.planning.verdict.estimated`.

    Returns
    -------
    Verdict
        The same where no plan has a larger batch within the limits than is there.
    """
    last, batches = _last_within(found), np.asarray(grid.batch).ravel()
    low, high = batches[last], batches[np.minimum(last + 1, len(batches) - 1)]
    rows = np.flatnonzero((high - low > 1).any(axis=(1, 2, 3)))
    if not len(rows):
        return found
    part = grid.of_layouts(tuple(rows.tolist()))
    near = strain(asking, found.grid, found.memory, found.performance)
    ends = np.broadcast_to(near, found.grid.shape)[rows]
    at = last[rows]
    strains = tuple(
        np.take_along_axis(ends, np.minimum(at + one, len(batches) - 1), axis=1) for one in (0, 1)
    )
    exact = _search(asking, part, (low[rows], high[rows]), strains)
    own = estimated(asking, part.with_batch(exact))
    return _put(found, (rows, at + 1), own)


def _last_within(found: Verdict) -> NDArray[np.intp]:
    """Give where the last batch before the first that is rejected is; the last one if all are."""
    within = found.reason == 0
    batches = within.shape[1]
    largest = batches - 1 - within[:, ::-1].argmax(axis=1, keepdims=True)
    last: NDArray[np.intp] = np.where(within.any(axis=1, keepdims=True), largest, batches - 1)
    return last


def _search(
    asking: Asking, grid: Grid, ends: tuple[Floats, Floats], strains: tuple[Floats, ...]
) -> Floats:
    """Narrow the ends, of which one is within the limits and the other not, to neighbours."""
    (low, high), (slack, excess) = ends, strains
    while (high - low > 1).any():
        tried = _tried(low, high, (slack, excess))
        within, near = strained(asking, grid.with_batch(tried))
        near = np.broadcast_to(near, within.shape)
        best = np.where(within, tried, 0).argmax(axis=1, keepdims=True)
        larger = np.take_along_axis(tried, best, axis=1)
        grows = within.any(axis=1, keepdims=True) & (larger > low)
        low = np.where(grows, larger, low)
        slack = np.where(grows, np.take_along_axis(near, best, axis=1), slack)
        beyond = np.where(within | (tried <= low), np.inf, tried)
        first = beyond.argmin(axis=1, keepdims=True)
        smaller = np.take_along_axis(beyond, first, axis=1)
        shrinks = smaller < high
        high = np.where(shrinks, smaller, high)
        excess = np.where(shrinks, np.take_along_axis(near, first, axis=1), excess)
    return low


def _tried(low: Floats, high: Floats, strains: tuple[Floats, Floats]) -> Floats:
    """Choose batches between two ends: some at even distances, and two around the limit."""
    gap = high - low
    parts = np.arange(1, _EVENLY + 1).reshape(1, -1, 1, 1) / (_EVENLY + 1)
    slack, excess = strains
    rise = np.maximum(excess - slack, _FLAT)
    expected = np.floor(low + gap * np.clip((1 - slack) / rise, 0.0, 1.0))
    every = np.concatenate([np.round(low + gap * parts), expected, expected + 1], axis=1)
    tried: Floats = np.clip(every, low + (gap > 1), np.maximum(high - 1, low))
    return tried


def _put(found: Verdict, where: tuple[NDArray[np.intp], NDArray[np.intp]], own: Verdict) -> Verdict:
    """Put the verdict on exact batches of some layouts in the place of others of them."""
    rows, places = where
    exact = own.grid.batch
    before = np.broadcast_to(found.grid.batch, found.grid.shape)[rows]
    kept = np.take_along_axis(before, places - 1, axis=1)
    new = exact > kept
    layout, _, inputs, outputs = np.nonzero(new)
    target = (rows[layout], places[new], inputs, outputs)

    def changed(values: list[NDArray[Any]]) -> NDArray[Any]:
        whole, part = values
        if not whole.ndim and not part.ndim and whole == part:
            return whole
        every = np.broadcast_to(whole, found.grid.shape).copy()
        every[target] = np.broadcast_to(part, own.grid.shape)[new]
        return every

    batch = changed([np.asarray(found.grid.batch), np.asarray(own.grid.batch)])
    grid = replace(
        found.grid.with_batch(batch),
        weights_offload=changed(_shares(found.grid, own.grid, "weights_offload")),
        kv_offload=changed(_shares(found.grid, own.grid, "kv_offload")),
    )
    return Verdict(
        grid=grid,
        performance=mapped([found.performance, own.performance], changed),
        memory=mapped([found.memory, own.memory], changed),
        reason=changed([found.reason, own.reason]),
    )


def _shares(first: Grid, second: Grid, name: str) -> list[NDArray[Any]]:
    return [np.asarray(getattr(grid, name)) for grid in (first, second)]
