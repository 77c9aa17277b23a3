"""Time of a whole pass: sections joined into stages, stages into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.efficiency import Efficiency
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.precision import Precision
from llmcalc_core.estimate.grid import Grid
from llmcalc_core.estimate.sections import sections
from llmcalc_core.estimate.stages import stage_counts, whole_counts
from llmcalc_core.estimate.time import BOUNDS, KINDS, Times, section_times
from llmcalc_core.estimate.work import Pass, Values, hidden_bytes, make_pass
from llmcalc_core.formulas.collectives import point_to_point_seconds
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StageTimes:
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
    """

    latency_s: Floats
    period_s: Floats
    kinds: list[Values]
    bound: NDArray[np.intp]


def stage_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    decode: bool,
) -> StageTimes:
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
    StageTimes
        Arrays that broadcast to the grid.
    """
    step = make_pass(model, grid, precision, decode=decode)
    timed = [section_times(part, hardware, efficiency) for part in sections(model, step)]
    overhead = efficiency.decode_step_s if decode else efficiency.prefill_step_s
    whole = _weighted(timed, whole_counts(model))
    hops = _hand_over(step, hardware, efficiency)
    whole.kinds[2] = whole.kinds[2] + hops
    whole.bounds[2] = whole.bounds[2] + hops
    whole.kinds[4] = whole.kinds[4] + overhead
    whole.bounds[3] = whole.bounds[3] + overhead
    through = _total(whole.kinds)
    if all(layout.pp == 1 for layout in grid.layouts):
        latency = period = through
    else:
        pace = _pace(model, grid, timed) + overhead
        if decode:
            latency = decode_cycle_seconds(
                through=through, pace=pace, micro_batches=grid.micro_batches
            )
            period = latency
        else:
            latency = fill_and_drain_seconds(
                through=through, pace=pace, micro_batches=grid.micro_batches
            )
            period = np.where(grid.pp > 1, grid.micro_batches * pace, latency)
    stretch = latency / through if latency is not through else 1.0
    kinds = [part * stretch for part in whole.kinds]
    return StageTimes(
        latency_s=np.asarray(latency),
        period_s=np.asarray(period),
        kinds=kinds,
        bound=_largest(whole.bounds),
    )


def _total(parts: list[Values]) -> Floats:
    """Sum parts of different shapes, the small ones first."""
    total: Values = 0.0
    for part in sorted(parts, key=np.size):
        total = total + part
    return np.asarray(total)


def _weighted(timed: list[Times], counts: tuple[float, ...]) -> Times:
    kinds: list[Values] = [0.0] * len(KINDS)
    bounds: list[Values] = [0.0] * len(BOUNDS)
    for times, count in zip(timed, counts, strict=True):
        kinds = [so_far + part * count for so_far, part in zip(kinds, times.kinds, strict=True)]
        bounds = [so_far + part * count for so_far, part in zip(bounds, times.bounds, strict=True)]
    return Times(kinds=kinds, bounds=bounds)


def _pace(model: Model, grid: Grid, timed: list[Times]) -> Floats:
    """Time of the slowest stage for one micro batch [s]."""
    counts = stage_counts(model, tuple(layout.pp for layout in grid.layouts))
    seconds = [_total(times.kinds) for times in timed]
    slowest: Values = 0.0
    for stage in counts:
        held = stage[:, :, None, None, None]
        total = _total([held[:, part] * seconds[part] for part in range(len(seconds))])
        slowest = np.maximum(slowest, total)
    return np.asarray(slowest)


def _hand_over(step: Pass, hardware: Hardware, efficiency: Efficiency) -> Values:
    """Time of all hand-overs between stages: inside a domain, or between where they cross."""
    grid, links = step.grid, efficiency.links
    domains = np.ceil(grid.group * grid.pp / hardware.devices_per_domain)
    crossing = np.minimum(domains, grid.pp) - 1
    message = hidden_bytes(step) / grid.tp
    near = point_to_point_seconds(
        message=message,
        latency=links.hand_over_latency_s,
        bandwidth=hardware.link_bandwidth / 2 * links.hand_over_fraction,
    )
    far = point_to_point_seconds(
        message=message,
        latency=links.node_latency_s,
        bandwidth=hardware.node_link_bandwidth * links.node_fraction,
    )
    return (grid.pp - 1 - crossing) * near + crossing * far


def _largest(bounds: list[Values]) -> NDArray[np.intp]:
    largest, position = np.asarray(bounds[0]), np.asarray(0)
    for index, part in enumerate(bounds[1:], start=1):
        position = np.where(part > largest, index, position)
        largest = np.maximum(largest, part)
    return position
