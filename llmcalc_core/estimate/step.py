"""Time of a whole pass: sections joined into stages, stages into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.domain.drafts import draft_of
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.precision import Precision
from llmcalc_core.estimate.grid import Grid, draft_grid
from llmcalc_core.estimate.sections import sections
from llmcalc_core.estimate.stages import stage_counts, whole_counts
from llmcalc_core.estimate.time import BOUNDS, KINDS, Timed, time_sections
from llmcalc_core.estimate.work import Pass, make_pass
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.collectives import point_to_point_seconds
from llmcalc_core.formulas.pipeline import decode_cycle_seconds, fill_and_drain_seconds
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.serving import decode_step_seconds


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
    by_bound : list of arrays
        What one micro batch waits for on its way through all stages, in the order of ``BOUNDS``
        [s].
    """

    latency_s: Floats
    period_s: Floats
    kinds: list[Values]
    bound: NDArray[np.intp]
    by_bound: list[Values]


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
    timed = time_sections(sections(model, step), hardware, efficiency, decode=decode)
    counts = whole_counts(model)
    kinds, bounds = _whole(timed, counts)
    host: Values
    if decode:
        host = efficiency.decode_step_s + step.sequences * efficiency.sequence_step_s
    else:
        host = _launches(timed, counts) * efficiency.host_launch_s
    overhead = host_delay(_total(kinds), host, efficiency, decode=decode)
    kinds[4], bounds[3] = kinds[4] + overhead, bounds[3] + overhead
    drafting: Values = 0.0
    if grid.drafted:
        drafts = _drafting(model, hardware, precision, grid, efficiency, decode=decode)
        drafting = _total(drafts[0])
        kinds, bounds = _joined(kinds, drafts[0]), _joined(bounds, drafts[1])
    piped = any(layout.pp > 1 for layout in grid.layouts)
    if piped:
        hops = hand_over_seconds(model.carried, step, hardware, efficiency)
        kinds[2], bounds[2] = kinds[2] + hops, bounds[2] + hops
    through = _total(kinds)
    if not piped:
        whole = StageTimes(
            latency_s=through,
            period_s=through,
            kinds=kinds,
            bound=_largest(bounds),
            by_bound=bounds,
        )
        return _for_all(whole, grid, decode=decode)
    # Drafts are made on the last stage, here as if it were the slowest.
    slowest = _pace(model, grid, timed) + drafting
    later = host_delay(slowest, host, efficiency, decode=True) if decode else overhead / grid.pp
    pace = slowest + later
    flow = {"through": through, "pace": pace, "micro_batches": grid.micro_batches}
    if decode:
        latency = period = np.asarray(decode_cycle_seconds(**flow))
    else:
        latency = np.asarray(fill_and_drain_seconds(**flow))
        period = np.where(grid.pp > 1, grid.micro_batches * pace, latency)
    stretch = latency / through
    piped_times = StageTimes(
        latency_s=latency,
        period_s=period,
        kinds=[part * stretch for part in kinds],
        bound=_largest(bounds),
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
    step = make_pass(draft, draft_grid(draft, grid), precision, decode=decode)
    timed = time_sections(sections(draft, step), hardware, efficiency, decode=decode)
    counts = whole_counts(draft)
    kinds, bounds = _whole(timed, counts)
    if decode:
        return [grid.drafted * part for part in kinds], [grid.drafted * part for part in bounds]
    host = _launches(timed, counts) * efficiency.host_launch_s
    delay = host_delay(_total(kinds), host, efficiency, decode=False)
    kinds[4], bounds[3] = kinds[4] + delay, bounds[3] + delay
    return kinds, bounds


def _joined(own: list[Values], others: list[Values]) -> list[Values]:
    return [one + other for one, other in zip(own, others, strict=True)]


def _for_all(one: StageTimes, grid: Grid, *, decode: bool) -> StageTimes:
    """Spread a decode step over the tokens that it gives; add the parts of a prompt up."""
    times = 1 / grid.gained if decode else grid.pieces
    if isinstance(times, float) and times == 1:
        return one
    return StageTimes(
        latency_s=np.asarray(one.latency_s * times),
        period_s=np.asarray(one.period_s * times),
        kinds=[part * times for part in one.kinds],
        bound=one.bound,
        by_bound=[part * times for part in one.by_bound],
    )


def _whole(timed: list[Timed], counts: Floats) -> tuple[list[Values], list[Values]]:
    """Sum the times of the whole model by kind and by bound [s]."""
    kinds: list[Values] = [0.0] * len(KINDS)
    bounds: list[Values] = [0.0] * len(BOUNDS)
    for group in sorted(timed, key=lambda group: group.seconds.size):
        held = counts[group.section]
        if group.link is not None:
            sent = _summed(held, group.seconds)
            kinds[2], bounds[group.link] = kinds[2] + sent, bounds[group.link] + sent
            continue
        present, masks = _by_kind(group.kinds)
        parts = _summed(masks * held, group.seconds)
        for kind, part in zip(present, parts, strict=True):
            kinds[kind] = kinds[kind] + part
        computing, waiting = _summed(held, group.computing), held @ group.floors
        total = parts[0] if len(present) == 1 else parts.sum(axis=0)
        bounds[0] = bounds[0] + computing
        bounds[1] = bounds[1] + (total - computing - waiting)
        bounds[3] = bounds[3] + waiting
    return kinds, bounds


@lru_cache(maxsize=64)
def _by_kind(kinds: tuple[int, ...]) -> tuple[tuple[int, ...], Floats]:
    """Give the kinds that occur, and for each a row of ones where it does."""
    present = tuple(sorted(set(kinds)))
    return present, np.array([[float(kind == own) for own in kinds] for kind in present])


def _launches(timed: list[Timed], counts: Floats) -> Values:
    """Count the kernels of a whole pass, messages included."""
    started: Values = 0.0
    for group in timed:
        started = started + _summed(counts[group.section], group.launches)
    return started


def host_delay(device: Floats, host: Values, efficiency: Efficiency, *, decode: bool) -> Values:
    """Time that the host adds to what the devices take [s].

    In a prefill it starts the kernels, which overlaps in part with running them; a decode step it
    prepares before the devices start, or while they still run the last.
    """
    if decode:
        overlaps = float(efficiency.overlaps_host)
        return decode_step_seconds(device=device, host=host, overlaps=overlaps) - device
    return overlapped_seconds(compute=device, memory=host, sharpness=2.0) - device


def _summed(weights: Floats, values: Floats) -> Floats:
    """Sum over the first axis of ``values`` with weights of shape (..., n)."""
    flat = weights @ values.reshape(len(values), -1)
    return np.asarray(flat).reshape((*weights.shape[:-1], *values.shape[1:]))


def _total(parts: list[Values]) -> Floats:
    """Sum parts of different shapes, the small ones first."""
    total: Values = 0.0
    for part in sorted(parts, key=np.size):
        total = total + part
    return np.asarray(total)


def _pace(model: Model, grid: Grid, timed: list[Timed]) -> Floats:
    """Time of the slowest stage for one micro batch [s]."""
    counts = stage_counts(model, tuple(layout.pp for layout in grid.layouts))
    parts: list[list[Values]] = [[] for _ in range(counts.shape[2])]
    for group in timed:
        for section, one in zip(group.section.tolist(), group.seconds, strict=True):
            parts[section].append(one)
    seconds = [_total(part) for part in parts]
    slowest: Values = 0.0
    for stage in counts:
        held = stage[0] if len(stage) == 1 else stage.T[:, :, None, None, None]
        total = _total([share * one for share, one in zip(held, seconds, strict=True)])
        slowest = np.maximum(slowest, total)
    return np.asarray(slowest)


def hand_over_seconds(
    rows: float, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> Values:
    """Time of all hand-overs between stages: inside a domain, or between where they cross.

    ``rows`` are those of the hidden size that every token carries from layer to layer [1].
    """
    grid, links = step.grid, efficiency.links
    domains = np.ceil(grid.group * grid.pp / hardware.devices_per_domain)
    crossing = np.minimum(domains, grid.pp) - 1
    message = rows * step.hidden_bytes / grid.tp
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
    hops: Values = (grid.pp - 1 - crossing) * near + crossing * far
    return hops


def _largest(bounds: list[Values]) -> NDArray[np.intp]:
    if all(np.ndim(part) == 0 for part in bounds):
        return np.asarray(max(range(len(bounds)), key=bounds.__getitem__))
    largest, position = np.asarray(bounds[0]), np.asarray(0)
    for index, part in enumerate(bounds[1:], start=1):
        if isinstance(part, float) and not part:
            continue
        position = np.where(part > largest, index, position)
        largest = np.maximum(largest, part)
    return position
