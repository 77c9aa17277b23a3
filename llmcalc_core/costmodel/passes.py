"""Time of one pass of a micro batch: every operation and message, listed and summed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
from llmcalc_core.costmodel.operations import operation_seconds
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.times import TimeByBound, TimeByKind, summed
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, Pass, Section


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassTimes:
    """What a pass takes on its devices, without waiting for the host.

    Attributes
    ----------
    by_kind, by_bound : TimeByKind, TimeByBound
        Its parts [s].
    device_s : float or array
        Their sum [s].
    kernels : float or array
        Kernels started, messages included [1].
    section_s : tuple of float or array
        Time of each section, once; empty if not asked for [s].
    rows : tuple of TimedWork
        What runs; empty if not asked for.
    """

    by_kind: TimeByKind
    by_bound: TimeByBound
    device_s: Values
    kernels: Values
    section_s: tuple[Values, ...] = ()
    rows: tuple[TimedWork, ...] = ()


def pass_times(
    model: Model,
    step: Pass,
    hardware: Hardware,
    efficiency: Efficiency,
    *,
    by_section: bool = False,
    listed: bool = False,
) -> PassTimes:
    """Time one pass of a micro batch through a model.

    Parameters
    ----------
    model : Model
        Whose layers it passes through.
    step : Pass
        What passes.
    hardware, efficiency
        Peaks, and what the device reaches of them.
    by_section : bool, default False
        Whether to give the times of the sections, of which those of pipeline stages follow.
    listed : bool, default False
        Whether to keep the rows.

    Returns
    -------
    PassTimes
        Of arrays that broadcast to the grid.
    """
    work = sections(model, step)
    rows: Iterable[TimedWork] = timed_work(work, hardware, efficiency, decode=step.decode)
    if listed:
        rows = tuple(rows)
    return _summed(rows, section_counts(model), by_section=by_section, listed=listed)


def timed_work(
    work: tuple[Section, ...], hardware: Hardware, efficiency: Efficiency, *, decode: bool
) -> Iterator[TimedWork]:
    """Time one run of every operation, message and transfer of every section.

    Parameters
    ----------
    work : tuple of Section
        Operations and messages, with arrays that broadcast to the grid.
    hardware, efficiency
        Peaks and links, and what the device reaches of them.
    decode : bool
        Whether this is a decode step, else a prefill.

    Yields
    ------
    TimedWork
        In the order of the sections; a projection that several sections share is timed once.
    """
    curves = efficiency.decode if decode else efficiency.prefill
    links = efficiency.links
    projections: dict[int, TimedWork] = {}
    devices: dict[tuple[int, int], Participants] = {}
    for index, section in enumerate(work):
        for operation in section.operations:
            known = projections.get(id(operation))
            if known is not None:
                yield known._replace(section=index)
                continue
            row = _timed_operation(index, operation, curves[operation.family], hardware)
            if operation.shape is not None:
                projections[id(operation)] = row
            yield row
        for message in section.messages:
            like = id(message.participants), id(message.stride)
            if like not in devices:
                devices[like] = participants_of(
                    plain(message.participants), hardware, links, stride=plain(message.stride)
                )
            yield _timed_message(index, message, devices[like])
        if not isinstance(section.streamed, float) or section.streamed:
            seconds = host_transfer_seconds(section.streamed, hardware, links)
            yield TimedWork(index, HostTransfer(section.streamed), seconds, 0.0, 0.0, 0.0)


def _timed_operation(
    section: int, operation: Operation, curve: Curve, hardware: Hardware
) -> TimedWork:
    seconds, compute_bound = operation_seconds(
        flops=plain(operation.flops),
        moved=plain(operation.moved),
        size=plain(operation.size),
        curve=curve,
        bandwidth=hardware.memory_bandwidth,
    )
    launch = operation.launches * curve.floor_s
    return TimedWork(
        section, operation, seconds + launch, compute_bound, launch, operation.launches
    )


def _timed_message(section: int, message: Message, devices: Participants) -> TimedWork:
    seconds = message_seconds(
        message.collective, plain(message.size), devices, copies=plain(message.copies)
    )
    return TimedWork(section, message, seconds, 0.0, 0.0, 1.0 * (devices.count > 1))


def plain(values: Values) -> Values:
    """Give a single number as Python's own, with which arithmetic is faster than with numpy's."""
    if isinstance(values, np.ndarray) and values.ndim:
        return values
    return float(values)


def _summed(
    rows: Iterable[TimedWork], counts: tuple[float, ...], *, by_section: bool, listed: bool
) -> PassTimes:
    """Sum what runs, as often as the model has its section."""
    kinds: dict[str, list[Values]] = {"gemm": [], "attention": [], "memory": []}
    compute: list[Values] = []
    messages: list[Values] = []
    transfers: list[Values] = []
    kernels: list[Values] = []
    sections_s: tuple[list[Values], ...] = tuple([] for _ in counts)
    launch: Values = 0.0
    for section, work, seconds, compute_bound, launch_s, started in rows:
        count = counts[section]
        kernels.append(count * started)
        if by_section:
            sections_s[section].append(seconds)
        if isinstance(work, Operation):
            kinds[work.kind].append(count * seconds)
            compute.append(count * compute_bound)
            launch = launch + count * launch_s
        elif isinstance(work, Message):
            messages.append(count * seconds)
        else:
            transfers.append(count * seconds)
    gemm, attention, memory = (summed(kinds[kind]) for kind in ("gemm", "attention", "memory"))
    link, host_link, computing = summed(messages), summed(transfers), summed(compute)
    operations, communication = summed([gemm, attention, memory]), link + host_link
    return PassTimes(
        by_kind=TimeByKind(
            gemm=gemm, attention=attention, communication=communication, memory=memory
        ),
        by_bound=TimeByBound(
            compute=computing,
            memory_bandwidth=operations - computing - launch,
            link=link,
            overhead=launch,
            host_link=host_link,
        ),
        device_s=operations + communication,
        kernels=summed(kernels),
        section_s=tuple(summed(each) for each in sections_s) if by_section else (),
        rows=tuple(rows) if listed else (),
    )
