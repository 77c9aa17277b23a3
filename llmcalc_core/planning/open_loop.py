"""Plans to which requests come at a rate, whatever they do: what is in flight, and its times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.formulas import Floats
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.concurrency import most_in_flight
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.performance import Performance
from llmcalc_core.simulation.in_flight import numbers_in_flight
from llmcalc_core.simulation.open_loop import OfferedLoad, OpenLoop, Room, open_loop
from llmcalc_core.workload.grid import Grid

_ROWS = 2**15
"""Layouts, numbers in flight and lengths that are worked out at once."""


def open_loop_at(case: Case, budget: MemoryBudget, load: OfferedLoad) -> OpenLoop:
    """Estimate what replicas do at rates of requests, with what their memory has room for.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid of layouts and lengths, of any batch, and efficiency.
    budget : MemoryBudget
        What a device may hold.
    load : OfferedLoad
        What comes to a replica of each plan.

    Returns
    -------
    OpenLoop
        Of one replica; where not even one request fits, as if one did.
    """
    model, hardware, precision, grid, efficiency = case

    def of(most: float) -> Grid:
        numbers = np.array(numbers_in_flight(ceil(most)), float).reshape(1, -1, 1, 1)
        return offloaded(model, precision, grid.with_batch(numbers), budget)

    places = grid.engine.max_num_seqs * grid.attention_dp
    every = of(float(np.max(places)))
    whole = most_in_flight(device_memory(model, precision, every), every, budget)
    usual = np.maximum(whole, 1.0)
    if not grid.engine.reserves_answers:
        usual = usual * (grid.inputs + grid.outputs) / (grid.inputs + grid.outputs / 2)
    room = Room(whole=np.maximum(whole, 1.0), usual=np.minimum(usual, places))
    tried = (model, hardware, precision, of(float(room.usual.max())), efficiency)
    return open_loop(tried, room, load)


def performance_at(found: OpenLoop, output_tokens: Floats) -> Performance:
    """Give what a replica does at a rate; where it is overloaded, the queue grows forever.

    Parameters
    ----------
    found : OpenLoop
        Of one replica.
    output_tokens : array
        Tokens of an answer [tokens].

    Returns
    -------
    Performance
        With percentiles, where they are there, and the means beside.
    """
    times, levels = found.times, found.percentiles

    def unless_overloaded(time: Floats) -> Floats:
        return np.where(found.overloaded, np.inf, time)

    means = Performance(
        ttft_s=unless_overloaded(times.ttft_s),
        tpot_s=times.tpot_s,
        requests_per_s=found.requests_per_s,
        tokens_per_request=output_tokens,
        by_kind=times.by_kind,
        bound=times.bound,
        utilisation=times.utilisation,
    )
    if levels is None:
        return means
    return replace(
        means,
        ttft_s=unless_overloaded(levels.ttft_s),
        tpot_s=np.where(found.overloaded, times.tpot_s, levels.tpot_s),
        e2e_s=unless_overloaded(levels.e2e_s),
        ttft_mean_s=means.ttft_s,
        tpot_mean_s=means.tpot_s,
    )


def not_served(found: OpenLoop) -> NDArray[np.bool_]:
    """Tell where more comes than is served, or no percentile is known as all places are taken."""
    return found.overloaded if found.percentiles is None else found.full


def layouts_and_inputs(grid: Grid, rows: int) -> Iterator[tuple[tuple[int, ...], slice]]:
    """Divide layouts, by position, and, where one has many lengths, inputs.

    Parameters
    ----------
    grid : Grid
        Layouts and lengths.
    rows : int
        Plans and rates of all layouts.

    Yields
    ------
    tuple
        Positions of layouts, and which inputs.
    """
    layouts, _, inputs, outputs = grid.shape
    most = grid.engine.max_num_seqs * float(np.max(grid.attention_dp))
    each = max(len(numbers_in_flight(int(most))), -(-rows // layouts))
    wide = min(max(_ROWS // (each * outputs), 1), inputs)
    high = max(_ROWS // (each * outputs * inputs), 1)
    for start in range(0, layouts, high):
        for first in range(0, inputs, wide):
            some = tuple(range(start, min(start + high, layouts)))
            yield some, slice(first, min(first + wide, inputs))
