"""How many sequences decode at once at a rate of requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats
from llmcalc_core.simulation.random_arrivals import AtRandom, at_random
from llmcalc_core.simulation.step_curves import Interpolation, StepCurves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traffic:
    """What comes to replicas; arrays that broadcast to (plans, rates, inputs, outputs).

    Attributes
    ----------
    rate : array
        Requests that come to a replica [1/s].
    replicas : array
        Attention replicas that share them [1].
    answer_steps : array
        Steps of an answer after its first token [1].
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.
    ahead : float
        Steps that the engine prepares before the one before has ended [1].
    """

    rate: Floats
    replicas: Floats
    answer_steps: Floats
    mixes: float
    ahead: float

    @property
    def steps_or_one(self) -> Floats:
        """Steps of an answer, at least one [1]."""
        return np.maximum(self.answer_steps, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoding:
    """What decodes at once.

    Attributes
    ----------
    met : array
        Sequences that a request decodes with, itself among them [1].
    slope : array
        Time that another one adds to the steps of an answer [s].
    full : array of bool
        Whether it is as many as there is room for.
    steps : StepCurves
        With so many.
    meets : AtRandom
        What a request meets then.
    """

    met: Floats
    slope: Floats
    full: NDArray[np.bool_]
    steps: StepCurves
    meets: AtRandom


@lru_cache(maxsize=64)
def numbers_in_flight(most: int) -> tuple[int, ...]:
    """Give 1, 2, 3 and powers of two up to a number, or just beyond it.

    Examples
    --------
    >>> numbers_in_flight(20)
    (1, 2, 3, 4, 8, 16, 32)
    """
    powers = ceil(log2(max(most, 4)))
    return tuple(sorted({2**power for power in range(powers + 1)} | {3}))


def decoding(curves: StepCurves, numbers: Floats, room: Floats, traffic: Traffic) -> Decoding:
    """Find how many sequences decode at once.

    Parameters
    ----------
    curves : StepCurves
        Of every plan.
    numbers : array of shape (numbers,)
        Sequences that they are of [1].
    room : array
        Most that there is room for [1].
    traffic : Traffic
        What comes.

    Returns
    -------
    Decoding
        As many as come in the time that an answer takes, and the request itself.

    References
    ----------
    Little, Operations Research 9 (1961); Wolff, Operations Research 30 (1982): Poisson arrivals see
    time averages.
    """
    shape = np.broadcast_shapes(
        traffic.rate.shape, np.shape(traffic.answer_steps), (*room.shape[:1], 1, *room.shape[2:])
    )
    low = np.zeros(shape, np.intp)
    # Each plan's own end: what it meets does not depend on the plans that are asked with it.
    high = np.broadcast_to(np.minimum(np.searchsorted(numbers, room), numbers.size - 1), shape)

    def more(knot: NDArray[np.intp]) -> Floats:
        """Count how many more decode than were taken."""
        return _met(_meets(curves.at_knot(knot), traffic), traffic) - numbers[knot]

    above, below = more(low), more(high)
    for _ in range(ceil(log2(numbers.size))):
        middle = (low + high) // 2
        found = more(middle)
        fewer, more_still = (found <= 0) & (middle > low), found > 0
        high, below = np.where(fewer, middle, high), np.where(fewer, found, below)
        low, above = np.where(more_still, middle, low), np.where(more_still, found, above)
    span = np.maximum(numbers[high] - numbers[low], 1.0)
    part = np.where(above > below, above / np.where(above > below, above - below, 1.0), above > 0)
    met = numbers[low] + np.clip(part, 0.0, 1.0) * span
    full = (below > 0) | (met > room)
    met = np.where(full, np.broadcast_to(room, shape), met)
    steps = curves.at(Interpolation.of(numbers, met))
    per_request = traffic.rate * traffic.steps_or_one
    return Decoding(
        met=met,
        slope=np.maximum((below - above + span) / per_request / span, 0.0),
        full=full,
        steps=steps,
        meets=_meets(steps, traffic),
    )


def _meets(steps: StepCurves, traffic: Traffic) -> AtRandom:
    rate = traffic.rate / traffic.replicas
    return at_random(steps, rate, traffic.steps_or_one, mixes=traffic.mixes, ahead=traffic.ahead)


def _met(meets: AtRandom, traffic: Traffic) -> Floats:
    """Count the sequences that a request decodes with, and itself [1]."""
    return 1 + traffic.rate * traffic.answer_steps * meets.gap
