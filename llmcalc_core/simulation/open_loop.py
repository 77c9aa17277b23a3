"""Requests that come at a rate, whatever the server does: how many are in flight, and their times.

Steps are timed for some numbers of sequences that decode, between which times are linear.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.times import KINDS, TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.in_flight import Traffic, decoding
from llmcalc_core.simulation.latencies import Latencies, latencies
from llmcalc_core.simulation.prefill_steps import mixes_prompts
from llmcalc_core.simulation.serving import ServingTimes, serving_times
from llmcalc_core.simulation.step_curves import Interpolation, step_curves
from llmcalc_core.workload.requests import AT_RANDOM

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """Requests that replicas have room for; arrays of shape (layouts, 1, inputs, outputs).

    Attributes
    ----------
    whole : array
        With whole answers in the cache, at least 1 [1].
    usual : array
        With as much of them as running requests hold in the mean, if the engine lets more in [1].
    """

    whole: Floats
    usual: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OfferedLoad:
    """Requests that come at random to replicas of plans, and what is to be told of their times.

    Attributes
    ----------
    rates : array of shape (plans, rates, 1, 1)
        Requests per second that come to a replica of each plan [1/s].
    layout : array of int of shape (plans,)
        Which layout of the grid a plan has; of one plan the first unless given.
    chunked : bool, default True
        Whether prompts are read beside decode steps.
    held_steps : float, default 0
        Decode steps for which the server holds a prompt back [1].
    percentile : float, optional
        Share of the requests whose latencies are to be no longer, between 0 and 1 [1].
    further : bool, default False
        Whether to give the times to first token of a burst and of even arrivals, too.
    """

    rates: Floats
    layout: NDArray[np.intp] = field(default_factory=lambda: np.zeros(1, np.intp))
    chunked: bool = True
    held_steps: float = 0.0
    percentile: float | None = None
    further: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenLoop:
    """What replicas do at rates of requests; arrays of shape (plans, rates, inputs, outputs).

    Attributes
    ----------
    in_flight : array
        Requests in a replica, in the mean; as many as it has room for where it is overloaded [1].
    room : array
        Most whose whole answers it has room for [1].
    overloaded : array of bool
        Whether requests come faster than they are served.
    full : array of bool
        Whether all its places are taken, overloaded or not.
    requests_per_s : array
        Requests that a replica serves [1/s].
    times : ServingTimes
        Means while so many are in flight; what waits before an overloaded replica is not in them.
    percentiles : Latencies or None
        Of TTFT, TPOT and end to end, where they are asked for; NaN where it is full [s].
    """

    in_flight: Floats
    room: Floats
    overloaded: NDArray[np.bool_]
    full: NDArray[np.bool_]
    requests_per_s: Floats
    times: ServingTimes
    percentiles: Latencies | None

    @property
    def places(self) -> Floats:
        """Requests in flight as a whole number, rounded up, that there is room for [1]."""
        running = np.ceil(self.in_flight * (1 - _ROUNDING))
        places: Floats = np.clip(running, 1.0, np.maximum(self.room, 1.0))
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


def open_loop(case: Case, room: Room, load: OfferedLoad) -> OpenLoop:
    """Estimate what requests meet that come at random, and how many are in flight.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid whose batches are
        :func:`llmcalc_core.simulation.in_flight.numbers_in_flight`, and efficiency.
    room : Room
        Of every layout.
    load : OfferedLoad
        What comes.

    Returns
    -------
    OpenLoop
        As many are in flight as come in the time that one of them takes. Overloaded is what comes
        faster than a closed loop of as many as there is room for ends.
    """
    model, hardware, precision, grid, efficiency = case
    rates = load.rates
    closed = serving_times(
        model, hardware, precision, grid, efficiency,
        chunked=load.chunked, arrivals=AT_RANDOM, further=load.further,
    )  # fmt: skip
    read = _Read(shape=grid.shape, layout=load.layout)
    numbers = np.asarray(grid.batch).reshape(-1)
    own = {name: read.room(getattr(room, name)) for name in ("whole", "usual")}
    fullest = Interpolation.of(numbers, own["usual"])
    longest = fullest.take(read.curve(closed.e2e_s))
    traffic = Traffic(
        rate=rates,
        replicas=read.width(grid.attention_dp),
        answer_steps=np.asarray((grid.outputs - 1) / grid.acceptance_length),
        mixes=mixes_prompts(efficiency, chunked=load.chunked),
        ahead=float(efficiency.behaviour.overlaps),
    )
    curves = step_curves(case, chunked=load.chunked).of_layouts(load.layout)
    found = decoding(curves, numbers, own["usual"], traffic)
    overloaded = np.asarray(rates * longest > own["usual"])
    means, levels = latencies(
        found, traffic, efficiency.behaviour,
        room=own["usual"], longest=longest,
        fullest=fullest.take(read.curve(closed.tpot_s)) * grid.acceptance_length,
        alone=curves.decode[:, :1], held_steps=load.held_steps, level=load.percentile,
    )  # fmt: skip
    full = found.full | overloaded
    held = np.where(overloaded, own["usual"], found.met)
    place = Interpolation.of(numbers, held)
    times = _at(closed, read, place)
    # Each request takes the work that it takes in a closed loop of as many.
    busy = np.minimum(rates * times.e2e_s / held, 1.0)
    ttft = np.where(overloaded, times.ttft_s, means.ttft_s)
    tpot = np.where(overloaded, times.tpot_s, means.tpot_s / grid.acceptance_length)
    e2e = np.asarray(ttft + (grid.outputs - 1) * tpot)
    if levels is not None:
        levels = levels.of_tokens(grid.acceptance_length, valid=~full)
    used = times.utilisation
    return OpenLoop(
        in_flight=np.where(overloaded, own["whole"], rates * e2e),
        room=np.broadcast_to(own["whole"], full.shape),
        overloaded=overloaded,
        full=full,
        requests_per_s=np.where(overloaded, own["usual"] / longest, rates),
        times=replace(
            times,
            ttft_s=ttft,
            tpot_s=tpot,
            e2e_s=e2e,
            by_kind=times.by_kind * (tpot / times.tpot_s),
            utilisation=replace(used, share=busy * used.share),
        ),
        percentiles=levels,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """Values of layouts, for plans that have these layouts."""

    shape: tuple[int, int, int, int]
    layout: NDArray[np.intp]

    def curve(self, values: ArrayLike) -> NDArray[Any]:
        """Give values over numbers in flight."""
        return np.broadcast_to(values, self.shape)[self.layout]

    def room(self, values: Floats) -> Floats:
        """Give values that are no curves."""
        return np.broadcast_to(values, (self.shape[0], 1, *self.shape[2:]))[self.layout]

    def width(self, values: Values) -> Floats:
        """Give a width of each layout."""
        return np.broadcast_to(values, (self.shape[0], 1, 1, 1))[self.layout]


def _at(times: ServingTimes, read: _Read, place: Interpolation) -> ServingTimes:
    """Read the times of closed loops at so many in flight."""

    def at(values: ArrayLike) -> Floats:
        return place.take(read.curve(values)) if np.ndim(values) else np.asarray(values)

    used = times.utilisation
    return replace(
        times,
        ttft_s=at(times.ttft_s),
        tpot_s=at(times.tpot_s),
        e2e_s=at(times.e2e_s),
        burst_ttft_s=at(times.burst_ttft_s),
        steady_ttft_s=at(times.steady_ttft_s),
        by_kind=TimeByKind(
            **{kind: at(part) for kind, part in zip(KINDS, times.by_kind.parts(), strict=True)}
        ),
        bound=place.nearest(read.curve(times.bound)),
        utilisation=Utilisation(
            share=at(used.share),
            prefill_time_share=at(used.prefill_time_share),
            prefill_energy_share=at(used.prefill_energy_share),
        ),
    )
