"""Percentiles of latencies from their means and variances, of many plans at once."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from llmcalc_core.formulas import Floats, Values
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
