"""The work of many unlike passes as flat arrays, timed in one sweep.

The estimates keep a grid of like plans; a fit has hundreds of unlike runs and tries constants many
times. Both have the same work, and time it by the same functions of the cost model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Curve, Efficiency
from llmcalc_core.costmodel.collectives import message_seconds, participants_of
from llmcalc_core.costmodel.operations import operation_seconds, product_seconds
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.fitting.run import Configuration
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, Section

_CURVE = tuple(one.name for one in fields(Curve))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatOperations:
    """Operations of several passes.

    Attributes
    ----------
    owner, group, family : arrays of int
        Position of each one's pass, of its efficiencies, and of its family in ``families``.
    families : tuple of str
        Families of operations that occur.
    flops, moved, launches, further, size, columns, inner, count : arrays
        Its work as in :class:`Operation`, and how often the model has it.
    """

    owner: NDArray[np.intp]
    group: NDArray[np.intp]
    family: NDArray[np.intp]
    families: tuple[str, ...]
    flops: Floats
    moved: Floats
    launches: Floats
    further: Floats
    size: Floats
    columns: Floats
    inner: Floats
    count: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatMessages:
    """Messages of several passes that use the same efficiencies and the same collective.

    Attributes
    ----------
    group : int
        Position of the efficiencies.
    collective : Collective
        Which operation sends them.
    owner : array of int
        Position of each one's pass.
    size, participants, copies, stride, count : arrays
        As in :class:`Message`, and how often the model has it.
    """

    group: int
    collective: Collective
    owner: NDArray[np.intp]
    size: Floats
    participants: Floats
    copies: Floats
    stride: Floats
    count: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatPasses:
    """One pass of each of several configurations.

    Attributes
    ----------
    size : int
        Number of passes.
    operations : FlatOperations
        What they compute and move.
    messages : tuple of FlatMessages
        What they send.
    """

    size: int
    operations: FlatOperations
    messages: tuple[FlatMessages, ...]

    def kernels(self) -> Floats:
        """Count the kernels of each pass, messages included [1]."""
        own = self.operations
        each = (own.launches + own.further) * own.count
        started = np.bincount(own.owner, each, self.size).astype(float)
        for sent in self.messages:
            started += np.bincount(sent.owner, sent.count, self.size)
        return started

    def device_seconds(
        self, efficiencies: Sequence[Efficiency], hardware: Sequence[Hardware]
    ) -> tuple[Floats, Floats]:
        """Time that each pass takes on its devices, and the part that arithmetic bounds.

        Parameters
        ----------
        efficiencies, hardware : sequences
            By group: what is reached, of which peaks.

        Returns
        -------
        two arrays of shape (passes,)
            Times, without waiting for the host [s].
        """
        own = self.operations
        curve = _curves(own, efficiencies)
        bandwidth = np.array([one.memory_bandwidth for one in hardware])[own.group]
        busy, bound = _operation_seconds(own, curve, bandwidth)
        each = (busy + own.launches * curve.floor_s) * own.count
        total = np.bincount(own.owner, each, self.size).astype(float)
        by_arithmetic = np.bincount(own.owner, bound * own.count, self.size).astype(float)
        for sent in self.messages:
            device, links = hardware[sent.group], efficiencies[sent.group].links
            between = participants_of(sent.participants, device, links, stride=sent.stride)
            seconds = message_seconds(sent.collective, sent.size, between, copies=sent.copies)
            total += np.bincount(sent.owner, seconds * sent.count, self.size)
        return total, by_arithmetic


def flatten(
    configurations: Sequence[Configuration],
    groups: Sequence[int],
    work: Sequence[tuple[Section, ...]],
) -> FlatPasses:
    """Lay out the work of a pass of every configuration.

    Parameters
    ----------
    configurations : sequence of Configuration
        What ran.
    groups : sequence of int
        Position of the efficiencies that each uses.
    work : sequence of tuple of Section
        What each pass does.

    Returns
    -------
    FlatPasses
        Flat arrays.
    """
    operations: list[tuple[int, float, Operation]] = []
    messages: dict[tuple[int, Collective], list[tuple[int, float, Message]]] = {}
    for owner, (one, group, parts) in enumerate(zip(configurations, groups, work, strict=True)):
        for count, section in zip(section_counts(one.model), parts, strict=True):
            operations += [(owner, count, operation) for operation in section.operations]
            for message in section.messages:
                if float(np.max(message.participants)) > 1:
                    like = messages.setdefault((group, message.collective), [])
                    like.append((owner, count, message))
    return FlatPasses(
        size=len(configurations),
        operations=_flat_operations(operations, groups),
        messages=tuple(_flat_messages(*like, sent) for like, sent in messages.items()),
    )


def _flat_operations(
    found: list[tuple[int, float, Operation]], groups: Sequence[int]
) -> FlatOperations:
    families = tuple(dict.fromkeys(operation.family for _, _, operation in found))
    position = {family: index for index, family in enumerate(families)}
    owner = np.array([owner for owner, _, _ in found], dtype=np.intp)
    return FlatOperations(
        owner=owner,
        group=np.array(groups, dtype=np.intp)[owner],
        family=np.array([position[one.family] for _, _, one in found], dtype=np.intp),
        families=families,
        flops=_numbers(one.flops for _, _, one in found),
        moved=_numbers(one.moved for _, _, one in found),
        launches=_numbers(one.launches for _, _, one in found),
        further=_numbers(one.further for _, _, one in found),
        size=_numbers(one.size for _, _, one in found),
        columns=_numbers(one.columns for _, _, one in found),
        inner=_numbers(one.inner for _, _, one in found),
        count=_numbers(count for _, count, _ in found),
    )


def _flat_messages(
    group: int, collective: Collective, found: list[tuple[int, float, Message]]
) -> FlatMessages:
    return FlatMessages(
        group=group,
        collective=collective,
        owner=np.array([owner for owner, _, _ in found], dtype=np.intp),
        size=_numbers(one.size for _, _, one in found),
        participants=_numbers(one.participants for _, _, one in found),
        copies=_numbers(one.copies for _, _, one in found),
        stride=_numbers(one.stride for _, _, one in found),
        count=_numbers(count for _, count, _ in found),
    )


def _operation_seconds(
    operations: FlatOperations, curve: Curve, bandwidth: Floats
) -> tuple[Floats, Floats]:
    """Time all operations, products whose tiles are known as such [s]."""
    own = operations
    tiled = (own.inner > 0) & (np.asarray(curve.tiles) > 0)
    busy, bound = np.empty(len(tiled)), np.empty(len(tiled))
    busy[tiled], bound[tiled] = product_seconds(
        own.moved[tiled], (own.size[tiled], own.columns[tiled], own.inner[tiled]),
        _some(curve, tiled), bandwidth[tiled], started=own.launches[tiled],
    )  # fmt: skip
    rest = ~tiled
    busy[rest], bound[rest] = operation_seconds(
        own.flops[rest], own.moved[rest], own.size[rest], _some(curve, rest), bandwidth[rest],
        columns=own.columns[rest], inner=own.inner[rest], started=own.launches[rest],
    )  # fmt: skip
    return busy, bound


def _some(curve: Curve, which: NDArray[np.bool_]) -> Curve:
    return Curve(**{name: np.asarray(getattr(curve, name))[which] for name in _CURVE})


def _curves(operations: FlatOperations, efficiencies: Sequence[Efficiency]) -> Curve:
    """Give every operation its own curve; of a family that a group has not, any."""
    table = []
    for efficiency in efficiencies:
        curves = efficiency.curves
        known = [curves.get(family, curves["gemm"]) for family in operations.families]
        table.append([[getattr(curve, name) for name in _CURVE] for curve in known])
    facts = np.array(table)[operations.group, operations.family].T
    return Curve(**dict(zip(_CURVE, facts, strict=True)))


def _numbers(values: Iterable[Values]) -> Floats:
    return np.array([np.asarray(value, dtype=float).item() for value in values])
