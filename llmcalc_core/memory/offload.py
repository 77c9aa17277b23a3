"""What of a plan's weights and cache is with the host: as asked, or so that the rest fits."""

from __future__ import annotations

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed
from llmcalc_core.workload.grid import Grid

_STEP = 2.0**-30
"""Shares are whole multiples of it, the next larger, so that what just fits does in floats too."""


def offloaded(
    model: Model,
    precision: Precision,
    grid: Grid,
    budget: MemoryBudget,
) -> Grid:
    """Settle the shares that are offloaded where they differ from plan to plan.

    Parameters
    ----------
    model, precision
        What is stored, in which types.
    grid : Grid
        Plans and workloads, with the shares that are the same for all.
    budget : MemoryBudget
        What the rest has to fit in.

    Returns
    -------
    Grid
        The same where a plan needs no share of its own.
    """
    techniques = grid.techniques
    if techniques.weights_offload_gib:
        layers = device_memory(model, precision, changed(grid, weights_offload=1.0)).host_weights
        share = np.minimum(techniques.weights_offload_gib * 2**30 / layers, 1.0)
        grid = changed(grid, weights_offload=share)
    if not techniques.offload_to_fit:
        return grid

    def total(tried: Grid) -> Floats:
        return budget.counted(device_memory(model, precision, tried))

    without = changed(grid, weights_offload=1.0)
    weights = _share(grid.weights_offload, (total(grid), total(without)), budget.device_bytes)
    bare = changed(without, kv_offload=1.0)
    cache = _share(grid.kv_offload, (total(without), total(bare)), budget.device_bytes)
    return changed(grid, weights_offload=weights, kv_offload=cache)


def _share(least: Values, needed: tuple[Floats, Floats], usable: Values) -> Floats:
    """Find the share that fits between one and all, of which bytes are ``needed``.

    The fullest stage of a pipeline may be another one with a larger share: what it needs lies below
    the line between the two, never above.
    """
    before, after = needed
    spared = np.maximum(before - after, 1.0)
    part = np.clip((before - usable) / spared, 0.0, 1.0)
    share = np.ceil((least + (1 - least) * part) / _STEP) * _STEP
    return np.where(part > 0, np.minimum(share, 1.0), least)
