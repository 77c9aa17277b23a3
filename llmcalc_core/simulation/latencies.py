"""TTFT, TPOT and end to end of requests that come at random: means and percentiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.in_flight import Decoding, Traffic
from llmcalc_core.simulation.random_arrivals import Wait

_HALVINGS = 24
"""Steps of the search for a percentile: it is found to 10^-7 of the requests."""

_EVEN = 1 / np.sqrt(3.0)
"""Standard deviation over mean of times that are as likely to be short as long, from 0 on [1]."""

_LEAST = 1e-12


def normal_share(number: Values) -> Floats:
    """Share of a normal distribution below so many standard deviations over its mean.

    Parameters
    ----------
    number : float or array
        Standard deviations [1].

    Returns
    -------
    array
        Share [1], within 0.00014.

    References
    ----------
    Bowling et al., Journal of Industrial Engineering and Management 2 (2009), 114.

    Examples
    --------
    >>> normal_share(np.array([0.0, -1.0])).round(3).tolist()
    [0.5, 0.159]
    """
    some = np.clip(number, -8.0, 8.0)
    return np.asarray(1 / (1 + np.exp(-(0.07056 * some**3 + 1.5976 * some))))


def gamma_quantile(*, level: float, mean: Values, variance: Values) -> Floats:
    """Quantile of a gamma distribution.

    Parameters
    ----------
    level : float
        Share of the values that are smaller, between 0 and 1 [1].
    mean, variance : float or array
        Of the distribution [s], [s^2].

    Returns
    -------
    array
        Time [s]; 0 where the distribution is nearly always nothing.

    References
    ----------
    Wilson and Hilferty, PNAS 17 (1931), 684: the cube root is nearly normal.

    Examples
    --------
    >>> round(float(gamma_quantile(level=0.5, mean=2.0, variance=1.0)), 2)
    1.84
    """
    some = np.maximum(mean, _LEAST)
    ninth = np.asarray(variance) / (9 * some**2)
    root = 1 - ninth + NormalDist().inv_cdf(level) * np.sqrt(ninth)
    return np.where(np.asarray(mean) > 0, some * np.maximum(root, 0.0) ** 3, 0.0)


def wait_quantile(*, level: float, busy: Values, wait: Wait) -> Floats:
    """Quantile of the time that a request waits for its own step.

    Parameters
    ----------
    level : float
        Share of the requests that wait less, between 0 and 1 [1].
    busy : float or array
        Part of the time in which there is a step at all; others wait for nothing [1].
    wait : Wait
        Of requests that come while there is.

    Returns
    -------
    array
        Time [s].

    References
    ----------
    A mixture: the rest of a step that decodes is uniform; behind prompts it is between uniform and
    exponential, by its standard deviation over its mean, the tail of a queue with one server being
    exponential (Kingman, Proc. Camb. Phil. Soc. 57 (1961), 902).
    """
    share = np.clip((level - (1 - busy)) / np.maximum(busy, _LEAST), 0.0, 1 - 1e-9)
    alone = 1 - wait.behind
    spread = np.sqrt(np.maximum(wait.behind_variance, 0.0))
    ratio = spread / np.maximum(wait.behind_mean, _LEAST)
    tail = np.clip((ratio - _EVEN) / (1 - _EVEN), 0.0, 1.0)

    def behind(part: Floats) -> Floats:
        even = (part - 1 / 2) * np.sqrt(12.0)
        late: Floats = wait.behind_mean + spread * (even + tail * (-np.log1p(-part) - 1 - even))
        return np.maximum(late, 0.0)

    def reached(time: Floats, part: Floats) -> Floats:
        sooner = np.minimum(time / np.maximum(2 * wait.decode_mean, _LEAST), 1.0)
        both: Floats = alone * sooner + wait.behind * part
        return both

    low = np.zeros(np.broadcast_shapes(share.shape, np.shape(wait.mean)))
    high = np.full_like(low, 1 - 1e-9)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = reached(behind(middle), middle) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    soonest = behind(np.zeros_like(low))
    early = 2 * wait.decode_mean * share / np.maximum(alone, _LEAST)
    return np.where(reached(soonest, np.zeros_like(low)) >= share, early, behind(high))


_IN_LOOP = 1.0
"""Of the steps to the first token in a closed loop, that which has just begun as a client comes
back [1]; of requests at any time the rest of one is counted."""

_STAY = 2 / 3
"""Variance of the mean number in flight while a request is, over that at any time, where all stay
as long [1]: what comes and goes in such a time overlaps with all of it, or with little."""

_FULL = 0.99
"""Largest load of all places that is told from overload [1]."""

_STEEPEST = 0.95
"""Largest growth of the time per token with what is in flight, over proportional [1]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latencies:
    """Latencies of requests; arrays of shape (plans, rates, inputs, outputs).

    Attributes
    ----------
    ttft_s : array
        Time to first token [s].
    tpot_s : array
        Time per output token; as :func:`latencies` gives it, per step [s].
    e2e_s : array
        From arrival to the last token [s].
    """

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats

    def of_tokens(self, gained: float, *, valid: NDArray[np.bool_]) -> Latencies:
        """Give times per token where a step gives several; NaN where they are not valid."""
        return Latencies(
            ttft_s=np.where(valid, self.ttft_s, np.nan),
            tpot_s=np.where(valid, self.tpot_s / gained, np.nan),
            e2e_s=np.where(valid, self.e2e_s, np.nan),
        )


