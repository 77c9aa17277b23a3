"""Continuous batching under a closed loop: what prefills and queues add to decoding."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import overlapped_seconds

_OVERLAP = 4.0


def interference_seconds(*, requests: Values, prefill: Values, output_tokens: Values) -> Values:
    """Time that the prefills of other requests add to each output token.

    Parameters
    ----------
    requests : float or array
        Requests in flight that share the devices, n [1].
    prefill : float or array
        Time in which one prompt occupies the devices [s].
    output_tokens : float or array
        Tokens generated per request [tokens].

    Returns
    -------
    float or array
        Time per output token [s]: while a request decodes, every other one is replaced once, so
        n - 1 prompts are read in its O tokens.

    References
    ----------
    Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3 (generation stalls); counting over
    one cycle of a closed loop.

    Examples
    --------
    >>> interference_seconds(requests=33, prefill=0.125, output_tokens=100)
    0.04
    """
    return (requests - 1) * prefill / output_tokens


def decode_step_seconds(*, device: Values, host: Values, overlaps: Values) -> Values:
    """Time of a decode step.

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
    >>> decode_step_seconds(device=0.02, host=0.01, overlaps=np.array([1.0, 0.0])).round(4).tolist()
    [0.0203, 0.03]
    """
    if isinstance(overlaps, float) and not overlaps:
        return device + host
    longer = overlapped_seconds(compute=device, memory=host, sharpness=_OVERLAP)
    return longer if isinstance(overlaps, float) else np.where(overlaps, longer, device + host)


def mixed_step_seconds(*, decode: Values, device: Values, host: Values) -> Values:
    """Time that reading prompts in a decode step adds to it.

    Parameters
    ----------
    decode : float or array
        Time of the decode step alone [s].
    device : float or array
        Time that the prompts take on the device [s].
    host : float or array
        Time that the host takes to start the kernels of a step that is no captured graph [s].

    Returns
    -------
    float or array
        Time [s]: device and host overlap in part, as in a prefill alone.

    References
    ----------
    Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 4 (prefill chunks beside decodes);
    the 2-norm of device and host as in a prefill.

    Examples
    --------
    >>> round(float(mixed_step_seconds(decode=0.02, device=0.01, host=0.04)), 3)
    0.03
    """
    longer: Values = np.hypot(decode + device, host) - decode
    return longer


def burst_seconds(*, requests: Values, prefill: Values, group: Values) -> Values:
    """Mean time until a prompt is read when all requests arrive at once.

    Parameters
    ----------
    requests : float or array
        Requests, n [1].
    prefill : float or array
        Time of one prompt in a step that reads several [s].
    group : float or array
        Prompts that a step reads, g, at most n [1].

    Returns
    -------
    float or array
        Time [s]: of n / g steps the mean request waits for its own and those before it.

    References
    ----------
    Counting: the mean of g, 2 g, ... n prompts is (n + g) / 2.

    Examples
    --------
    >>> burst_seconds(requests=11, prefill=0.125, group=1)
    0.75
    """
    return (requests + group) / 2 * prefill


def dispersed_queue_seconds(
    *,
    requests: Values,
    prefill: Values,
    decode: Values,
    output_tokens: Values,
    spread: float,
    rounds: int,
) -> Values:
    """Mean wait for other prompts in a closed loop that started with a burst.

    Parameters
    ----------
    requests : float or array
        Requests in flight, n [1].
    prefill : float or array
        Time of one prefill [s].
    decode : float or array
        Time of a decode step [s].
    output_tokens : float or array
        Mean tokens generated per request [tokens].
    spread : float
        Width of the range that these are drawn from, over their mean [1].
    rounds : int
        Requests that each client sends, the burst included [1].

    Returns
    -------
    float or array
        Time [s], of the rounds after the burst. In round k the n requests of a wave come over
        ``spread`` times the root of k of the time that one decodes; a queue served at random
        (M/D/1) is then loaded to that part of the time in which it reads, and the load over what it
        leaves is n prefills over that width.

    References
    ----------
    Kleinrock, Queueing Systems, vol. 1 (1975), equation 5.63; the sum of k uniform lengths has
    the root of k times the width of one.

    Examples
    --------
    >>> dispersed_queue_seconds(
    ...     requests=10, prefill=0.1, decode=0.02, output_tokens=100, spread=0.5, rounds=2
    ... )
    0.05
    """
    width = spread * np.sqrt(np.arange(1, max(rounds, 2)))
    loaded = requests * prefill / (output_tokens * decode)
    queue: Values = prefill * loaded * float(np.mean(1 / (2 * width)))
    return queue


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
    """
    busy = np.asarray(load, dtype=float)
    with np.errstate(divide="ignore"):
        return np.where(busy < 1, busy * prefill / (2 * np.maximum(1 - busy, 0.0)), np.inf)
