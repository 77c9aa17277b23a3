"""Values between numbers in flight for which they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Between:
    """Where numbers in flight lie: after which of the known ones, and how far on to the next.

    Attributes
    ----------
    knot : array of int of shape (plans, rates, inputs, outputs)
        The known one before, but for the last.
    part : array of the same shape
        Part of the way to the next [1].
    """

    knot: NDArray[np.intp]
    part: Floats

    @classmethod
    def of(cls, numbers: Floats, sought: Floats) -> Between:
        """Place numbers, of which those beyond the last known one are taken for it.

        Examples
        --------
        >>> place = Between.of(np.array([1.0, 2.0, 4.0]), np.array([[[[2.5]]], [[[9.0]]]]))
        >>> place.knot.ravel().tolist(), place.part.ravel().tolist()
        ([1, 1], [0.25, 1.0])
        """
        knot = np.clip(np.searchsorted(numbers, sought, side="right") - 1, 0, numbers.size - 2)
        way = (sought - numbers[knot]) / np.diff(numbers)[knot]
        return cls(knot=knot, part=np.clip(way, 0.0, 1.0))

    def take(self, values: Floats) -> Floats:
        """Interpolate values of shape (plans, numbers, inputs, outputs) linearly."""
        shape = np.broadcast_shapes(self.knot.shape, (values.shape[0], 1, *values.shape[2:]))
        knot = np.broadcast_to(self.knot, shape)
        before = np.take_along_axis(values, knot, axis=1)
        found = np.take_along_axis(values, knot + 1, axis=1)
        found -= before
        found *= self.part
        found += before
        return found

    def nearest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Take values of that shape at the nearer of both numbers."""
        shape = np.broadcast_shapes(self.knot.shape, (values.shape[0], 1, *values.shape[2:]))
        knot = np.broadcast_to(self.knot + (self.part > 1 / 2), shape)
        return np.take_along_axis(values, knot, axis=1)
