"""Continuous batching: steps, how many of them read prompts, and queues."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.limits import largest_beside
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.single_numbers import larger, smaller

_OVERLAP = 4.0


def step_seconds(*, device: Values, host: Values, overlaps: Values) -> Values:
    """Time of a step.

    Parameters
    ----------
    device : float or array
        Time that the step takes on the devices [s].
    host : float or array
        Time in which the host schedules, samples and prepares it [s].
    overlaps : float or array
        Whether the host does so while the devices still run the step before: 1 or 0 [1].

    Returns
    -------
    float or array
        Time [s]: little more than the longer of the two if they overlap, else both.

    References
    ----------
    TensorRT-LLM documentation, Overlap Scheduler; the 4-norm is assumed: steps differ, and at like
    times now one waits, now the other.

    Examples
    --------
    >>> step_seconds(device=0.02, host=0.01, overlaps=np.array([1.0, 0.0])).round(4).tolist()
    [0.0203, 0.03]
    """
    if isinstance(overlaps, float) and not overlaps:
        return device + host
    longer = overlapped_seconds(compute=device, memory=host, sharpness=_OVERLAP)
    return longer if isinstance(overlaps, float) else np.where(overlaps, longer, device + host)


def steady_queue_seconds(*, load: Values, prefill: Values) -> Values:
    """Mean wait for a prefill when requests arrive at random and evenly.

    Parameters
    ----------
    load : float or array
        Part of the time in which prompts are read, below 1 [1].
    prefill : float or array
        Time of one prefill [s].

    Returns
    -------
    float or array
        Time [s]; infinite from a load of 1 on.

    References
    ----------
    Pollaczek and Khinchine, M/D/1: Kleinrock, Queueing Systems, vol. 1 (1975), equation 5.63.

    Examples
    --------
    >>> float(steady_queue_seconds(load=0.5, prefill=0.2))
    0.1
    >>> steady_queue_seconds(load=np.array([0.0, 1.0, 1.5]), prefill=0.2).tolist()
    [0.0, inf, inf]
    """
    busy = np.asarray(load, dtype=float)
    with np.errstate(divide="ignore"):
        waiting: Values = prefill / 2 * busy / larger(1 - busy, 0.0)
    return waiting


def reading_steps(
    *,
    arriving: Values,
    filled: Values,
    fixed_lengths: bool | NDArray[np.bool_],
    most: Values = 1.0,
) -> Values:
    """Share of the steps that read prompts.

    Parameters
    ----------
    arriving : float or array
        Chunks of prompts that come in a step, in the mean [1].
    filled : float or array
        Part of what a step has room for that one of them takes [1].
    fixed_lengths : bool or array
        Whether prompts come one by one, as those of one length do, else at random [1].
    most : float or array
        Largest share: 1 where prompts are read beside decode steps [1].

    Returns
    -------
    float or array
        Steps that read over all, or over decode steps where they are apart [1].

    References
    ----------
    Counting: of arrivals at random (Poisson) a step has none with the chance exp(-mean), and a step
    reads no more than it has room for.

    Examples
    --------
    >>> round(float(reading_steps(arriving=0.5, filled=0.01, fixed_lengths=False)), 3)
    0.393
    """
    some: Values = arriving
    if fixed_lengths is not True:
        at_random = -np.expm1(-arriving)
        some = at_random if fixed_lengths is False else np.where(fixed_lengths, arriving, at_random)
    # Only where it matters with the largest chunks: these may have axes that arrivals have not.
    enough = some >= arriving * largest_beside(values=filled, beside=arriving)
    if not (enough.all() if isinstance(enough, np.ndarray) else enough):
        some = larger(some, arriving * filled)
    share: Values = smaller(some, most)
    return share


@lru_cache(maxsize=256)
def clumping(*, rounds: float, spread: float) -> float:
    """How much closer prompts come than evenly, in the rounds after a burst.

    Parameters
    ----------
    rounds : float
        Requests that each client sends, the burst included; infinity where they come at random and
        never in a burst [1].
    spread : float
        Width of the range that the lengths of answers are drawn from, over their mean [1].

    Returns
    -------
    float
        Mean of the rate in a wave over the mean rate, at least 1 [1]. In round k the requests of a
        wave come over ``spread`` times the root of k of the time that one decodes.

    References
    ----------
    The sum of k uniform lengths has the root of k times the width of one.

    Examples
    --------
    >>> clumping(rounds=2.0, spread=0.5), clumping(rounds=1.0, spread=0.5)
    (2.0, 1.0)
    >>> clumping(rounds=9.0, spread=2.0), clumping(rounds=np.inf, spread=0.5)
    (1.0, 1.0)
    """
    if rounds == np.inf:
        return 1.0
    after = np.arange(1, max(int(rounds), 1))
    if not after.size:
        return 1.0
    return float(np.mean(1 / smaller(spread * np.sqrt(after), 1.0)))


def burst_seconds(*, tokens: Values, room: Values, seconds_per_token: Values) -> Values:
    """Mean time until a prompt is read when all come at once.

    Parameters
    ----------
    tokens : float or array
        Tokens of all prompts [tokens].
    room : float or array
        Tokens that a step reads [tokens].
    seconds_per_token : float or array
        Time of one in a full step [s].

    Returns
    -------
    float or array
        Time [s]: of the steps that read them the mean prompt waits for its own and those before.

    References
    ----------
    Counting: the mean of g, 2 g, ... n is (n + g) / 2.

    Examples
    --------
    >>> float(burst_seconds(tokens=1000.0, room=250.0, seconds_per_token=1e-3))
    0.625
    """
    return (tokens + smaller(room, tokens)) / 2 * seconds_per_token
