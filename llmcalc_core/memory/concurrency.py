"""How many requests the memory of a replica lets in."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from operator import attrgetter

import numpy as np

from llmcalc_core.formulas import Floats
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.workload.grid import Grid

Held = Callable[[int], tuple[Memory, Grid]]
"""Gives what a device holds for so many requests, and their grid of one layout and batch."""

_GUESSES = 3
"""Of so many trials one halves what is left, lest guesses creep."""


def most_in_flight(
    held: Held,
    asked: int,
    usable: float,
    host: float = math.inf,
    *,
    counted: Callable[[Memory], Floats] = attrgetter("total"),
) -> int:
    """Count the requests of full length that fit at once, with the buffers of so many.

    Parameters
    ----------
    held : callable
        Memory of any number of requests; more of them never need less.
    asked : int
        Where to begin.
    usable : float
        Bytes that may be used [bytes].
    host : float
        Bytes of the host's memory for a device, of which offloaded cache takes some [bytes].
    counted : callable
        What of the memory counts against ``usable``; all of it unless given.

    Returns
    -------
    int
        0 if not even one fits.
    """
    low, high, trial = 0, math.inf, asked
    for turn in count(1):
        own = beside_buffers(*held(trial), usable, host, counted=counted)
        if own >= trial:
            low = trial
        else:
            high = trial
        if high - low <= 1:
            break
        if turn % _GUESSES == 0:
            own = 2 * low if math.isinf(high) else (low + int(high)) // 2
        trial = int(min(max(own, low + 1), high - 1))
    return low


def beside_buffers(
    memory: Memory,
    grid: Grid,
    usable: float,
    host: float = math.inf,
    *,
    counted: Callable[[Memory], Floats] = attrgetter("total"),
) -> int:
    """Count the requests whose cache fits beside the weights and the buffers of one batch.

    Parameters
    ----------
    memory : Memory
        Of one layout and batch.
    grid : Grid
        That layout and batch.
    usable, host, counted
        As for :func:`most_in_flight`.

    Returns
    -------
    int
        0 if not even one fits.
    """
    cache, away = memory.kv_cache.item(), float(memory.host_kv_cache)
    room, host_room = usable - (counted(memory).item() - cache), host - float(memory.host_weights)
    if room < 0 or host_room < 0:
        return 0
    ranks = float(np.asarray(grid.attention_dp).item())
    per_rank = math.ceil(float(np.asarray(grid.batch).item()) / ranks)
    held = [(room, cache), (host_room, away)]
    fit = [place / (own / per_rank) * (1 + 1e-12) for place, own in held if own > 0]
    return math.floor(min(fit, default=per_rank)) * round(ranks)
