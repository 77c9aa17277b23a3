"""How many requests the memory of a replica has room for at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

import numpy as np

from llmcalc_core.formulas import Floats
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.workload.grid import Grid

MemoryOf = Callable[[int], tuple[Memory, Grid]]
"""Gives the memory of so many requests, and their grid of one layout and batch."""

_GUESSES = 3
"""Of so many trials one halves what is left, lest guesses creep."""


def max_concurrency(memory_of: MemoryOf, start: int, budget: MemoryBudget) -> int:
    """Count the requests of full length that fit at once, with the buffers of so many.

    Parameters
    ----------
    memory_of : callable
        Memory of any number of requests; more of them never need less.
    start : int
        Where to begin.
    budget : MemoryBudget
        What they have to fit in.

    Returns
    -------
    int
        0 if not even one fits.
    """
    low, high, trial = 0, math.inf, start
    for turn in count(1):
        found = concurrency_beside_buffers(*memory_of(trial), budget)
        if found >= trial:
            low = trial
        else:
            high = trial
        if high - low <= 1:
            break
        if turn % _GUESSES == 0:
            found = 2 * low if math.isinf(high) else (low + int(high)) // 2
        trial = int(min(max(found, low + 1), high - 1))
    return low


def concurrency_beside_buffers(memory: Memory, grid: Grid, budget: MemoryBudget) -> int:
    """Count the requests whose cache fits beside the weights and the buffers of one batch.

    Parameters
    ----------
    memory : Memory
        Of one layout and batch.
    grid : Grid
        That layout and batch.
    budget : MemoryBudget
        As for :func:`max_concurrency`.

    Returns
    -------
    int
        0 if not even one fits.
    """
    cache, host_cache = memory.kv_cache.item(), float(memory.host_kv_cache)
    room = budget.device_bytes - (budget.counted(memory).item() - cache)
    host_room = budget.host_bytes - float(memory.host_weights)
    if room < 0 or host_room < 0:
        return 0
    ranks = float(np.asarray(grid.attention_dp).item())
    per_rank = math.ceil(float(np.asarray(grid.batch).item()) / ranks)
    caches = [(room, cache), (host_room, host_cache)]
    fit = [place / (own / per_rank) * (1 + 1e-12) for place, own in caches if own > 0]
    return math.floor(min(fit, default=per_rank)) * round(ranks)


def most_in_flight(memory: Memory, grid: Grid, budget: MemoryBudget) -> Floats:
    """Count the requests that fit at once, of every layout and length.

    Parameters
    ----------
    memory : Memory
        Of some numbers of requests, the batches of the grid.
    grid : Grid
        Layouts and lengths; its last batch is the most that are counted.
    budget : MemoryBudget
        What they have to fit in.

    Returns
    -------
    array of shape (layouts, 1, inputs, outputs)
        Requests, and no more than the engine runs at once [1]: 0 where not even one fits. Between
        two numbers beside the buffers of the larger one, so that it is a few less than
        :func:`max_concurrency` counts at the most; of the stage that is the fuller at either.
    """
    cache, host_cache = memory.kv_cache, np.asarray(memory.host_kv_cache)
    room = budget.device_bytes - (budget.counted(memory) - cache)
    host_room = budget.host_bytes - np.asarray(memory.host_weights)
    per_rank = np.ceil(grid.batch / grid.attention_dp)
    fit = np.minimum(_caches(room, cache / per_rank), _caches(host_room, host_cache / per_rank))
    fit = np.where((room < 0) | (host_room < 0), 0.0, fit * grid.attention_dp)
    fit, numbers = np.broadcast_to(fit, grid.shape), np.broadcast_to(grid.batch, grid.shape)
    between = np.minimum(fit, numbers)
    # Beyond the first that does not fit another stage may be the fullest.
    reached = np.where(fit[:, :-1] >= numbers[:, :-1], np.minimum(between[:, 1:], fit[:, :-1]), 0.0)
    at_once = np.concatenate([between[:, :1], reached], axis=1).max(axis=1, keepdims=True)
    most: Floats = np.minimum(at_once, grid.engine.max_num_seqs * grid.attention_dp)
    return most


def _caches(room: Floats, each: Floats) -> Floats:
    """Count the caches that a room holds; without end where they take nothing."""
    held = np.floor(room / np.where(each > 0, each, 1.0) * (1 + 1e-12))
    return np.where(each > 0, np.maximum(held, 0.0), np.inf)
