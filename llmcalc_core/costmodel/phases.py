"""Time of a phase, prefill or decode: passes of a micro batch joined by a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.host import host_delay_seconds
from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, is_pipelined, micro_batch_times
from llmcalc_core.costmodel.passes import PassTimes
from llmcalc_core.costmodel.pipeline import slowest_stage_seconds
from llmcalc_core.costmodel.times import TimeByBound, TimeByKind, summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseTimes:
    """Latency of a phase, its steady throughput, and where the time goes.

    Attributes
    ----------
    latency_s : array
        Decode: time per output token. Prefill: time until the batch's first tokens [s].
    period_s : array
        Time in which a replica finishes a batch in steady state [s].
    by_kind : TimeByKind
        Parts of the latency [s].
    bound : array of int
        Position in ``BOUNDS`` of what takes the most time.
    by_bound : TimeByBound
        What one micro batch waits for on its way through all pipeline stages [s].
    """

    latency_s: Floats
    period_s: Floats
    by_kind: TimeByKind
    bound: NDArray[np.int8]
    by_bound: TimeByBound


def phase_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    decode: bool,
) -> PhaseTimes:
    """Time one decode step (averaged over the generation) or the prefill of a batch.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    grid : Grid
        Plans and workloads.
    efficiency : Efficiency
        What the device reaches.
    decode : bool
        Decode step, else prefill.

    Returns
    -------
    PhaseTimes
        Arrays that broadcast to the grid.
    """
    case = (model, hardware, precision, grid, efficiency)
    return phase_times_of(case, micro_batch_times(case, decode=decode), decode=decode)


def phase_latency(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    decode: bool,
) -> Floats:
    """Give the latency of :func:`phase_times` alone, in less time.

    Parameters
    ----------
    model, hardware, precision, grid, efficiency, decode
        As there.

    Returns
    -------
    array
        Latency [s], which broadcasts to the grid.
    """
    case = (model, hardware, precision, grid, efficiency)
    parts = micro_batch_times(case, decode=decode, bounds=False)
    traversal = summed([parts.one.device_s, parts.host_delay_s, parts.hand_over_s])
    for draft in parts.drafts:
        traversal = traversal + draft.seconds
    latency, _ = _joined(case, parts, traversal, decode=decode)
    return _array(latency * _times(grid, decode=decode))


def phase_times_of(case: Case, parts: MicroBatch, *, decode: bool) -> PhaseTimes:
    """Join what a micro batch waits for into the latency and the throughput of a phase.

    Parameters
    ----------
    case : tuple
        As :func:`phase_times` takes it.
    parts : MicroBatch
        From :func:`llmcalc_core.costmodel.micro_batch.micro_batch_times`.
    decode : bool
        Whether micro batches follow each other again and again, as decode steps do, else once.

    Returns
    -------
    PhaseTimes
        Of arrays that broadcast to the grid.
    """
    by_kind, by_bound = _all_times_of(parts)
    traversal = by_kind.total()
    latency, period = _joined(case, parts, traversal, decode=decode)
    if latency is not traversal:
        by_kind *= latency / traversal
    times = _times(case[3], decode=decode)
    if not isinstance(times, float) or times != 1:
        latency, period = latency * times, period * times
    return PhaseTimes(
        latency_s=_array(latency),
        period_s=_array(period),
        by_kind=by_kind * times,
        bound=by_bound.largest(),
        by_bound=by_bound * times,
    )


def traversal_times(parts: MicroBatch) -> PhaseTimes:
    """Give the times of one micro batch on its way through all stages, with no other behind it."""
    by_kind, by_bound = _all_times_of(parts)
    way = _array(by_kind.total())
    return PhaseTimes(
        latency_s=way,
        period_s=way,
        by_kind=by_kind,
        bound=by_bound.largest(),
        by_bound=by_bound,
    )


def _all_times_of(parts: MicroBatch) -> tuple[TimeByKind, TimeByBound]:
    """Give the time of a micro batch by kind and by bound, drafts included."""
    by_kind, by_bound = _times_of(parts.one, parts.host_delay_s, parts.hand_over_s)
    for draft in parts.drafts:
        draft_by_kind, draft_by_bound = _times_of(draft.one, draft.host_delay_s)
        by_kind += draft_by_kind * draft.passes
        by_bound += draft_by_bound * draft.passes
    return by_kind, by_bound


def _joined(
    case: Case, parts: MicroBatch, traversal: Values, *, decode: bool
) -> tuple[Values, Values]:
    """Give latency and period of the micro batches that follow each other through a pipeline [s].

    Without one, both are the time of the one micro batch.
    """
    model, _, _, grid, efficiency = case
    if not is_pipelined(grid):
        return traversal, traversal
    # Drafts are made on the last stage, here as if it were the slowest.
    slowest = slowest_stage_seconds(model, grid, parts.one.section_s)
    for draft in parts.drafts:
        slowest = slowest + draft.seconds
    slowest = slowest + host_delay_seconds(
        slowest,
        prepare=parts.prepare_s,
        launch=parts.launch_s / grid.pp,
        overlaps=efficiency.behaviour.overlaps,
    )
    if decode:
        cycle = decode_cycle_seconds(
            traversal=traversal, slowest_stage=slowest, micro_batches=grid.micro_batches
        )
        return cycle, cycle
    latency = fill_and_drain_seconds(
        traversal=traversal, slowest_stage=slowest, micro_batches=grid.micro_batches
    )
    return latency, np.where(grid.pp > 1, grid.micro_batches * slowest, latency)


def _times(grid: Grid, *, decode: bool) -> Values:
    """Say how often the passes run: a prompt has several chunks, a draft several tokens [1]."""
    return 1 / grid.acceptance_length if decode else grid.prefill_chunks


def _times_of(
    one: PassTimes, host_delay: Values, hand_over: Values = 0.0
) -> tuple[TimeByKind, TimeByBound]:
    """Give the time of a pass by kind and by bound, with what the host and a pipeline add."""
    operations = summed([one.gemm, one.attention, one.memory])
    by_kind = TimeByKind(
        gemm=one.gemm,
        attention=one.attention,
        communication=summed([one.link, one.host_link, hand_over]),
        memory=one.memory,
        overhead=host_delay,
    )
    by_bound = TimeByBound(
        compute=one.compute_bound,
        memory_bandwidth=operations - one.compute_bound - one.launch,
        link=summed([one.link, hand_over]),
        overhead=one.launch + host_delay,
        host_link=one.host_link,
    )
    return by_kind, by_bound


def _array(values: Values) -> Floats:
    return values if isinstance(values, np.ndarray) else cast("Floats", np.float64(values))
