"""Ends and ticks of a logarithmic axis: few, round, and never on top of each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, log, log10

import numpy as np
from numpy.typing import NDArray

MOST_TICKS = 7
_PLACES = 4
"""Digits of a tick's place: a tenth of a pixel; JavaScript spells such numbers as Python does."""
_MARGIN = 1.05
_FILLED = 0.7
"""An axis stays if the values fill this share of its length."""
_ENDS = (0.9, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
_ROUND = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of an axis, and where values are between them.

    Attributes
    ----------
    low, high : float
        Above zero.

    Examples
    --------
    >>> ends = Ends(1.0, 100.0)
    >>> ends.places(np.array([1.0, 10.0, 100.0])).tolist()
    [0.0, 0.5, 1.0]
    >>> Ends(1.0, 1e4).ticks()[0]
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    low: float
    high: float

    def follow(self, new: Ends) -> Ends:
        """Say where the axis ends for values between new ends, moving it as little as it can.

        It keeps its ends, or reaches further, as long as the values fill most of it: then plans
        move on axes that stay, and two settings can be compared by eye.

        Examples
        --------
        >>> Ends(1.0, 100.0).follow(Ends(2.0, 200.0))
        Ends(low=1.0, high=200.0)
        >>> Ends(1.0, 100.0).follow(Ends(50.0, 200.0))
        Ends(low=50.0, high=200.0)
        """
        widest = Ends(min(self.low, new.low), max(self.high, new.high))
        return widest if new.length >= _FILLED * widest.length else new

    @property
    def length(self) -> float:
        """How far it is from end to end, as a logarithm."""
        return log(self.high / self.low)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say where values are: 0 at the lower end, 1 at the upper one."""
        return np.log(values / self.low) / self.length

    def ticks(self) -> tuple[list[float], dict[str, str]]:
        """Say where the ticks are, and what is written at each."""
        places, labels = _placed_ticks(self)
        return [*places], dict(labels)


@lru_cache(maxsize=64)
def _placed_ticks(ends: Ends) -> tuple[tuple[float, ...], tuple[tuple[str, str], ...]]:
    """Give places of ticks, and what is written at each: an axis mostly stays as it was."""
    values = ticks(ends.low, ends.high)
    places, labels = placed_ticks(values, ends.places(np.array(values)))
    return (*places,), (*labels.items(),)


def placed_ticks(
    values: list[float], places: NDArray[np.float64]
) -> tuple[list[float], dict[str, str]]:
    """Put values at places from 0 to 1: where the ticks are, and what is written at each.

    Examples
    --------
    >>> placed_ticks([0.0, 2000.0], np.array([0.0, 0.987654]))
    ([0.0, 0.9877], {'0': '0', '0.9877': '2,000'})
    """
    rounded = places.round(_PLACES).tolist()
    return rounded, placed_labels(rounded, tick_labels(values))


def placed_labels(places: Iterable[float], labels: Iterable[str]) -> dict[str, str]:
    """Give labels by their place as JavaScript spells it.

    Examples
    --------
    >>> placed_labels([0.0, 0.9877], ["0", "2,000"])
    {'0': '0', '0.9877': '2,000'}
    """
    return dict(zip(map(_script_number, places), labels, strict=True))


def limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Round ends of an axis that shows all values above zero, with a margin.

    Round ends stay where they are through small changes of the values.

    Examples
    --------
    >>> limits(np.array([10.0, 110.0, np.nan, 0.0]))
    (8.0, 120.0)
    """
    shown = values[np.isfinite(values) & (values > 0)]
    if not len(shown):
        return 1.0, 10.0
    return _round_down(float(shown.min()) / _MARGIN), _round_up(float(shown.max()) * _MARGIN)


def ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Round values between two ends: as many as there is room for.

    Parameters
    ----------
    low, high : float
        Ends of the axis, above zero.
    most : int
        How many labels there is room for.

    Returns
    -------
    list of float
        Ascending; at least two where the ends differ by more than a rounding.

    Examples
    --------
    >>> ticks(1.2, 1600.0)
    [3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
    >>> ticks(10.2, 11.9)
    [10.25, 10.5, 10.75, 11.0, 11.25, 11.5, 11.75]
    """
    best = _decade_ticks(low, high, _STEPS[0], 1)
    stride = 1
    while len(best) > most:
        stride += 1
        best = _decade_ticks(low, high, _STEPS[0], stride)
    if stride == 1:
        for steps in _STEPS[1:]:
            finer = _decade_ticks(low, high, steps, 1)
            if len(finer) > most:
                break
            best = finer
    least = 3
    return best if len(best) >= least else even_ticks(low, high, most)


def tick_labels(values: Iterable[float]) -> list[str]:
    """Label each tick.

    Examples
    --------
    >>> tick_labels([0.5, 1000.0])
    ['0.5', '1,000']
    """
    return [f"{value:,.10g}" for value in values]


def _round_down(value: float) -> float:
    power = 10.0 ** floor(log10(value))
    return float(f"{max(end for end in _ENDS if end * power <= value) * power:.6g}")


def _round_up(value: float) -> float:
    power = 10.0 ** floor(log10(value))
    return float(f"{min(end for end in _ENDS if end * power >= value) * power:.6g}")


def _script_number(value: float) -> str:
    """Spell a number as JavaScript does."""
    return str(int(value)) if value.is_integer() else repr(value)


def _decade_ticks(low: float, high: float, steps: tuple[float, ...], stride: int) -> list[float]:
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    values = (
        float(f"{step * 10.0**power:.6g}")
        for power in powers
        if not power % stride
        for step in steps
    )
    return [value for value in values if low <= value <= high]


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Evenly spaced round values, for an axis from 0, or of less than a decade.

    Examples
    --------
    >>> even_ticks(0.0, 5.7, 7)
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in _ROUND if factor * power >= rough * (1 - 1e-9))
    first = ceil(low / step)
    return [float(f"{at * step:.6g}") for at in range(first, floor(high / step) + 1)]
