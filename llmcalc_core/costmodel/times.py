"""Time by where it is spent and by what bounds it, as records of named parts."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats, Values
from llmcalc_core.records import record


@record()
class TimeByKind:
    """Time by the kind of work that takes it [s]; the parts sum to the whole.

    Attributes
    ----------
    gemm : float or array
        Matrix multiplications.
    attention : float or array
        Attention kernels, and those of recurrent layers.
    communication : float or array
        Messages between devices, and transfers between a device and its host.
    memory : float or array
        Elementwise operations, which only move bytes.
    overhead : float or array
        What the host and the engine add.
    """

    gemm: Values = 0.0
    attention: Values = 0.0
    communication: Values = 0.0
    memory: Values = 0.0
    overhead: Values = 0.0

    def parts(self) -> tuple[Values, ...]:
        """Give the parts in the order of :data:`KINDS`."""
        return self.gemm, self.attention, self.communication, self.memory, self.overhead

    def numbers(self) -> dict[str, float]:
        """Give the parts of one plan and workload as plain numbers, by :data:`KINDS` [s]."""
        return {kind: float(part) for kind, part in zip(KINDS, self.parts(), strict=True)}

    def total(self) -> Values:
        """Sum the parts [s]."""
        return summed(self.parts())

    def __add__(self, other: TimeByKind) -> TimeByKind:
        """Add another time, part by part."""
        return TimeByKind(
            gemm=_plus(self.gemm, other.gemm),
            attention=_plus(self.attention, other.attention),
            communication=_plus(self.communication, other.communication),
            memory=_plus(self.memory, other.memory),
            overhead=_plus(self.overhead, other.overhead),
        )

    def __mul__(self, factor: Values) -> TimeByKind:
        """Multiply all parts alike."""
        if isinstance(factor, float) and factor == 1:
            return self
        return TimeByKind(
            gemm=self.gemm * factor,
            attention=self.attention * factor,
            communication=self.communication * factor,
            memory=self.memory * factor,
            overhead=self.overhead * factor,
        )


@record()
class TimeByBound:
    """Time by what bounds it [s]; the parts sum to the whole.

    Attributes
    ----------
    compute, memory_bandwidth : float or array
        Operations for which the arithmetic, or the traffic to and from device memory, takes longer.
    link : float or array
        Messages between devices.
    overhead : float or array
        Launch latency, and what the host and the engine add.
    host_link : float or array
        Transfers between a device and its host.
    """

    compute: Values = 0.0
    memory_bandwidth: Values = 0.0
    link: Values = 0.0
    overhead: Values = 0.0
    host_link: Values = 0.0

    def parts(self) -> tuple[Values, ...]:
        """Give the parts in the order of :data:`BOUNDS`."""
        return self.compute, self.memory_bandwidth, self.link, self.overhead, self.host_link

    def largest(self) -> NDArray[np.int8]:
        """Give for each plan the position in :data:`BOUNDS` of what takes the most time."""
        parts = self.parts()
        if np.ndarray not in map(type, parts):
            return np.asarray(parts.index(max(parts)), dtype=np.int8)
        some = [(at, one) for at, one in enumerate(parts) if not isinstance(one, float) or one]
        (first, largest), *others = some
        largest, position = np.asarray(largest), np.asarray(first, dtype=np.int8)
        for index, part in others:
            position = np.maximum(position, (part > largest).view(np.int8) * np.int8(index))
            if part is not some[-1][1]:
                largest = np.maximum(largest, part)
        return position

    def __add__(self, other: TimeByBound) -> TimeByBound:
        """Add another time, part by part."""
        return TimeByBound(
            compute=_plus(self.compute, other.compute),
            memory_bandwidth=_plus(self.memory_bandwidth, other.memory_bandwidth),
            link=_plus(self.link, other.link),
            overhead=_plus(self.overhead, other.overhead),
            host_link=_plus(self.host_link, other.host_link),
        )

    def __mul__(self, factor: Values) -> TimeByBound:
        """Multiply all parts alike."""
        if isinstance(factor, float) and factor == 1:
            return self
        return TimeByBound(
            compute=self.compute * factor,
            memory_bandwidth=self.memory_bandwidth * factor,
            link=self.link * factor,
            overhead=self.overhead * factor,
            host_link=self.host_link * factor,
        )


KINDS = tuple(field.name for field in fields(TimeByKind))
"""Where the time of a step goes, as reported."""

BOUNDS = tuple(field.name.replace("_", " ") for field in fields(TimeByBound))
"""What can bound a step, as reported."""


def _plus(one: Values, other: Values) -> Values:
    """Add two parts, of which numbers that are 0 take no time."""
    if isinstance(other, float) and not other:
        return one
    if isinstance(one, float) and not one:
        return other
    return one + other


def summed(parts: tuple[Values, ...] | list[Values]) -> Values:
    """Sum parts of different shapes, the small ones first, those of one shape in place.

    Examples
    --------
    >>> summed([np.array([1.0, 2.0]), 3.0]).tolist()
    [4.0, 5.0]
    """
    if len(parts) == 1:
        return parts[0]
    if np.ndarray not in map(type, parts):
        return sum(parts, 0.0)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    numbers = sum([part for part in parts if not isinstance(part, np.ndarray)], 0.0)
    if len(arrays) > 1:
        arrays.sort(key=attrgetter("size"))
    first, *others = arrays
    if not others:
        return first + numbers if numbers else first
    found: Floats = first + (numbers or others.pop(0))
    for array in others:
        if found.shape == array.shape:
            found += array
        else:
            found = found + array
    return found
