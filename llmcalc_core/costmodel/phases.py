"""Time of a whole pass: sections joined into stages, stages into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.drafting import draft_grid, draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.pipeline import hand_over_seconds, slowest_stage_seconds
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.stage_counts import whole_counts
from llmcalc_core.costmodel.timing import time_sections
from llmcalc_core.costmodel.totals import count_launches, largest_bound, time_of_model, total
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.serving import decode_step_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import make_pass
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseTimes:
    """Latency of a stage of serving, its steady throughput, and where the time goes.

    Attributes
    ----------
    latency_s : array
        Decode: time per output token. Prefill: time until the batch's first tokens [s].
    period_s : array
        Time in which a replica finishes a batch in steady state [s].
    kinds : list of arrays
        Latency by kind, in the order of ``KINDS`` [s]; sums to ``latency_s``.
    bound : array of int
        Position in ``BOUNDS`` of what takes the most time.
    by_bound : list of arrays
        What one micro batch waits for on its way through all stages, in the order of ``BOUNDS``
        [s].
    """

    latency_s: Floats
    period_s: Floats
    kinds: list[Values]
    bound: NDArray[np.intp]
    by_bound: list[Values]


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
    step = make_pass(model.hidden, grid, precision, decode=decode)
    timed = time_sections(sections(model, step), hardware, efficiency, decode=decode)
    counts = whole_counts(model)
    kinds, bounds = time_of_model(timed, counts)
    host: Values
    if decode:
        host = efficiency.decode_step_s + step.sequences * efficiency.sequence_step_s
    else:
        host = count_launches(timed, counts) * efficiency.host_launch_s
    overhead = host_delay(total(kinds), host, efficiency, decode=decode)
    kinds[4], bounds[3] = kinds[4] + overhead, bounds[3] + overhead
    drafting: Values = 0.0
    if grid.drafted:
        drafts = _drafting(model, hardware, precision, grid, efficiency, decode=decode)
        drafting = total(drafts[0])
        kinds, bounds = _joined(kinds, drafts[0]), _joined(bounds, drafts[1])
    piped = any(layout.pp > 1 for layout in grid.layouts)
    if piped:
        hops = hand_over_seconds(model.residual_rows, step, hardware, efficiency)
        kinds[2], bounds[2] = kinds[2] + hops, bounds[2] + hops
    through = total(kinds)
    if not piped:
        whole = PhaseTimes(
            latency_s=through,
            period_s=through,
            kinds=kinds,
            bound=largest_bound(bounds),
            by_bound=bounds,
        )
        return _for_all(whole, grid, decode=decode)
    # Drafts are made on the last stage, here as if it were the slowest.
    slowest = slowest_stage_seconds(model, grid, timed) + drafting
    later = host_delay(slowest, host, efficiency, decode=True) if decode else overhead / grid.pp
    pace = slowest + later
    flow = {"through": through, "pace": pace, "micro_batches": grid.micro_batches}
    if decode:
        latency = period = np.asarray(decode_cycle_seconds(**flow))
    else:
        latency = np.asarray(fill_and_drain_seconds(**flow))
        period = np.where(grid.pp > 1, grid.micro_batches * pace, latency)
    stretch = latency / through
    piped_times = PhaseTimes(
        latency_s=latency,
        period_s=period,
        kinds=[part * stretch for part in kinds],
        bound=largest_bound(bounds),
        by_bound=bounds,
    )
    return _for_all(piped_times, grid, decode=decode)


def _drafting(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    decode: bool,
) -> tuple[list[Values], list[Values]]:
    """Time the passes of what drafts, by kind and by bound: one per token, or its own prefill."""
    draft = draft_of(model, grid.techniques).model
    step = make_pass(draft.hidden, draft_grid(draft, grid), precision, decode=decode)
    timed = time_sections(sections(draft, step), hardware, efficiency, decode=decode)
    counts = whole_counts(draft)
    kinds, bounds = time_of_model(timed, counts)
    passes = grid.drafted if decode else 1.0
    delay: Values
    if decode:
        delay = efficiency.draft_delay_s(passes)
    else:
        host = count_launches(timed, counts) * efficiency.host_launch_s
        delay = host_delay(total(kinds), host, efficiency, decode=False)
    kinds[4], bounds[3] = kinds[4] + delay, bounds[3] + delay
    return [passes * part for part in kinds], [passes * part for part in bounds]


def _joined(own: list[Values], others: list[Values]) -> list[Values]:
    return [one + other for one, other in zip(own, others, strict=True)]


def _for_all(one: PhaseTimes, grid: Grid, *, decode: bool) -> PhaseTimes:
    """Spread a decode step over the tokens that it gives; add the parts of a prompt up."""
    times = 1 / grid.gained if decode else grid.pieces
    if isinstance(times, float) and times == 1:
        return one
    return PhaseTimes(
        latency_s=np.asarray(one.latency_s * times),
        period_s=np.asarray(one.period_s * times),
        kinds=[part * times for part in one.kinds],
        bound=one.bound,
        by_bound=[part * times for part in one.by_bound],
    )


def host_delay(device: Floats, host: Values, efficiency: Efficiency, *, decode: bool) -> Values:
    """Time that the host adds to what the devices take [s].

    In a prefill it starts the kernels, which overlaps in part with running them; a decode step it
    prepares before the devices start, or while they still run the last.
    """
    if decode:
        overlaps = efficiency.behaviour.overlaps
        return decode_step_seconds(device=device, host=host, overlaps=overlaps) - device
    return overlapped_seconds(compute=device, memory=host, sharpness=2.0) - device
