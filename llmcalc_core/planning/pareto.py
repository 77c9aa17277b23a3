"""The Pareto front: candidates that no other beats on both counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SMALL = 1_000
_BINS = 512


def pareto_mask(
    cost: Floats, gain: Floats, group: NDArray[np.intp] | None = None
) -> NDArray[np.bool_]:
    """Mark the candidates that no other of their group dominates.

    A candidate is dominated if another has no more cost and no less gain, and is better in one
    of the two. Candidates with a cost or gain that is not a finite number are never marked.

    Parameters
    ----------
    cost, gain : array of shape (n,)
        To be made small and large; costs above zero.
    group : array of int of shape (n,), optional
        Candidates with different numbers do not compete.

    Returns
    -------
    array of bool of shape (n,)
        Whether a candidate is on its front; of equal ones, all are.

    References
    ----------
    Kung, Luccio and Preparata, On finding the maxima of a set of vectors, JACM 22 (1975),
    section 2: sort by one coordinate, sweep the other.

    Examples
    --------
    >>> pareto_mask(np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 5.0, 4.0, 5.0])).tolist()
    [True, True, False, True]
    """
    groups = np.zeros(len(cost), dtype=np.intp) if group is None else group
    hopeful = np.flatnonzero(np.isfinite(cost) & np.isfinite(gain))
    if len(hopeful) > _SMALL:
        kept = _not_behind_its_bin(cost[hopeful], gain[hopeful], groups[hopeful])
        hopeful = hopeful[kept]
    mask = np.zeros(len(cost), dtype=bool)
    mask[hopeful[_sweep(cost[hopeful], gain[hopeful], groups[hopeful])]] = True
    return mask


def _sweep(cost: Floats, gain: Floats, group: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the positions on the front, by a sort and a sweep."""
    if not len(cost):
        return np.zeros(0, dtype=np.intp)
    several = group.any()
    order = np.lexsort((-gain, cost, group) if several else (-gain, cost))
    spent, earned, own = cost[order], gain[order], group[order]
    fresh, rank = np.r_[True, own[1:] != own[:-1]], earned
    if several:
        rank = np.unique(earned, return_inverse=True)[1] + np.cumsum(fresh) * len(earned)
    best = np.maximum.accumulate(rank)
    leads = fresh | np.r_[True, rank[1:] > best[:-1]]
    twin = np.r_[False, (spent[1:] == spent[:-1]) & (earned[1:] == earned[:-1])] & ~fresh
    first = np.maximum.accumulate(np.where(twin, 0, np.arange(len(order))))
    front: NDArray[np.intp] = order[leads[first]]
    return front


def _not_behind_its_bin(cost: Floats, gain: Floats, group: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Drop most of the candidates that a cheaper one beats, without sorting.

    Costs fall into bins that grow with the cost; a candidate with less gain than the best of
    any lower bin of its group can't be on the front.
    """
    logs = np.log(cost)
    low, high = logs.min(), logs.max()
    scale = (_BINS - 1) / max(high - low, 1e-12)
    bins = ((logs - low) * scale).astype(np.intp)
    best = np.full((int(group.max()) + 1, _BINS + 1), -np.inf)
    np.maximum.at(best.reshape(-1), group * (_BINS + 1) + bins + 1, gain)
    ahead = np.maximum.accumulate(best, axis=1).reshape(-1)
    return np.asarray(gain >= ahead[group * (_BINS + 1) + bins])
