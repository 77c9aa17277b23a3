"""Which candidates are drawn: the front, what is chosen, and one of those that lie together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.chart.view import ChartView

MOST_MARKS = 300
REACH = 4.0
"""Rejected plans this many times worse than every other are left out: they squeeze the rest."""

FEW = 200
"""As many near plans are all drawn."""

CELLS = 30
"""Of the chart, along each axis: a cell is about twice as wide and as high as a mark."""


def downsampled_rows(
    view: ChartView, always: Iterable[int], most: int = MOST_MARKS
) -> NDArray[np.intp]:
    """Choose the rows to draw.

    Parameters
    ----------
    view : ChartView
        Candidates and axes.
    always : iterable of int
        Rows that must be there.
    most : int
        How many marks may be drawn.

    Returns
    -------
    array of int
        Rows, ascending: all that are near each other, where there are few; else the front, and of
        the others in each cell of the chart one that fits and one that is rejected.
    """
    drawn = _near(view)
    drawn[list(always)] = True
    if drawn.sum() <= min(FEW, most):
        return np.flatnonzero(drawn)
    along = view.values[0]
    keep = np.zeros(len(along), dtype=bool)
    keep[view.front] = True
    if keep.sum() > most:
        keep = _evenly(along, keep, most)
    keep[list(always)] = True
    room = max(0, most - int(keep.sum()))
    return np.flatnonzero(keep | _evenly(along, _apart(view, drawn & ~keep), room))


def _near(view: ChartView) -> NDArray[np.bool_]:
    """Mark the plans that are not rejected, and the rejected ones not far from them."""
    fits = ~view.rejected & view.known
    if not fits.any():
        return view.known.copy()
    near = view.rejected & view.known
    for axis, values in zip(view.axes, view.values, strict=True):
        if axis.small:
            near &= values <= REACH * values[fits].max()
        else:
            near &= values >= values[fits].min() / REACH
    return fits | near


def _apart(view: ChartView, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark one of the rows in ``among`` in each cell of the chart, whichever, of either kind."""
    rows = np.flatnonzero(among)
    rows = rows[_shuffled(len(rows))]
    cell = view.rejected[rows].astype(np.intp)
    for values in view.values:
        places = Ends(*limits(values[rows])).places(values[rows])
        cell = cell * CELLS + (places * CELLS).astype(np.intp)
    own = np.full(2 * CELLS**2, -1, dtype=np.intp)
    own[cell] = rows
    chosen = np.zeros(len(among), dtype=bool)
    chosen[own[own >= 0]] = True
    return chosen


@lru_cache(maxsize=8)
def _shuffled(count: int) -> NDArray[np.intp]:
    """Give the numbers below a count in an order that is always the same."""
    return np.random.default_rng(0).permutation(count)


def _evenly(along: NDArray[np.float64], among: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Mark this many of the rows in ``among``, at equal distances in their order."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(along[rows], kind="stable")]
    chosen = np.zeros(len(along), dtype=bool)
    if len(order) and count > 0:
        at = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
        chosen[order[at]] = True
    return chosen
