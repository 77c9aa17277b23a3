"""Which candidates are drawn: the whole front, what is chosen, and an even sample of the rest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_MARKS = 400
REACH = 4.0
"""Rejected plans this many times slower than every other are left out: they squeeze the rest."""


def drawn_rows(
    frame: pd.DataFrame, latency: str, always: Iterable[int], most: int = MOST_MARKS
) -> NDArray[np.intp]:
    """Choose the rows to draw.

    Parameters
    ----------
    frame : DataFrame
        Candidates with a range index.
    latency : str
        The column to sample evenly along.
    always : iterable of int
        Rows that must be there.
    most : int
        How many marks may be drawn.

    Returns
    -------
    array of int
        Rows, ascending: all that are near each other, where there are few.
    """
    drawn = _near(frame, latency)
    drawn[list(always)] = True
    if drawn.sum() <= most:
        return np.flatnonzero(drawn)
    along = frame[latency].to_numpy()
    keep = frame["on_front"].to_numpy().copy()
    if keep.sum() > most:
        keep = _evenly(along, keep, most)
    keep[list(always)] = True
    room = max(0, most - int(keep.sum()))
    return np.flatnonzero(keep | _evenly(along, drawn & ~keep, room))


def _near(frame: pd.DataFrame, latency: str) -> NDArray[np.bool_]:
    """Mark the plans that are not rejected, and the rejected ones not far from them."""
    fits = (frame["rejected_for"] == "").to_numpy()
    if not fits.any():
        return np.ones(len(frame), dtype=bool)
    slow, rate = frame[latency].to_numpy(), frame["tokens_per_s_per_device"].to_numpy()
    near = (slow <= REACH * slow[fits].max()) & (rate >= rate[fits].min() / REACH)
    return np.asarray(fits | near)


def front_rows(frame: pd.DataFrame, latency: str) -> NDArray[np.intp]:
    """Rows on the Pareto front, by latency."""
    rows = np.flatnonzero(frame["on_front"].to_numpy())
    return rows[np.argsort(frame[latency].to_numpy()[rows], kind="stable")]


def _evenly(along: NDArray[np.float64], among: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Mark this many of the rows in ``among``, at equal distances in their order."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(along[rows], kind="stable")]
    chosen = np.zeros(len(along), dtype=bool)
    if len(order) and count > 0:
        at = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
        chosen[order[at]] = True
    return chosen
