"""Time of messages between devices."""

from __future__ import annotations

from llmcalc_core.formulas import Values

_RAMP_BYTES = 2e6
"""Size of a message that loses half of what a large one does [bytes]."""


def collective_seconds(
    *,
    message: Values,
    passes: Values,
    participants: Values,
    latency: Values,
    bandwidth: Values,
    ramp: Values = 0.0,
) -> Values:
    """Time of a collective operation.

    Parameters
    ----------
    message : float or array
        Size of the tensor that each device holds [bytes].
    passes : float or array
        How often a device sends its share of it [1]: 2 for an all-reduce (reduce-scatter, then
        all-gather), 1 for an all-gather, a reduce-scatter or an all-to-all.
    participants : float or array
        Devices that take part, n [1]; with one, nothing is sent.
    latency : float or array
        Time of an empty operation [s].
    bandwidth : float or array
        Bus bandwidth per device, one direction, that large messages reach [bytes/s].
    ramp : float or array
        What a large all-reduce loses while it gets there [s].

    Returns
    -------
    float or array
        Time [s]: latency + passes (n - 1)/n of the message over the bus bandwidth
        and, of an all-reduce, ``ramp * message / (message + 2 MB)``.

    References
    ----------
    NVIDIA, nccl-tests, doc/PERFORMANCE.md, sections "AllReduce" and "AlltoAll" (bus bandwidth).
    All-reduces measured alone (aiconfigurator, commit 095f58a5) take 3 to 8 us for kilobytes (NCCL
    up to 22), 7 to 79 us more from some megabytes on, where another algorithm takes over, and
    beside that their bytes at 0.58 to 0.99 of the link. Ramps of 1 to 8 MB fit ten sizes of 48 of
    them alike.

    Examples
    --------
    >>> collective_seconds(message=4e6, passes=2, participants=8, latency=5e-6, bandwidth=350e9)
    2.5e-05
    >>> round(collective_seconds(
    ...     message=2e6, passes=2, participants=8, latency=5e-6, bandwidth=350e9, ramp=20e-6), 9)
    2.5e-05
    """
    share = passes * (participants - 1) / participants
    lost = latency + (passes - 1) * ramp * message / (message + _RAMP_BYTES)
    return lost * (participants > 1) + share * message / bandwidth


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
