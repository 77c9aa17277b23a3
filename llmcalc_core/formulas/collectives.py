"""Collective operations and messages between devices, and their time."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np

from llmcalc_core.formulas import Values

_RAMP_BYTES = 2e6
"""Size of a message that loses half of what a large one does [bytes]."""


class Collective(Enum):
    """A collective operation, and what its cost depends on; all that differs between them.

    Attributes
    ----------
    label : str
        Its name.
    passes : float
        How often a device sends its share of the message [1].
    latency : float
        Time of an empty one over that of an empty all-reduce of as many devices [1]; only
        all-reduces were measured, so that the others are assumed to be alike.
    ramp : float
        What a large one loses until it reaches its bandwidth, over the same of an all-reduce [1].
    network_steps : function
        Network latencies that follow each other, of the number of nodes [1].

    References
    ----------
    NVIDIA, nccl-tests, doc/PERFORMANCE.md (passes over the bus).

    Examples
    --------
    >>> Collective.ALL_REDUCE.passes, Collective.ALL_TO_ALL.passes
    (2.0, 1.0)
    >>> float(Collective.ALL_GATHER.network_steps(8.0))
    3.0
    """

    ALL_REDUCE = ("all-reduce", 2.0, 1.0, 1.0, np.log2)  # reduce-scatter, then all-gather
    ALL_GATHER = ("all-gather", 1.0, 1.0, 0.0, np.log2)
    REDUCE_SCATTER = ("reduce-scatter", 1.0, 1.0, 0.0, np.log2)
    ALL_TO_ALL = ("all-to-all", 1.0, 1.0, 0.0, np.log2)

    label: str
    passes: float
    latency: float
    ramp: float
    network_steps: Callable[[Values], Values]

    def __init__(
        self,
        label: str,
        passes: float,
        latency: float,
        ramp: float,
        network_steps: Callable[[Values], Values],
    ) -> None:
        self.label = label
        self.passes = passes
        self.latency = latency
        self.ramp = ramp
        self.network_steps = network_steps


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
        How often a device sends its share of it [1]; see :class:`Collective`.
    participants : float or array
        Devices that take part, n [1]; with one, nothing is sent.
    latency : float or array
        Time of an empty operation [s].
    bandwidth : float or array
        Bus bandwidth per device, one direction, that large messages reach [bytes/s].
    ramp : float or array
        What a large one loses until it reaches that bandwidth [s].

    Returns
    -------
    float or array
        Time [s]: latency, ``passes (n - 1) / n`` of the message over the bus bandwidth, and
        ``ramp * message / (message + 2 MB)``.

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
    lost = latency + ramp * message / (message + _RAMP_BYTES)
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
