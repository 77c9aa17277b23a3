"""Separate pools of workers for prefill and decoding: how many of each, what is sent between."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Floats, Values

_SLACK = 1e-9


def matched_workers(
    *,
    devices: Values,
    prefill_devices: Values,
    decode_devices: Values,
    prefill_rate: Values,
    decode_rate: Values,
    most_prefill: Values = np.inf,
    most_decode: Values = np.inf,
) -> tuple[Floats, Floats]:
    """Count the workers of each pool that serve the most requests with so many devices.

    Parameters
    ----------
    devices : float or array
        Devices of both pools together, at most [1].
    prefill_devices, decode_devices : float or array
        Devices of one worker of each pool [1].
    prefill_rate, decode_rate : float or array
        Requests that one worker of each pool can serve [1/s].
    most_prefill, most_decode : float or array
        Workers of each pool, at most [1].

    Returns
    -------
    tuple of arrays
        Workers of the prefill and of the decode pool [1]: the fewest of each that serve as many
        requests as can be served; zeros where not even one of each fits.

    References
    ----------
    Zhong et al., DistServe, arXiv:2401.09670, section 4.1 (each pool is replicated until it
    serves the rate of the other). Where both serve the same is mostly no whole number: the best
    has the next smaller one of prefill workers, or the next larger one of either pool, and of the
    other what the rest makes, which a test compares with all numbers.

    Examples
    --------
    A worker of 2 devices reads the prompts that three of 4 devices decode: 14 devices of 16.

    >>> [int(one) for one in matched_workers(devices=16, prefill_devices=2, decode_devices=4,
    ...                                      prefill_rate=6.0, decode_rate=2.0)]
    [1, 3]
    """
    balanced = devices / (prefill_devices * decode_rate + decode_devices * prefill_rate)
    first, second = np.floor(balanced * decode_rate), np.floor(balanced * prefill_rate)
    reading = (prefill_devices, most_prefill), (decode_devices, most_decode)
    pairs = (
        _beside_the_rest(devices, first, *reading),
        _beside_the_rest(devices, first + 1, *reading),
        _beside_the_rest(devices, second + 1, *reading[::-1])[::-1],
    )
    none: Floats = np.zeros(1).reshape(())
    best, readers, writers = none, none, none
    for pair in pairs:
        found = (best, readers, writers)
        best, readers, writers = _better(found, pair, (prefill_rate, decode_rate))
    enough = [
        np.minimum(count, np.ceil(best / rate * (1 - _SLACK)))
        for count, rate in ((readers, prefill_rate), (writers, decode_rate))
    ]
    return np.asarray(enough[0]), np.asarray(enough[1])


def _beside_the_rest(
    devices: Values, count: Values, own: tuple[Values, Values], other: tuple[Values, Values]
) -> tuple[Values, Values]:
    """Count workers of one pool, so many at the most, and those of the other in what they leave.

    ``own`` and ``other`` are the devices of a worker of each and the most workers of it.
    """
    (size, most), (other_size, other_most) = own, other
    some = np.minimum(np.minimum(count, most), devices // size)
    return some, np.minimum((devices - some * size) // other_size, other_most)


def _better(
    found: tuple[Floats, Floats, Floats],
    counts: tuple[Values, Values],
    rates: tuple[Values, Values],
) -> tuple[Floats, Floats, Floats]:
    """Keep the numbers of workers that serve more requests."""
    served = np.minimum(counts[0] * rates[0], counts[1] * rates[1])
    more = served > found[0]
    return (
        np.where(more, served, found[0]),
        np.where(more, counts[0], found[1]),
        np.where(more, counts[1], found[2]),
    )


def transfer_seconds(
    *, received: Values, receivers: Values, senders: Values, latency: Values, bandwidth: Values
) -> Values:
    """Time to hand the cache of a request to the worker that decodes it.

    Parameters
    ----------
    received : float or array
        Part of the cache that each receiving device needs [bytes].
    receivers, senders : float or array
        Devices that receive and that send it [1].
    latency : float or array
        Time of an empty message [s].
    bandwidth : float or array
        Of the link of each device, one direction [bytes/s].

    Returns
    -------
    float or array
        Time [s]: until the busiest device of either side has received or sent its part.

    References
    ----------
    Patel et al., Splitwise, arXiv:2311.18677, on the transfer of the KV cache (all of it after the
    prompt; sent layer by layer, part of it hides behind the prompt, which is left out here).

    Examples
    --------
    Eight devices that need 100 MB each get them from two, 400 MB from each.

    >>> float(transfer_seconds(received=1e8, receivers=8, senders=2, latency=0.0, bandwidth=4e10))
    0.01
    """
    busiest = np.maximum(received, received * receivers / senders)
    seconds: Values = latency + busiest / bandwidth
    return seconds
