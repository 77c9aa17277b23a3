"""How published timings of mixtures route tokens to experts: evenly, or by a power law."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_SEEDS = 4
"""Draws that the power law's expectations are means of."""

_BUSIEST, _MANY, _FEW = 0.8, (1.0,), (0.01, 2.0)
"""Most tokens of an expert over all tokens, and least and most of a batch of few, before counts are
scaled to the tokens that there are."""


@cache
def routed(tokens: int, top_k: int, experts: int, groups: int, routing: str) -> tuple[float, float]:
    """Count what the busiest group of devices gets of a batch.

    Parameters
    ----------
    tokens, top_k, experts, groups : int
        Tokens of the batch [tokens], experts of one token, all experts, and groups of devices that
        they are divided over [1].
    routing : str
        'balanced', or 'power_law_' and its exponent.

    Returns
    -------
    float
        Distinct experts touched [1].
    float
        Rows that they multiply [tokens].

    References
    ----------
    As collector/helper.py of aiconfigurator routes (Apache-2.0, commit 095f58a5): an even spread
    touches as many experts as it can, a power law gives the first group of devices most.

    Examples
    --------
    >>> routed(4, 8, 128, 4, "balanced")
    (8.0, 8.0)
    >>> touched, rows = routed(64, 8, 128, 4, "power_law_1.2")
    >>> touched <= 32 and rows > 64 * 8 / 4
    True
    """
    if routing == "balanced":
        return max(min(experts, tokens * top_k) / groups, 1.0), max(tokens * top_k / groups, 1.0)
    exponent = float(routing.rpartition("_")[2])
    counts = np.stack([_drawn(tokens, top_k, experts, exponent, seed) for seed in range(_SEEDS)])
    by_group = counts.reshape(_SEEDS, groups, experts // groups)
    busiest = by_group[np.arange(_SEEDS), by_group.sum(axis=2).argmax(axis=1)]
    touched, rows = (busiest > 0).sum(axis=1).mean(), busiest.sum(axis=1).mean()
    return max(float(touched), 1.0), max(float(rows), 1.0)


def _drawn(tokens: int, top_k: int, experts: int, exponent: float, seed: int) -> NDArray[np.int64]:
    """Draw the tokens of each expert, as many as there are in all."""
    every = tokens * top_k
    low, high = (*_MANY, tokens * _BUSIEST) if every > experts else _FEW
    share = np.random.default_rng(seed).random(experts)
    power = 1 - exponent
    drawn = ((high**power - low**power) * share + low**power) ** (1 / power)
    exact = drawn / drawn.sum() * every
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact)[: every - counts.sum()]] += 1
    return np.asarray(np.minimum(counts, tokens))
