"""Time of operations and messages on a device. Knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Curve, Efficiency, Links
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import collective_seconds
from llmcalc_core.formulas.roofline import (
    compute_seconds,
    memory_seconds,
    overlapped_seconds,
    ramp_seconds,
)
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, Section

KINDS = ("gemm", "attention", "communication", "memory", "overhead")
"""Where the time of a step goes, as reported."""

BOUNDS = ("compute", "memory bandwidth", "link", "overhead", "host link")
"""What can bound a step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timed:
    """Times of some operations or messages that share a shape.

    Attributes
    ----------
    section : array of shape (n,)
        Which section of the model each belongs to.
    kinds : tuple of int
        Position of each one's kind in :data:`KINDS`.
    seconds : array of shape (n, ...)
        Time of each, its floor included [s].
    computing : array of shape (n, ...)
        The part of it bound by compute [s].
    floors : array of shape (n,)
        The part of it that is launch latency [s].
    launches : array of shape (n, ...)
        Kernels that each starts [1].
    link : int, optional
        Of messages, and of what is streamed from the host: which of ``BOUNDS`` they are bound by.
    """

    section: NDArray[np.intp]
    kinds: tuple[int, ...]
    seconds: NDArray[np.float64]
    computing: NDArray[np.float64]
    floors: NDArray[np.float64]
    launches: NDArray[np.float64]
    link: int | None = None


def time_sections(
    sections: tuple[Section, ...], hardware: Hardware, efficiency: Efficiency, *, decode: bool
) -> list[Timed]:
    """Time every operation and message of every section once.

    Parameters
    ----------
    sections : tuple of Section
        Operations and messages, with arrays that broadcast to the grid.
    hardware : Hardware
        Peaks and links.
    efficiency : Efficiency
        What the device reaches of them.
    decode : bool
        Whether this is a decode step, else a prefill.

    Returns
    -------
    list of Timed
        Operations of like shape together, so that each group is timed in one array.
    """
    curves = efficiency.decode if decode else efficiency.prefill
    operations: dict[object, list[tuple[int, Operation, Curve]]] = {}
    messages: dict[object, list[tuple[int, Message]]] = {}
    for index, section in enumerate(sections):
        for operation in section.operations:
            curve = curves[operation.family]
            like = (getattr(operation.moved, "shape", ()), curve.sharpness == np.inf)
            operations.setdefault(like, []).append((index, operation, curve))
        for message in section.messages:
            between = (
                getattr(message.size, "shape", ()),
                id(message.participants),
                id(message.copies),
                id(message.stride),
            )
            messages.setdefault(between, []).append((index, message))
    return [
        *(_time_group(group, hardware) for group in operations.values()),
        *(_time_messages(group, hardware, efficiency.links) for group in messages.values()),
        *(
            _time_stream(index, section.streamed, hardware, efficiency.links)
            for index, section in enumerate(sections)
            if not isinstance(section.streamed, float) or section.streamed
        ),
    ]


def _time_stream(section: int, streamed: Values, hardware: Hardware, links: Links) -> Timed:
    """Time what crosses the link of a device and its host, whatever the others do."""
    seconds = streamed / (hardware.host_link_bandwidth * links.host_fraction)
    return Timed(
        section=np.array([section]),
        kinds=(KINDS.index("communication"),),
        seconds=np.asarray(seconds)[None],
        computing=np.zeros(1),
        floors=np.zeros(1),
        launches=np.zeros(1),
        link=BOUNDS.index("host link"),
    )


