"""Time of operations and messages on a device. Knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.efficiency import Curve, Efficiency, Links
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.estimate.work import Message, Operation, Section, Values
from llmcalc_core.formulas.collectives import all_reduce_seconds, all_to_all_seconds
from llmcalc_core.formulas.roofline import compute_seconds, memory_seconds, overlapped_seconds

Floats = NDArray[np.float64]

KINDS = ("gemm", "attention", "communication", "memory", "overhead")
"""Where the time of a step goes, as reported."""

BOUNDS = ("compute", "memory bandwidth", "link", "overhead")
"""What can bound a step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Times:
    """Time of a section [s], once by kind and once by what bounds it.

    Attributes
    ----------
    kinds, bounds : list of float or array
        In the order of :data:`KINDS` and of :data:`BOUNDS`; each sums to the whole.
    """

    kinds: list[Values]
    bounds: list[Values]


def section_times(section: Section, hardware: Hardware, efficiency: Efficiency) -> Times:
    """Time one section: every operation and message once.

    Parameters
    ----------
    section : Section
        Operations and messages, with arrays that broadcast to the grid.
    hardware : Hardware
        Peaks and links.
    efficiency : Efficiency
        What the device reaches of them.

    Returns
    -------
    Times
        Seconds by kind and by bound.
    """
    kinds: list[Values] = [0.0] * len(KINDS)
    bounds: list[Values] = [0.0] * len(BOUNDS)
    for batch in _alike(section.operations, efficiency):
        _add_operations(batch, hardware, kinds, bounds)
    for message in section.messages:
        seconds = message_seconds(message, hardware, efficiency.links)
        kinds[2] = kinds[2] + seconds
        bounds[2] = bounds[2] + seconds
    return Times(kinds=kinds, bounds=bounds)


def _alike(
    operations: tuple[Operation, ...], efficiency: Efficiency
) -> list[list[tuple[Operation, Curve]]]:
    """Group operations that can be timed in one array: same kind, shape and kind of curve."""
    groups: dict[object, list[tuple[Operation, Curve]]] = {}
    for operation in operations:
        curve = efficiency.curves[operation.family]
        key = (operation.kind, np.shape(operation.moved), np.isinf(curve.sharpness))
        groups.setdefault(key, []).append((operation, curve))
    return list(groups.values())


def _add_operations(
    batch: list[tuple[Operation, Curve]],
    hardware: Hardware,
    kinds: list[Values],
    bounds: list[Values],
) -> None:
    shape = np.broadcast_shapes(*(np.shape(operation.moved) for operation, _ in batch))
    count = len(batch)
    flops, moved = np.empty((count, *shape)), np.empty((count, *shape))
    for index, (operation, curve) in enumerate(batch):
        flops[index] = operation.flops * (1.0 + curve.half / operation.size)
        moved[index] = operation.moved
    facts = np.array(
        [(curve.peak, curve.compute, curve.memory, curve.sharpness) for _, curve in batch]
    )
    peak, reached, read, sharpness = facts.T.reshape(4, count, *([1] * len(shape)))
    compute = compute_seconds(flops=flops, peak=peak, efficiency=reached)
    memory = memory_seconds(moved=moved, bandwidth=hardware.memory_bandwidth, efficiency=read)
    sharp: Values = np.inf if np.isinf(batch[0][1].sharpness) else sharpness
    busy = overlapped_seconds(compute=compute, memory=memory, sharpness=sharp)
    floors = sum(operation.launches * curve.floor_s for operation, curve in batch)
    kind = KINDS.index(batch[0][0].kind)
    total = np.sum(busy, axis=0)
    computing = np.sum(np.where(compute > memory, busy, 0.0), axis=0)
    kinds[kind] = kinds[kind] + total + floors
    bounds[0] = bounds[0] + computing
    bounds[1] = bounds[1] + (total - computing)
    bounds[3] = bounds[3] + floors


def message_seconds(message: Message, hardware: Hardware, links: Links) -> Values:
    """Time of one collective [s]: inside a domain, and between domains where it must."""
    inside = np.minimum(message.participants, hardware.devices_per_domain)
    nodes = np.ceil(message.participants / hardware.devices_per_domain)
    steps = np.log2(np.maximum(inside, 1.0))
    measured = np.log2(links.widths)
    latency = np.interp(steps, measured, links.latencies_s)
    rate = np.interp(steps, measured, links.fractions) * hardware.link_bandwidth / 2
    between = hardware.node_link_bandwidth * links.node_fraction
    collective = all_reduce_seconds if message.collective == "all_reduce" else all_to_all_seconds
    near = collective(message=message.size, participants=inside, latency=latency, bandwidth=rate)
    if np.all(nodes <= 1):
        return near
    share = 1.0 if message.collective == "all_to_all" else 1.0 / inside
    far = collective(
        message=message.size * share,
        participants=nodes,
        latency=links.node_latency_s * np.log2(np.maximum(nodes, 1.0)),
        bandwidth=between,
    )
    return near + far
