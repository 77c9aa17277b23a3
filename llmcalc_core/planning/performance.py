"""Latency and throughput of one replica in each phase, in one shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.phases import phase_latency, phase_times
from llmcalc_core.costmodel.times import TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation, phase_utilisation
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.records import record
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.workload.grid import Grid

TIMES = {"prefill": "ttft_s", "decode": "tpot_s", "serving": "tpot_s"}
"""The time that each phase is about, of which are its breakdown, its limit and its front."""


@record()
class Performance:
    """What one replica does in a phase; arrays that broadcast to the grid.

    Attributes
    ----------
    ttft_s, tpot_s : array or None
        Time to the first token and per output token [s]; None of the other static phase: see
        :func:`with_other_phase`.
    requests_per_s : array
        Requests that one replica ends [1/s].
    tokens_per_request : array
        What its throughput counts: prompt tokens in prefill, else generated ones [tokens].
    by_kind : TimeByKind
        Parts of the phase's latency [s].
    bound : array of int
        Position in ``BOUNDS`` of what bounds it.
    utilisation : Utilisation
        How its devices are used.
    e2e_s : array or None
        Time from request to last token [s]; None where it is that of the other two.
    ttft_mean_s, tpot_mean_s : array or None
        Means, where the times are percentiles [s].
    """

    ttft_s: Floats | None
    tpot_s: Floats | None
    requests_per_s: Floats
    tokens_per_request: Floats
    by_kind: TimeByKind
    bound: NDArray[np.int8]
    utilisation: Utilisation
    e2e_s: Floats | None = None
    ttft_mean_s: Floats | None = None
    tpot_mean_s: Floats | None = None


def performance(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    phase: str,
) -> Performance:
    """Estimate what one replica does in a phase.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    grid : Grid
        Plans and workloads.
    efficiency : Efficiency
        What the device reaches, and how the engine behaves.
    phase : {'prefill', 'decode', 'serving'}
        A static batch's prefill or decoding, or continuous batching.

    Returns
    -------
    Performance
        Arrays that broadcast to the grid.
    """
    if phase == "serving":
        running = let_in(grid)
        loop = serving_times(model, hardware, precision, running, efficiency, further=False)
        late = 0.0 if running is grid else (grid.batch / running.batch - 1) * loop.e2e_s
        return Performance(
            ttft_s=loop.ttft_s + late,
            tpot_s=loop.tpot_s,
            requests_per_s=running.batch / loop.e2e_s,
            tokens_per_request=grid.outputs,
            by_kind=loop.by_kind,
            bound=loop.bound,
            utilisation=loop.utilisation,
            e2e_s=loop.e2e_s,
        )
    decode = phase == "decode"
    times = phase_times(model, hardware, precision, grid, efficiency, decode=decode)
    batches_per_s = 1 / (times.period_s * grid.outputs if decode else times.period_s)
    return Performance(
        ttft_s=None if decode else times.latency_s,
        tpot_s=times.latency_s if decode else None,
        requests_per_s=grid.batch * batches_per_s,
        tokens_per_request=grid.outputs if decode else grid.inputs,
        by_kind=times.by_kind,
        bound=times.bound,
        utilisation=phase_utilisation(times, grid, decode=decode),
    )


def let_in(grid: Grid) -> Grid:
    """Give the grid of the requests that run, of those in flight, where the engine caps them.

    Parameters
    ----------
    grid : Grid
        Plans and requests in flight.

    Returns
    -------
    Grid
        Itself where all of them run.
    """
    places = grid.engine.max_num_seqs * grid.attention_dp
    if np.max(grid.batch) <= np.min(places):
        return grid
    return grid.with_batch(np.minimum(grid.batch, places))


def with_other_phase(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    own: Performance,
) -> Performance:
    """Add the time of the other static phase, where it is not there.

    Parameters
    ----------
    model, hardware, precision, grid, efficiency
        As for :func:`performance`.
    own : Performance
        Of prefill, decode or (which has them all) serving.

    Returns
    -------
    Performance
        With both ``ttft_s`` and ``tpot_s``, which is no number where nothing is generated.
    """
    if own.ttft_s is not None and own.tpot_s is not None:
        return own
    decode = own.tpot_s is None
    if decode and not model.generates:
        return replace(own, tpot_s=np.asarray(np.nan), e2e_s=own.ttft_s)
    other = phase_latency(model, hardware, precision, grid, efficiency, decode=decode)
    return replace(own, tpot_s=other) if decode else replace(own, ttft_s=other)