def latencies(
    found: Decoding,
    traffic: Traffic,
    behaviour: Behaviour,
    *,
    room: Floats,
    longest: Floats,
    fullest: Floats,
    alone: Floats,
    held_steps: float = 0.0,
    level: float | None = None,
) -> tuple[Latencies, Latencies | None]:
    """Join what a request meets into its latencies.

    Parameters
    ----------
    found : Decoding
        What decodes at once, and what a request meets.
    traffic : Traffic
        What comes.
    behaviour : Behaviour
        What an engine adds.
    room, longest : array
        Most requests that run at once [1], and how long each takes then [s].
    fullest : array
        Time of a step of an answer then [s].
    alone : array
        Time of a step that decodes one sequence [s].
    held_steps : float
        Decode steps for which the server holds a prompt back [1].
    level : float, optional
        Share of the requests that are to be no slower, between 0 and 1 [1].

    Returns
    -------
    Latencies, Latencies or None
        Means, and the percentiles.

    References
    ----------
    Arrivals while a request is in flight are Poisson, and so is what is in flight (M/G/infinity:
    Kleinrock, Queueing Systems, vol. 1 (1975), 3.5); its growth with itself is that of processor
    sharing.
    """
    meets, steps, rate = found.meets, traffic.steps_or_one, traffic.rate
    ahead = traffic.ahead
    wait, own = meets.wait, meets.own
    decoded = np.where(traffic.answer_steps > 0, found.met - 1, 0.0)
    gap = np.minimum(meets.gap, fullest)
    inside = decoded + rate * (own + wait.mean)
    busy = -np.expm1(-inside)
    # An answer of one token has no step behind which it waits.
    first_steps = max(float(behaviour.first_token_steps) - _IN_LOOP - ahead, 0.0) + held_steps
    held = first_steps * np.minimum(traffic.answer_steps, 1.0)
    growth = np.clip(found.slope * decoded / np.maximum(gap, _LEAST), 0.0, _STEEPEST)
    lets_in, queue = _admission(inside, decoded / (1 - growth), rate, (longest, room))
    fixed = float(behaviour.first_token_s) + held * gap * busy + own
    ttft = fixed + busy * (wait.mean + ahead * meets.step + lets_in * queue)
    answer = traffic.answer_steps * gap
    means = Latencies(ttft_s=ttft, tpot_s=gap, e2e_s=ttft + answer)
    if level is None:
        return means, None
    later = lets_in * (2 - lets_in) * queue**2 + ahead * meets.step_variance
    behind = replace(
        wait,
        behind_mean=wait.behind_mean + lets_in * queue,
        behind_variance=wait.behind_variance + later,
    )
    prepared = np.where(level > 1 - busy, ahead * meets.step, 0.0)
    variance = _gap_variance(found, decoded, steps, growth)
    tpot = alone + gamma_quantile(level=level, mean=gap - alone, variance=variance)
    if traffic.mixes:
        tpot = np.minimum(tpot, np.maximum(found.steps.full, gap))
    shortest = fixed + traffic.answer_steps * alone
    spread = busy * (wait.variance + later) + traffic.answer_steps**2 * variance
    first = fixed + prepared + wait_quantile(level=level, busy=busy, wait=behind)
    last = shortest + gamma_quantile(level=level, mean=means.e2e_s - shortest, variance=spread)
    # No more are late at the end than if the same ones were late with every token.
    last = np.minimum(last, first + traffic.answer_steps * tpot)
    return means, Latencies(ttft_s=first, tpot_s=tpot, e2e_s=last)


def _admission(
    inside: Floats, variance: Floats, rate: Floats, fullest: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Give the chance that no place is free, and the mean wait then [1], [s].

    Places are all taken as often as a normal number of that variance is above the room; the wait is
    half of that of exponential stays (Cosmetatos, INFOR 14 (1976), 84, for stays of one length).
    """
    longest, room = fullest
    deviation = np.sqrt(np.maximum(variance, _LEAST))
    load = np.minimum(rate * longest / room, _FULL)
    return normal_share((inside - room) / deviation), longest / (2 * room * (1 - load))


def _gap_variance(found: Decoding, decoded: Floats, steps: Values, growth: Floats) -> Floats:
    """Variance of the mean step of an answer.

    What is in flight differs from request to request, and with it the prompts that are read beside
    its answer: as many come as are in flight, half of them early. What is behind its own prompt is
    taken as exponential.
    """
    meets, slope = found.meets, found.slope
    prompt = meets.each / steps
    behind = np.maximum(meets.gap - meets.steady, 0.0)
    variance: Floats = (
        slope**2 * decoded * _STAY / (1 - growth)
        + slope * prompt * decoded / np.sqrt(1 - growth)
        + prompt**2 * decoded
        + behind**2
    )
    return variance
