"""The Pareto front: candidates that no other beats on both counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pareto_mask(cost: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the candidates that no other dominates.

    A candidate is dominated if another has no more cost and no less gain, and is better in one
    of the two. Candidates with a cost or gain that is not a number are never marked.

    Parameters
    ----------
    cost, gain : array of shape (n,) or (n, k)
        To be made small and large; each of the k columns is a front of its own.

    Returns
    -------
    array of bool of the same shape
        Whether a candidate is on its front.

    References
    ----------
    Kung, Luccio and Preparata, On finding the maxima of a set of vectors, JACM 22 (1975),
    section 2: sort by one coordinate, sweep the other.

    Examples
    --------
    >>> pareto_mask(np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 5.0, 4.0, 5.0])).tolist()
    [True, True, False, True]
    """
    usable = np.isfinite(cost) & np.isfinite(gain)
    spent = np.where(usable, cost, np.inf)
    earned = np.where(usable, gain, -np.inf)
    order = np.lexsort((-earned, spent), axis=0)
    sorted_cost = np.take_along_axis(spent, order, axis=0)
    sorted_gain = np.take_along_axis(earned, order, axis=0)
    best = np.maximum.accumulate(sorted_gain, axis=0)
    ahead = np.full_like(best, -np.inf)
    ahead[1:] = best[:-1]
    leads = sorted_gain > ahead
    twin = np.zeros_like(leads)
    same = (sorted_cost[1:] == sorted_cost[:-1]) & (sorted_gain[1:] == sorted_gain[:-1])
    if same.any():
        twin[1:] = same
        leads = _spread(leads, twin)
    mask = np.empty_like(leads)
    np.put_along_axis(mask, order, leads, axis=0)
    return mask & usable


def _spread(leads: NDArray[np.bool_], twin: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark every equal neighbour after a marked candidate as well."""
    index = np.arange(len(leads)).reshape(-1, *([1] * (leads.ndim - 1)))
    start = np.maximum.accumulate(np.where(twin, 0, index), axis=0)
    return np.take_along_axis(leads, start, axis=0)
