"""Requests that come at a rate, whatever the server does: how many are in flight, and their times.

The closed form is worked out for some numbers in flight, between which times are linear.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.times import KINDS, TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.between import Between
from llmcalc_core.simulation.serving import ServingTimes, serving_times
from llmcalc_core.workload.arrivals import AT_RANDOM

_SOONER = 0.5
"""Steps that requests at any time wait less for the one that runs than clients of a closed loop,
who always come back just after it has begun [1]."""

_ROUNDING = 1e-9

_DOUBLING = 2
"""Numbers in flight that are tried between one and its double [1]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenLoop:
    """What replicas do at rates of requests; arrays of shape (plans, rates, inputs, outputs).

    Attributes
    ----------
    in_flight : array
        Requests in a replica, in the mean; as many as it has room for where it is overloaded [1].
    overloaded : array of bool
        Whether requests come faster than they are served.
    requests_per_s : array
        Requests that a replica serves [1/s].
    times : ServingTimes
        While so many are in flight; what waits before a replica that is overloaded is not in them.
    """

    in_flight: Floats
    overloaded: NDArray[np.bool_]
    requests_per_s: Floats
    times: ServingTimes

    @property
    def places(self) -> Floats:
        """Requests in flight as a whole number, rounded up, at least 1 [1]."""
        places: Floats = np.maximum(np.ceil(self.in_flight * (1 - _ROUNDING)), 1.0)
        return places

    def waiting_s(self, rates: Values, num_prompts: int | None = None) -> Floats:
        """Time that the mean request waits to be let in, where a replica is overloaded.

        Parameters
        ----------
        rates : float or array
            Requests per second that come to it [1/s].
        num_prompts : int, optional
            Requests of the run, with which the queue grows; without, forever.

        Returns
        -------
        array
            Time [s].
        """
        longer = 1 / self.requests_per_s - 1 / rates
        queue = np.inf if num_prompts is None else (num_prompts - 1) / 2
        return np.where(self.overloaded, queue * np.where(self.overloaded, longer, 1.0), 0.0)


@lru_cache(maxsize=64)
def numbers_in_flight(most: int) -> tuple[int, ...]:
    """Give numbers of requests from 1 to at least 2, the larger the further apart.

    Examples
    --------
    >>> numbers_in_flight(20)
    (1, 2, 3, 4, 6, 8, 11, 16, 23)
    """
    last = max(int(np.ceil(_DOUBLING * np.log2(max(most, 2)))), 1)
    return tuple(sorted({round(2 ** (step / _DOUBLING)) for step in range(last + 1)} | {3}))


def open_loop(
    case: Case,
    rates: Floats,
    most: Floats,
    layout: NDArray[np.intp],
    *,
    chunked: bool = True,
    held_steps: float = 0.0,
    further: bool = False,
) -> OpenLoop:
    """Find how many requests are in flight at rates, by Little's law, and what they meet.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid whose batches are :func:`numbers_in_flight`, and
        efficiency.
    rates : array of shape (plans, rates, 1, 1)
        Requests per second that come at random to a replica of each plan [1/s].
    most : array of shape (layouts, 1, inputs, outputs)
        Requests that a replica has room for, at least 1 [1].
    layout : array of int of shape (plans,)
        Which layout of the grid a plan has.
    chunked : bool, default True
        Whether prompts are read beside decode steps.
    held_steps : float, default 0
        Decode steps for which the server holds a prompt back [1].
    further : bool, default False
        Whether to give the times to first token of a burst and of even arrivals, too.

    Returns
    -------
    OpenLoop
        In flight are as many as come in the time that one of them takes, while it meets as many
        others as there are in the mean.

    References
    ----------
    Little, Operations Research 9 (1961); Wolff, Operations Research 30 (1982): Poisson arrivals see
    time averages.
    """
    model, hardware, precision, grid, efficiency = case
    arrivals = replace(AT_RANDOM, held_steps=held_steps - _SOONER)
    times = serving_times(
        model, hardware, precision, grid, efficiency,
        chunked=chunked, arrivals=arrivals, further=further,
    )  # fmt: skip
    curves = _Curves(shape=grid.shape, layout=layout)
    numbers = np.asarray(grid.batch).reshape(-1)
    stays = curves.of(times.e2e_s)
    room = np.broadcast_to(most, (grid.shape[0], 1, *grid.shape[2:]))[layout]
    longest = Between.of(numbers, room).take(stays)
    met = np.minimum(_met(numbers, stays, rates), room)
    in_flight = np.where(met < room, met - 1, np.minimum(rates * longest, room))
    overloaded = (met >= room) & (rates * longest > room)
    return OpenLoop(
        in_flight=in_flight,
        overloaded=overloaded,
        requests_per_s=np.where(overloaded, room / longest, rates),
        # Each request takes the work of one among those that it meets, and as many come as come.
        times=_at(times, curves, Between.of(numbers, met), busy=in_flight / met, further=further),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curves:
    """Values of layouts over numbers in flight, for plans that have these layouts."""

    shape: tuple[int, int, int, int]
    layout: NDArray[np.intp]

    def of(self, values: ArrayLike) -> NDArray[Any]:
        return np.broadcast_to(values, self.shape)[self.layout]


def _met(numbers: Floats, stays: Floats, rates: Floats) -> Floats:
    """Find with how many a request is in flight, itself among them, where room is without end.

    Between two numbers the time that it stays is linear, so that what comes in it is one less than
    these where both lines cross. With more in flight no fewer are served.
    """
    column = numbers.reshape(1, -1, 1, 1)
    served = np.maximum.accumulate((column - 1) / stays, axis=1)
    shape = np.broadcast_shapes(rates.shape, (stays.shape[0], 1, *stays.shape[2:]))
    knot = np.zeros(shape, np.intp)
    for at in range(1, numbers.size - 1):
        knot += rates >= served[:, at : at + 1]
    stay = np.take_along_axis(stays, knot, axis=1)
    before, after = numbers[knot], numbers[knot + 1]
    slope = (np.take_along_axis(stays, knot + 1, axis=1) - stay) / (after - before)
    growing = 1 - rates * slope
    crossing = (1 + rates * (stay - slope * before)) / np.where(growing > 0, growing, 1.0)
    return np.where(growing > 0, np.clip(crossing, before, after), after)


def _at(
    times: ServingTimes, curves: _Curves, place: Between, *, busy: Floats, further: bool
) -> ServingTimes:
    """Read the times at so many in flight; devices are busy for that part of their time."""

    def read(values: ArrayLike) -> Floats:
        return place.take(curves.of(values))

    used = times.utilisation
    return replace(
        times,
        ttft_s=read(times.ttft_s),
        tpot_s=read(times.tpot_s),
        e2e_s=read(times.e2e_s),
        burst_ttft_s=read(times.burst_ttft_s) if further else times.burst_ttft_s,
        steady_ttft_s=read(times.steady_ttft_s) if further else times.steady_ttft_s,
        by_kind=TimeByKind(
            **{kind: read(part) for kind, part in zip(KINDS, times.by_kind.parts(), strict=True)}
        ),
        bound=place.nearest(curves.of(times.bound)),
        utilisation=Utilisation(
            share=busy * read(used.share),
            prefill_time_share=read(used.prefill_time_share),
            prefill_energy_share=read(used.prefill_energy_share),
        ),
    )
