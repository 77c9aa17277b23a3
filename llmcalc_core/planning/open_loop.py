"""Requests that come at a rate, whatever the server does: how many are in flight."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.formulas import Floats
from llmcalc_core.simulation.serving import ServingTimes, serving_times
from llmcalc_core.workload.arrivals import AT_RANDOM, Arrivals

_SOONER = 0.5
"""Steps that requests at any time wait less for the one that runs than clients of a closed loop,
who always come back just after it has begun [1]."""

_KNOTS = 48
"""Numbers in flight that are tried at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenLoop:
    """What a replica does at a rate of requests.

    Attributes
    ----------
    in_flight : float
        Requests in it, in the mean; as many as it has room for where it is overloaded [1].
    overloaded : bool
        Whether requests come faster than they are served.
    waiting_s : float
        Time that the mean request waits to be let in, where it is overloaded [s].
    times : ServingTimes
        While so many are in flight.
    """

    in_flight: float
    overloaded: bool
    waiting_s: float
    times: ServingTimes


def open_loop(
    case: Case,
    rate: float,
    most: int,
    *,
    chunked: bool = True,
    held_steps: float = 0.0,
    num_prompts: int | None = None,
) -> OpenLoop:
    """Find how many requests are in flight at a rate, by Little's law.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid of one layout and one length each, and efficiency.
    rate : float
        Requests per second that come at random [1/s].
    most : int
        Requests that the memory has room for, at least 1 [1].
    chunked : bool
        Whether prompts are read beside decode steps.
    held_steps : float
        Decode steps for which the server holds a prompt back [1].
    num_prompts : int, optional
        Requests of the run: where it is overloaded the queue grows with it; without, forever.

    Returns
    -------
    OpenLoop
        In flight are as many as come in the time that one of them takes.

    References
    ----------
    Little, Operations Research 9 (1961); Wolff, Operations Research 30 (1982): Poisson arrivals see
    time averages.
    """
    arrivals = replace(AT_RANDOM, held_steps=held_steps - _SOONER)
    # A request that comes at random meets as many others as there are in the mean.
    met = np.unique(np.round(np.geomspace(1, most + 1, _KNOTS))) - 1
    every = _times(case, (met + 1).reshape(1, -1, 1, 1), chunked=chunked, arrivals=arrivals)
    served = np.maximum.accumulate(met / every.e2e_s.reshape(-1))
    overloaded = bool(rate > served[-1])
    in_flight = float(met[-1]) if overloaded else float(np.interp(rate, served, met))
    waiting = 0.0
    if overloaded:
        longer = 1 / served[-1] - 1 / rate
        waiting = np.inf if num_prompts is None else (num_prompts - 1) / 2 * longer
    return OpenLoop(
        in_flight=in_flight,
        overloaded=overloaded,
        waiting_s=float(waiting),
        times=_times(case, np.asarray(in_flight + 1), chunked=chunked, arrivals=arrivals),
    )


def _times(case: Case, batch: Floats, *, chunked: bool, arrivals: Arrivals) -> ServingTimes:
    """Time the loop with so many in flight each."""
    model, hardware, precision, grid, efficiency = case
    several = replace(grid, batch=batch, micro=batch, shape=(1, batch.size, 1, 1))
    return serving_times(
        model, hardware, precision, several, efficiency, chunked=chunked, arrivals=arrivals
    )
