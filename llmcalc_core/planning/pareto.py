"""The Pareto front: candidates that no other beats on both counts, and what those may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.shown import shown

Floats = NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)

_SAMPLED = 128
"""Candidates of the same lengths that are tried for whether most others are behind them."""

_PROPORTIONS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of gain over cost in what a good candidate has much of."""

_SMALL = 1_000
_BINS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What plans are to be good at beside latency.

    Attributes
    ----------
    needs : str
        Field of a device that has to be known for it, if any.
    spends : str
        Column of what all devices of a plan take in a time, of which a token is to take little; if
        none, tokens per second and device are to be many.
    """

    needs: str = ""
    spends: str = ""


_OBJECTIVES = {
    "throughput": Objective(),
    "cost": Objective(needs="price_per_hour", spends="cost_usd_per_hour"),
    "energy": Objective(needs="power_watts", spends="power_w"),
}

OBJECTIVES = tuple(_OBJECTIVES)
"""What plans are good at beside latency: on fronts but the first, hardware competes with hardware.
"""


def needed_for(objective: str) -> str:
    """Name the field of a device that has to be known for an objective; empty if none has."""
    return _OBJECTIVES[objective].needs


def gain_of(column: Callable[[str], NDArray[Any]], objective: str) -> Floats:
    """Give what an objective wants large, by row.

    Parameters
    ----------
    column : function
        Gives a column of candidates by its name.
    objective : {'throughput', 'cost', 'energy'}
        Which.

    Returns
    -------
    array
        Tokens per second and device [tokens/s]; or less than nothing by what a request costs
        [USD s/h] or takes [J], which for given lengths order plans as a token's do.
    """
    spends = _OBJECTIVES[objective].spends
    if not spends:
        return column("tokens_per_s_per_device")
    per_request: Floats = column(spends).astype(np.float64) / column("requests_per_s")
    return -per_request


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

    Raises
    ------
    ValueError
        If they are not of one length, or no numbers.

    References
    ----------
    Kung, Luccio and Preparata, On finding the maxima of a set of vectors, JACM 22 (1975),
    section 2: sort by one coordinate, sweep the other.

    Examples
    --------
    >>> pareto_mask(np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 5.0, 4.0, 5.0])).tolist()
    [True, True, False, True]
    """
    cost, gain = _numbers("cost", cost, np.float64), _numbers("gain", gain, np.float64)
    groups = np.zeros(cost.shape, np.intp) if group is None else _numbers("group", group, np.intp)
    sizes = [one.shape for one in (cost, gain, groups)]
    if len(set(sizes)) > 1 or len(sizes[0]) != 1:
        msg = f"cost, gain and group must be arrays of one length, got the shapes {sizes}"
        raise ValueError(msg)
    hopeful = np.flatnonzero(np.isfinite(cost) & np.isfinite(gain))
    if len(hopeful) > _SMALL:
        hopeful = hopeful[_not_behind_its_bin(cost[hopeful], gain[hopeful], groups[hopeful])]
    mask = np.zeros(len(cost), dtype=bool)
    mask[hopeful[_sweep(cost[hopeful], gain[hopeful], groups[hopeful])]] = True
    return mask


def _numbers(name: str, values: object, kind: type[Number]) -> NDArray[Number]:
    try:
        return np.asarray(values, kind)
    except (TypeError, ValueError, OverflowError, MemoryError):
        msg = f"{name} must be an array of numbers, got {shown(values)}"
        raise ValueError(msg) from None


def contenders(cost: Floats, gain: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give the candidates that may be on the front of their lengths: few of those that are not.

    Parameters
    ----------
    cost, gain : array of shape (layouts, batches, inputs, outputs)
        As of :func:`pareto_mask`; some of all candidates.
    allowed : array of bool of the same shape
        Others neither are on a front nor dominate any.

    Returns
    -------
    array of int
        Their positions in the flat arrays.

    Examples
    --------
    >>> cost, gain = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 2.0], [1.0, 3.0]])
    >>> grid = (2, 1, 1, 2)
    >>> contenders(cost.reshape(grid), gain.reshape(grid), np.ones(grid, bool)).tolist()
    [0, 1, 3]
    """
    lengths = cost.shape[2] * cost.shape[3]
    costs, gains = cost.reshape(-1, lengths), gain.reshape(-1, lengths)
    hopeful = np.array(allowed.reshape(-1, lengths))
    # Most are behind one of a few that are good in both, in different proportions.
    some = slice(None, None, max(len(costs) // _SAMPLED, 1))
    few, most = costs[some], np.where(hopeful[some], gains[some], 0.0)
    for power in _PROPORTIONS:
        best = (most**power / few).argmax(axis=0), np.arange(lengths)
        hopeful &= (costs <= few[best]) | (gains >= most[best])
    return np.flatnonzero(hopeful)


def _sweep(cost: Floats, gain: Floats, group: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the positions on the front, by a sort and a sweep over costs that differ."""
    if not len(cost):
        return np.zeros(0, dtype=np.intp)
    order, several = np.argsort(cost), group.any()
    if several:
        kind = np.min_scalar_type(int(group.max()))  # of few bytes, sorted digit by digit
        order = order[np.argsort(group[order].astype(kind), kind="stable")]
    costs, gains, own = cost[order], gain[order], group[order]
    starts = np.flatnonzero(np.r_[True, (costs[1:] != costs[:-1]) | (own[1:] != own[:-1])])
    best = np.maximum.reduceat(gains, starts)
    rank = _rank(best) + own[starts] * len(best) if several else best
    ahead = np.r_[True, rank[1:] > np.maximum.accumulate(rank)[:-1]]
    leads = np.repeat(np.where(ahead, best, np.inf), np.diff(np.r_[starts, len(gains)]))
    front: NDArray[np.intp] = order[gains == leads]
    return front


def _rank(values: Floats) -> NDArray[np.intp]:
    """Rank values by their size, equal ones alike."""
    order = np.argsort(values)
    rank = np.empty(len(values), np.intp)
    rank[order] = np.cumsum(np.r_[False, np.diff(values[order]) > 0])
    return rank


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
