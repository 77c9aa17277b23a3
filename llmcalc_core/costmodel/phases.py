"""Time of a phase, prefill or decode: passes of a micro batch joined by a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.drafting import draft_grid, draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.collectives import hand_over_seconds
from llmcalc_core.costmodel.host import (
    decode_host_seconds,
    host_delay_seconds,
    prefill_host_seconds,
)
from llmcalc_core.costmodel.passes import PassTimes, pass_times, plain
from llmcalc_core.costmodel.pipeline import slowest_stage_seconds
from llmcalc_core.costmodel.times import TimeByBound, TimeByKind, summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Pass, make_pass
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

Case = tuple[Model, Hardware, Precision, Grid, Efficiency]
"""What runs on what, in which types; plans and workloads; and what the device reaches."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftTimes:
    """What drafting adds to a phase.

    Attributes
    ----------
    one : PassTimes
        One pass of what drafts.
    passes : float
        How many follow each other [1].
    host_delay_s : float or array
        What the host adds to each [s].
    """

    one: PassTimes
    passes: float
    host_delay_s: Values

    @property
    def seconds(self) -> Values:
        """Time of all passes [s]."""
        return self.passes * (self.one.device_s + self.host_delay_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseParts:
    """What a micro batch waits for on its way through all pipeline stages.

    Attributes
    ----------
    step : Pass
        The micro batch.
    one : PassTimes
        Its pass through the model.
    host_s, host_delay_s : float or array
        Time that the host needs for it, and what of that is beside the devices' [s].
    draft : DraftTimes, optional
        What drafts the tokens that it verifies.
    hand_over_s : float or array
        Time of the hand-overs between pipeline stages [s].
    """

    step: Pass
    one: PassTimes
    host_s: Values
    host_delay_s: Values
    draft: DraftTimes | None
    hand_over_s: Values


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
    return phase_times_of(case, phase_parts(case, decode=decode), decode=decode)


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
    parts = phase_parts(case, decode=decode, bounds=False)
    traversal = summed([parts.one.device_s, parts.host_delay_s, parts.hand_over_s])
    if parts.draft:
        traversal = traversal + parts.draft.seconds
    latency, _ = _joined(case, parts, traversal, decode=decode)
    return _array(latency * _times(grid, decode=decode))


def phase_parts(
    case: Case, *, decode: bool, bounds: bool = True, listed: bool = False
) -> PhaseParts:
    """Time what a micro batch waits for in a decode step or a prefill.

    Parameters
    ----------
    case : tuple
        As :func:`phase_times` takes it.
    decode : bool
        Decode step, else prefill.
    bounds : bool, default True
        Whether to say what bounds its operations.
    listed : bool, default False
        Whether to keep every operation and message as a row.

    Returns
    -------
    PhaseParts
        Of arrays that broadcast to the grid.
    """
    model, hardware, precision, grid, efficiency = case
    step = make_pass(model.hidden, grid, precision, decode=decode)
    pipelined = _pipelined(grid)
    one = pass_times(
        model, step, hardware, efficiency, by_section=pipelined, bounds=bounds, listed=listed
    )
    if decode:
        host = decode_host_seconds(
            step=efficiency.decode_step_s,
            sequence=efficiency.sequence_step_s,
            sequences=plain(step.sequences),
        )
    else:
        host = prefill_host_seconds(launch=efficiency.host_launch_s, kernels=one.kernels)
    overlaps = efficiency.behaviour.overlaps
    hand_over: Values = 0.0
    if pipelined:
        hand_over = hand_over_seconds(
            plain(model.residual_rows * step.hidden_bytes / grid.tp),
            stages=grid.pp,
            stage_devices=grid.group,
            hardware=hardware,
            links=efficiency.links,
        )
    return PhaseParts(
        step=step,
        one=one,
        host_s=host,
        host_delay_s=host_delay_seconds(one.device_s, host, overlaps=overlaps, decode=decode),
        draft=_draft_times(case, decode=decode, listed=listed) if grid.drafted else None,
        hand_over_s=hand_over,
    )


def _draft_times(case: Case, *, decode: bool, listed: bool) -> DraftTimes:
    """Time what drafts: a pass for each token, or its own prefill."""
    model, hardware, precision, grid, efficiency = case
    draft = draft_of(model, grid.techniques).model
    step = make_pass(draft.hidden, draft_grid(draft, grid), precision, decode=decode)
    one = pass_times(draft, step, hardware, efficiency, listed=listed)
    if decode:
        delay = efficiency.draft_delay_s(grid.drafted)
        return DraftTimes(one=one, passes=grid.drafted, host_delay_s=delay)
    host = prefill_host_seconds(launch=efficiency.host_launch_s, kernels=one.kernels)
    overlaps = efficiency.behaviour.overlaps
    delay = host_delay_seconds(one.device_s, host, overlaps=overlaps, decode=False)
    return DraftTimes(one=one, passes=1.0, host_delay_s=delay)


def phase_times_of(case: Case, parts: PhaseParts, *, decode: bool) -> PhaseTimes:
    """Join what a micro batch waits for into the latency and the throughput of a phase.

    Parameters
    ----------
    case : tuple
        As :func:`phase_times` takes it.
    parts : PhaseParts
        From :func:`phase_parts`.
    decode : bool
        Decode step, else prefill.

    Returns
    -------
    PhaseTimes
        Of arrays that broadcast to the grid.
    """
    grid = case[3]
    by_kind, by_bound = _times_of(parts.one, parts.host_delay_s, parts.hand_over_s)
    if parts.draft:
        draft = parts.draft
        draft_by_kind, draft_by_bound = _times_of(draft.one, draft.host_delay_s)
        by_kind += draft_by_kind * draft.passes
        by_bound += draft_by_bound * draft.passes
    traversal = by_kind.total()
    latency, period = _joined(case, parts, traversal, decode=decode)
    if latency is not traversal:
        by_kind *= latency / traversal
    times = _times(grid, decode=decode)
    if not isinstance(times, float) or times != 1:
        latency, period = latency * times, period * times
    return PhaseTimes(
        latency_s=_array(latency),
        period_s=_array(period),
        by_kind=by_kind * times,
        bound=by_bound.largest(),
        by_bound=by_bound * times,
    )


def _joined(
    case: Case, parts: PhaseParts, traversal: Values, *, decode: bool
) -> tuple[Values, Values]:
    """Give latency and period of the micro batches that follow each other through a pipeline [s].

    Without one, both are the time of the one micro batch.
    """
    model, _, _, grid, efficiency = case
    if not _pipelined(grid):
        return traversal, traversal
    # Drafts are made on the last stage, here as if it were the slowest.
    slowest = slowest_stage_seconds(model, grid, parts.one.section_s)
    if parts.draft:
        slowest = slowest + parts.draft.seconds
    if decode:
        overlaps = efficiency.behaviour.overlaps
        slowest = slowest + host_delay_seconds(
            slowest, parts.host_s, overlaps=overlaps, decode=True
        )
        cycle = decode_cycle_seconds(
            traversal=traversal, slowest_stage=slowest, micro_batches=grid.micro_batches
        )
        return cycle, cycle
    slowest = slowest + parts.host_delay_s / grid.pp
    latency = fill_and_drain_seconds(
        traversal=traversal, slowest_stage=slowest, micro_batches=grid.micro_batches
    )
    return latency, np.where(grid.pp > 1, grid.micro_batches * slowest, latency)


def _times(grid: Grid, *, decode: bool) -> Values:
    """Say how often the passes run: a prompt has several chunks, a draft several tokens [1]."""
    return 1 / grid.gained if decode else grid.pieces


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


def _pipelined(grid: Grid) -> bool:
    return any(layout.pp > 1 for layout in grid.layouts)
