"""How many requests the memory of a replica has room for at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

import numpy as np

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