def _time_group(group: list[tuple[int, Operation, Curve]], hardware: Hardware) -> Timed:
    """Time operations of like shape in one array, and the same one of several sections once."""
    once = {id(operation): (operation, curve) for _, operation, curve in group}
    shape, count = np.shape(group[0][1].moved), len(once)
    each, read = [], []
    for operation, curve in once.values():
        grown = 1.0 + curve.half / operation.size if curve.half else 1.0
        each.append(compute_seconds(flops=grown, peak=curve.peak, efficiency=curve.compute))
        read.append(
            memory_seconds(moved=1.0, bandwidth=hardware.memory_bandwidth, efficiency=curve.memory)
        )
    compute = _products([operation.flops for operation, _ in once.values()], each, shape)
    memory = _products([operation.moved for operation, _ in once.values()], read, shape)
    for row, (operation, curve) in enumerate(once.values()):
        if curve.ramp_s:
            memory[row] += ramp_seconds(moved=operation.moved, ramp=curve.ramp_s)
    floors = np.array([operation.launches * curve.floor_s for operation, curve in once.values()])
    along = (count, *([1] * len(shape)))
    bound = compute > memory
    if not bound.any() and group[0][2].sharpness == np.inf:
        busy, computing = memory, np.zeros(along)
    else:
        sharpness = np.array([curve.sharpness for _, curve in once.values()]).reshape(along)
        sharp: Values = np.inf if group[0][2].sharpness == np.inf else sharpness
        busy = np.asarray(overlapped_seconds(compute=compute, memory=memory, sharpness=sharp))
        computing = np.multiply(busy, bound, out=compute)
    busy += floors.reshape(along)
    if count < len(group):
        place = {key: index for index, key in enumerate(once)}
        places = [place[id(operation)] for _, operation, _ in group]
        busy, computing, floors = busy[places], computing[places], floors[places]
    return Timed(
        section=np.array([section for section, _, _ in group]),
        kinds=tuple(KINDS.index(operation.kind) for _, operation, _ in group),
        seconds=busy,
        computing=computing,
        floors=floors,
        launches=np.array([operation.launches for _, operation, _ in group]),
    )


def _products(
    values: list[Values], factors: list[Values], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Multiply values by a factor each, into one array; numbers are faster without numpy."""
    if not shape:
        return np.array([value * factor for value, factor in zip(values, factors, strict=True)])
    products = np.empty((len(values), *shape))
    for row, value, factor in zip(products, values, factors, strict=True):
        np.multiply(value, factor, out=row)
    return products


def _time_messages(group: list[tuple[int, Message]], hardware: Hardware, links: Links) -> Timed:
    sizes = np.array([message.size for _, message in group])
    passes = np.array([float(message.passes) for _, message in group])
    participants = group[0][1].participants
    along = (-1, *([1] * (sizes.ndim - 1)))
    seconds = message_seconds(
        sizes,
        passes.reshape(along),
        participants,
        hardware,
        links,
        copies=group[0][1].copies,
        stride=group[0][1].stride,
    )
    return Timed(
        section=np.array([section for section, _ in group]),
        kinds=(KINDS.index("communication"),) * len(group),
        seconds=np.asarray(seconds),
        computing=np.zeros(1),
        floors=np.zeros(1),
        launches=np.ones(len(group)).reshape(along) * (participants > 1),
        link=BOUNDS.index("link"),
    )


def message_seconds(
    sizes: Values,
    passes: Values,
    participants: Values,
    hardware: Hardware,
    links: Links,
    *,
    copies: Values = np.inf,
    stride: Values = 1.0,
) -> Values:
    """Time of collectives [s]: inside a domain, and between domains where it must.

    A message between more devices than a domain has goes over both kinds of links. What several
    devices of a domain need (``copies``, in an all-reduce or an all-gather what all do) crosses
    the network once for the domain, over the link of one of them. Participants may be ``stride``
    devices apart.
    """
    together = np.maximum(hardware.devices_per_domain // stride, 1.0)
    inside = np.minimum(participants, together)
    width = np.log2(inside)
    fraction = np.interp(width, links.log_widths, links.fractions)
    near = collective_seconds(
        message=sizes,
        passes=passes,
        participants=inside,
        latency=np.interp(width, links.log_widths, links.latencies_s),
        bandwidth=fraction * (hardware.link_bandwidth / 2),
        ramp=np.interp(width, links.log_widths, links.ramps_s),
    )
    nodes = np.ceil(participants / together)
    if nodes.max() <= 1:
        return near
    far = collective_seconds(
        message=sizes * np.minimum(1.0, nodes / np.minimum(copies, participants)),
        passes=passes,
        participants=nodes,
        latency=links.node_latency_s * np.log2(nodes),
        bandwidth=hardware.node_link_bandwidth * links.node_fraction,
    )
    return near + far
