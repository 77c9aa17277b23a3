"""Pipeline parallelism: micro batches that flow through stages."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import ceiling


def micro_batch(*, batch: Values, stages: Values) -> Values:
    """Sequences in one micro batch when a batch is divided over the stages once.

    Parameters
    ----------
    batch : float or array
        Sequences in flight [1].
    stages : float or array
        Pipeline stages [1].

    Returns
    -------
    float or array
        Sequences [1], at least one.

    References
    ----------
    Huang et al., GPipe, arXiv:1811.06965, section 2.2.

    Examples
    --------
    >>> float(micro_batch(batch=32, stages=8)), float(micro_batch(batch=2, stages=8))
    (4.0, 1.0)
    """
    return ceiling(batch / stages)


def decode_cycle_seconds(
    *, traversal: Values, slowest_stage: Values, micro_batches: Values
) -> Values:
    """Time between two tokens of one sequence in steady state.

    Parameters
    ----------
    traversal : float or array
        Time of one micro batch through all stages [s].
    slowest_stage : float or array
        Time of the slowest stage for one micro batch [s].
    micro_batches : float or array
        Micro batches in flight, at most the number of stages [1].

    Returns
    -------
    float or array
        Time [s]: a sequence returns to the first stage after a pass through all of them, or
        after every micro batch had its turn at the slowest one, whichever is later.

    References
    ----------
    Little, A proof for the queuing formula, Operations Research 9 (1961): n customers in a
    closed ring of stations.

    Examples
    --------
    >>> float(decode_cycle_seconds(traversal=0.010, slowest_stage=0.003, micro_batches=4))
    0.012
    """
    return np.maximum(traversal, micro_batches * slowest_stage)


def fill_and_drain_seconds(
    *, traversal: Values, slowest_stage: Values, micro_batches: Values
) -> Values:
    """Time until the last of several micro batches has left the last stage.

    Parameters
    ----------
    traversal : float or array
        Time of one micro batch through all stages [s].
    slowest_stage : float or array
        Time of the slowest stage for one micro batch [s].
    micro_batches : float or array
        Micro batches that start together [1].

    Returns
    -------
    float or array
        Time [s].

    References
    ----------
    Huang et al., GPipe, arXiv:1811.06965, section 2.3 (the bubble of K - 1 steps).

    Examples
    --------
    >>> fill_and_drain_seconds(traversal=10.0, slowest_stage=3.0, micro_batches=4)
    19.0
    """
    return traversal + (micro_batches - 1) * slowest_stage
