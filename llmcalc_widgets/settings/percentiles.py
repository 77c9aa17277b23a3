"""Percentiles that can be chosen, and what they are to the core."""

from __future__ import annotations

PERCENTILES = ("mean", "p50", "p90", "p95", "p99")
"""What times are looked at and limited: their mean, or what so many of a hundred stay within."""


def level_of(percentile: str) -> float | None:
    """Give a percentile as a part of all [1]; None for the mean.

    Examples
    --------
    >>> level_of("p95"), level_of("mean")
    (0.95, None)
    """
    return None if percentile == "mean" else int(percentile[1:]) / 100
