"""Time of a phase, prefill or decode: passes of a micro batch joined by a pipeline."""

from __future__ import annotations

from functools import cached_property, reduce
from operator import add
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.host import host_delay_seconds
from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, micro_batch_times
from llmcalc_core.costmodel.passes import PassTimes
from llmcalc_core.costmodel.pipeline import slowest_stage_seconds
from llmcalc_core.costmodel.times import KINDS, TimeByBound, TimeByKind, summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid


class Wait(NamedTuple):
    """Passes that a micro batch waits for, and what the host and a pipeline add to each.

    Attributes
    ----------
    one : PassTimes
        One of them.
    host_delay_s, hand_over_s : float or array
        What the host adds, and the hand-overs between stages [s].
    passes : float
        How many follow each other [1].
    """

    one: PassTimes
    host_delay_s: Values
    hand_over_s: Values
    passes: float

    @property
    def seconds(self) -> Values:
        """Time of all passes [s]."""
        each = summed([self.one.device_s, self.host_delay_s, self.hand_over_s])
        return each if self.passes == 1 else self.passes * each


@record(slots=False)
class PhaseTimes:
    """Latency of a phase, its steady throughput, and where the time goes.

    Attributes
    ----------
    latency_s : array
        Decode: time per output token. Prefill: time until the batch's first tokens [s].
    period_s : array
        Time in which a replica finishes a batch in steady state [s].
    traversal_s : float or array
        Time of one micro batch on its way through all pipeline stages [s].
    stretch : float or array
        The latency over the time of one way [1].
    times : float or array
        How often the passes run for the latency [1].
    waits : tuple of Wait
        What a micro batch waits for on its way.
    """

    latency_s: Floats
    period_s: Floats
    traversal_s: Values
    stretch: Values
    times: Values
    waits: tuple[Wait, ...]

    @cached_property
    def traversal_by_kind(self) -> TimeByKind:
        """Parts of the time of one way [s]."""
        return reduce(add, [_by_kind(wait) for wait in self.waits])

    @property
    def by_kind(self) -> TimeByKind:
        """Parts of the latency [s]."""
        return self.traversal_by_kind * self.stretch

    @cached_property
    def by_bound(self) -> TimeByBound:
        """What a micro batch waits for on its way, as often as its passes run [s]."""
        return reduce(add, [_by_bound(wait) for wait in self.waits]) * self.times

    @property
    def bound(self) -> NDArray[np.int8]:
        """Position in ``BOUNDS`` of what takes the most time."""
        return self.by_bound.largest()


def phase_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    decode: bool,
    bounds: bool = True,
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
    bounds : bool, default True
        Whether to say what bounds it.

    Returns
    -------
    PhaseTimes
        Arrays that broadcast to the grid.
    """
    case = (model, hardware, precision, grid, efficiency)
    parts = micro_batch_times(case, decode=decode, bounds=bounds)
    return phase_times_of(case, parts, decode=decode)


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
    times = phase_times(model, hardware, precision, grid, efficiency, decode=decode, bounds=False)
    return times.latency_s


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
    waits = _waits(parts)
    traversal = _seconds(waits)
    latency, period = _joined(case, parts, traversal, decode=decode)
    times = _times(case[3], decode=decode)
    stretch: Values = 1.0 if latency is traversal else latency / traversal
    if not isinstance(times, float) or times != 1:
        latency, period, stretch = latency * times, period * times, stretch * times
    return PhaseTimes(
        latency_s=_array(latency),
        period_s=_array(period),
        traversal_s=traversal,
        stretch=stretch,
        times=times,
        waits=waits,
    )


def traversal_times(parts: MicroBatch) -> PhaseTimes:
    """Give the times of one micro batch on its way through all stages, with no other behind it."""
    waits = _waits(parts)
    way = _array(_seconds(waits))
    return PhaseTimes(
        latency_s=way, period_s=way, traversal_s=way, stretch=1.0, times=1.0, waits=waits
    )


def mean_by_kind(*weighted: tuple[PhaseTimes, Values]) -> TimeByKind:
    """Sum the parts of the latencies of phases, as often as each of them comes [s]."""
    each = [(one.traversal_by_kind.parts(), one.stretch * weight) for one, weight in weighted]
    sums = (
        summed(
            [part * weight for part, weight in zip(parts, [own for _, own in each], strict=True)]
        )
        for parts in zip(*(own for own, _ in each), strict=True)
    )
    return TimeByKind(**dict(zip(KINDS, sums, strict=True)))


def _waits(parts: MicroBatch) -> tuple[Wait, ...]:
    """Say what a micro batch waits for, drafts included."""
    own = Wait(parts.one, parts.host_delay_s, parts.hand_over_s, 1.0)
    return own, *(Wait(draft.one, draft.host_delay_s, 0.0, draft.passes) for draft in parts.drafts)


def _seconds(waits: tuple[Wait, ...]) -> Values:
    return waits[0].seconds if len(waits) == 1 else summed([wait.seconds for wait in waits])


def _joined(
    case: Case, parts: MicroBatch, traversal: Values, *, decode: bool
) -> tuple[Values, Values]:
    """Give latency and period of the micro batches that follow each other through a pipeline [s].

    Without one, both are the time of the one micro batch.
    """
    model, _, _, grid, efficiency = case
    if not grid.is_pipelined:
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


def _by_kind(wait: Wait) -> TimeByKind:
    """Give the time of passes by kind, with what the host and a pipeline add."""
    one = wait.one
    found = TimeByKind(
        gemm=one.gemm,
        attention=one.attention,
        communication=summed([one.link, one.host_link, wait.hand_over_s]),
        memory=one.memory,
        overhead=wait.host_delay_s,
    )
    return found * wait.passes


def _by_bound(wait: Wait) -> TimeByBound:
    """Give the time of passes by bound, with what the host and a pipeline add."""
    one = wait.one
    found = TimeByBound(
        compute=one.compute_bound,
        memory_bandwidth=summed([one.gemm, one.attention, one.memory])
        - one.compute_bound
        - one.launch,
        link=summed([one.link, wait.hand_over_s]),
        overhead=one.launch + wait.host_delay_s,
        host_link=one.host_link,
    )
    return found * wait.passes


def _array(values: Values) -> Floats:
    return values if isinstance(values, np.ndarray) else cast("Floats", np.float64(values))
