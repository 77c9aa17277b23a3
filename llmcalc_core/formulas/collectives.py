"""Time of messages between devices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = float | NDArray[np.float64]


def all_reduce_seconds(
    *, message: Values, participants: Values, latency: Values, bandwidth: Values
) -> Values:
    """Time of an all-reduce.

    Parameters
    ----------
    message : float or array
        Size of the tensor that is summed [bytes].
    participants : float or array
        Devices that take part [1]; with one, nothing is sent.
    latency : float or array
        Time of an empty all-reduce [s].
    bandwidth : float or array
        Bus bandwidth per device, one direction [bytes/s].

    Returns
    -------
    float or array
        Time [s]: latency + 2 (n - 1)/n of the message over the bus bandwidth.

    References
    ----------
    NVIDIA, nccl-tests, doc/PERFORMANCE.md, section "AllReduce" (bus bandwidth).

    Examples
    --------
    >>> float(all_reduce_seconds(message=4e6, participants=8, latency=5e-6, bandwidth=350e9))
    2.5e-05
    """
    share = 2 * (participants - 1) / participants
    return np.where(participants > 1, latency + share * message / bandwidth, 0.0)


def all_to_all_seconds(
    *, message: Values, participants: Values, latency: Values, bandwidth: Values
) -> Values:
    """Time of an all-to-all.

    Parameters
    ----------
    message : float or array
        What each device holds to hand out [bytes].
    participants : float or array
        Devices that take part [1]; with one, nothing is sent.
    latency : float or array
        Time of an empty all-to-all [s].
    bandwidth : float or array
        Bandwidth per device, one direction [bytes/s].

    Returns
    -------
    float or array
        Time [s]: latency + (n - 1)/n of the message over the bandwidth.

    References
    ----------
    NVIDIA, nccl-tests, doc/PERFORMANCE.md, section "AlltoAll".

    Examples
    --------
    >>> float(all_to_all_seconds(message=8e6, participants=8, latency=5e-6, bandwidth=350e9))
    2.5e-05
    """
    share = (participants - 1) / participants
    return np.where(participants > 1, latency + share * message / bandwidth, 0.0)


def point_to_point_seconds(*, message: Values, latency: Values, bandwidth: Values) -> Values:
    """Time to hand a tensor to the next pipeline stage.

    Parameters
    ----------
    message : float or array
        Size of the tensor [bytes].
    latency : float or array
        Time of an empty message [s].
    bandwidth : float or array
        Bandwidth of the link, one direction [bytes/s].

    Returns
    -------
    float or array
        Time [s].

    References
    ----------
    Hockney, The communication challenge for MPP, Parallel Computing 20 (1994), equation 1.

    Examples
    --------
    >>> point_to_point_seconds(message=3e6, latency=1e-5, bandwidth=3e11)
    2e-05
    """
    return latency + message / bandwidth
