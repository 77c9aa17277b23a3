"""Time of one pass of a micro batch: every operation and message, listed and summed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Curve, Efficiency
from llmcalc_core.costmodel.collectives import (
    Participants,
    host_transfer_seconds,
    message_seconds,
    participants_of,
)
from llmcalc_core.costmodel.operations import operation_seconds, product_seconds
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, Section
from llmcalc_core.records import record


class HostTransfer(NamedTuple):
    """What a layer reads from its host's memory, or writes there.

    Attributes
    ----------
    size : float or array
        Bytes [bytes].
    """

    size: Values


class TimedWork(NamedTuple):
    """One operation, message or transfer of a section, and how long one run of it takes.

    Attributes
    ----------
    section : int
        Position of the section in the model.
    work : Operation, Message or HostTransfer
        What runs.
    seconds : float or array
        Time of a run, its launch included [s].
    compute_bound_s : float or array
        The same, without its launch, where arithmetic takes longer than memory traffic [s].
    launch_s : float or array
        The part of it that is launch latency [s].
    kernels : float or array
        Kernels that it starts [1].
    """

    section: int
    work: Operation | Message | HostTransfer
    seconds: Values
    compute_bound_s: Values
    launch_s: Values
    kernels: Values


Timed = tuple[int, Operation | Message | HostTransfer, Values, Values, Values, Values]
"""The fields of a :class:`TimedWork`."""


@record()
class PassTimes:
    """What a pass takes on its devices, without waiting for the host.

    Attributes
    ----------
    gemm, attention, memory : float or array
        Time of the operations of each kind, launches included [s].
    compute_bound, launch : float or array
        Parts of these in which arithmetic takes longest (0 if not asked for), and in which kernels
        are launched [s].
    link, host_link : float or array
        Time of messages between devices, and of transfers between a device and its host [s].
    device_s : float or array
        Time of all [s].
    kernels : float or array
        Kernels started, messages included [1].
    section_s : tuple of float or array
        Time of each section, once; empty if not asked for [s].
    rows : tuple of TimedWork
        What runs; empty if not asked for.
    """

    gemm: Values
    attention: Values
    memory: Values
    compute_bound: Values
    launch: Values
    link: Values
    host_link: Values
    device_s: Values
    kernels: Values
    section_s: tuple[Values, ...] = ()
    rows: tuple[TimedWork, ...] = ()


def pass_times(
    model: Model,
    work: tuple[Section, ...],
    hardware: Hardware,
    efficiency: Efficiency,
    *,
    by_section: bool = False,
    bounds: bool = True,
    listed: bool = False,
    beside: PassTimes | None = None,
) -> PassTimes:
    """Time one pass of a micro batch through a model.

    Parameters
    ----------
    model : Model
        Whose layers it passes through.
    work : tuple of Section
        Its sections, with what passes.
    hardware, efficiency
        Peaks, and what the device reaches of them.
    by_section : bool, default False
        Whether to give the times of the sections, of which those of pipeline stages follow.
    bounds : bool, default True
        Whether to say what bounds it.
    listed : bool, default False
        Whether to keep the rows.
    beside : PassTimes, optional
        What else the pass does, to be added.

    Returns
    -------
    PassTimes
        Of arrays that broadcast to the grid.
    """
    timed: Iterable[Timed] = timed_work(work, hardware, efficiency, bounds=bounds)
    rows: tuple[TimedWork, ...] = ()
    if listed:
        timed = rows = tuple(map(TimedWork._make, timed))
    return _summed(timed, section_counts(model), by_section=by_section, rows=rows, beside=beside)


def timed_work(
    work: tuple[Section, ...],
    hardware: Hardware,
    efficiency: Efficiency,
    *,
    bounds: bool = True,
) -> Iterator[Timed]:
    """Time one run of every operation, message and transfer of every section.

    Parameters
    ----------
    work : tuple of Section
        Operations and messages, with arrays that broadcast to the grid.
    hardware, efficiency
        Peaks and links, and what the device reaches of them.
    bounds : bool, default True
        Whether to say what bounds operations.

    Yields
    ------
    tuple
        The fields of a :class:`TimedWork` (making one takes as long as timing one), in the order of
        the sections; what several sections share is timed once.
    """
    curves = efficiency.curves
    links, bandwidth = efficiency.links, hardware.memory_bandwidth
    projections: dict[int, tuple[Values, Values, Values]] = {}
    devices: dict[tuple[int, int], Participants] = {}
    messages: dict[tuple[int, int, int, Participants], Values] = {}
    for index, section in enumerate(work):
        for operation in section.operations:
            times = projections.get(id(operation))
            if times is None:
                times = _operation_times(
                    operation, curves[operation.family], bandwidth, bounds=bounds
                )
                if operation.shape is not None:
                    projections[id(operation)] = times
            yield index, operation, *times, operation.launches + operation.further
        for message in section.messages:
            between = id(message.participants), id(message.stride)
            if between not in devices:
                devices[between] = participants_of(
                    plain(message.participants), hardware, links, stride=plain(message.stride)
                )
            among = devices[between]
            like = id(message.collective), id(message.size), id(message.copies), among
            if like not in messages:
                messages[like] = message_seconds(
                    message.collective, plain(message.size), among, copies=plain(message.copies)
                )
            yield index, message, messages[like], 0.0, 0.0, 1.0 * (among.count > 1)
        if not isinstance(section.streamed, float) or section.streamed:
            seconds = host_transfer_seconds(section.streamed, hardware, links)
            yield index, HostTransfer(section.streamed), seconds, 0.0, 0.0, 0.0


def _operation_times(
    operation: Operation, curve: Curve, bandwidth: float, *, bounds: bool
) -> tuple[Values, Values, Values]:
    """Time a run of an operation, the part that is bound by compute, and its launch [s]."""
    flops, moved = operation.flops, operation.moved
    if isinstance(moved, float):  # Python's own numbers are faster than numpy's
        flops, moved = float(flops), float(moved)
    if curve.tiles and operation.is_product:
        sizes = plain(operation.size), plain(operation.columns), plain(operation.inner)
        seconds, compute_bound = product_seconds(
            moved, sizes, curve, bandwidth, started=plain(operation.launches), bounds=bounds
        )  # fmt: skip
    else:
        size = plain(operation.size) if curve.half else np.inf
        columns = plain(operation.columns) if curve.half_columns else np.inf
        seconds, compute_bound = operation_seconds(
            flops, moved, size, curve, bandwidth, columns=columns,
            inner=plain(operation.inner) if curve.depth_s else 0.0,
            started=plain(operation.launches) if curve.depth_s else 1.0, bounds=bounds,
        )  # fmt: skip
    launch = operation.launches * curve.floor_s
    return seconds + launch, compute_bound, launch


def plain(values: Values) -> Values:
    """Give a single number as Python's own, with which arithmetic is faster than with numpy's."""
    if type(values) is float or (isinstance(values, np.ndarray) and values.ndim):
        return values
    return float(values)


_NOTHING = PassTimes(
    gemm=0.0, attention=0.0, memory=0.0, compute_bound=0.0, launch=0.0, link=0.0, host_link=0.0,
    device_s=0.0, kernels=0.0,
)  # fmt: skip
"""A pass of nothing."""


def _summed(
    timed: Iterable[Timed],
    counts: tuple[float, ...],
    *,
    by_section: bool,
    rows: tuple[TimedWork, ...],
    beside: PassTimes | None,
) -> PassTimes:
    """Sum what runs, as often as the model has its section, and what runs beside."""
    own = beside or _NOTHING
    kinds: dict[str, list[Values]] = {
        "gemm": [own.gemm], "attention": [own.attention], "memory": [own.memory],
    }  # fmt: skip
    compute, messages, transfers = [own.compute_bound], [own.link], [own.host_link]
    kernels = [own.kernels]
    sections_s: tuple[list[Values], ...] = tuple([[] for _ in counts]) if by_section else ()
    for seconds_of, known in zip(sections_s, own.section_s, strict=False):
        seconds_of.append(known)
    launch = own.launch
    for section, work, seconds, compute_bound, launch_s, started in timed:
        count = counts[section]
        kernels.append(count * started)
        if by_section:
            sections_s[section].append(seconds)
        if isinstance(work, Operation):
            kinds[work.kind].append(count * seconds)
            if not isinstance(compute_bound, float) or compute_bound:
                compute.append(count * compute_bound)
            launch = launch + count * launch_s
        else:
            (messages if isinstance(work, Message) else transfers).append(count * seconds)
    gemm, attention, memory = (
        summed(kinds["gemm"]), summed(kinds["attention"]), summed(kinds["memory"]),
    )  # fmt: skip
    link, host_link = summed(messages), summed(transfers)
    return PassTimes(
        gemm=gemm,
        attention=attention,
        memory=memory,
        compute_bound=summed(compute),
        launch=launch,
        link=link,
        host_link=host_link,
        device_s=summed([gemm, attention, memory, link, host_link]),
        kernels=summed(kernels),
        section_s=tuple([summed(each) for each in sections_s]),
        rows=rows,
    )
