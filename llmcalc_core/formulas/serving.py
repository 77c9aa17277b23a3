"""Continuous batching under a closed loop: what prefills and queues add to decoding."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import overlapped_seconds

_OVERLAP = 4.0


def interference_seconds(
    *, requests: Values, prefill: Values, waiting: Values, output_tokens: Values
) -> Values:
    """Time that the prefills of other requests add to each output token.

    Parameters
    ----------
    requests : float or array
        Requests in flight that share the devices, n [1].
    prefill : float or array
        Time in which one prompt occupies the devices [s].
    waiting : float or array
        Part of the requests whose prompts arrive together and wait for each other [1].
    output_tokens : float or array
        Tokens generated per request [tokens].

    Returns
    -------
    float or array
        Time per output token [s]: while a request decodes, every other one is replaced once, so
        n - 1 prompts are read in its O tokens; of those that arrive with it, it sees half as its
        own wait for the first token instead.

    References
    ----------
    Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3 (generation stalls); counting over
    one cycle of a closed loop.

    Examples
    --------
    >>> interference_seconds(requests=33, prefill=0.125, waiting=0.5, output_tokens=100)
    0.03
    """
    return (requests - 1) * prefill * (1 - waiting / 2) / output_tokens


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


def queue_seconds(*, requests: Values, prefill: Values, waiting: Values) -> Values:
    """Mean time that a request waits for the prompts that arrive with it.

    Parameters
    ----------
    requests, prefill, waiting : float or array
        As in :func:`interference_seconds` [1, s, 1].

    Returns
    -------
    float or array
        Time [s]; with all together (``waiting`` 1) the mean of 0 to n - 1 prefills.

    References
    ----------
    Counting: in a burst of n the mean request has (n - 1) / 2 before it.

    Examples
    --------
    >>> queue_seconds(requests=11, prefill=0.1, waiting=1.0)
    0.5
    """
    return waiting / 2 * (requests - 1) * prefill


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
