"""A view's values as arrays of the figure's marks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_widgets.chart.compared_fronts import ComparedFront, ComparedLines
from llmcalc_widgets.chart.curves import NO_CURVE, Curve, bar, cross_lines, outline, steps, together
from llmcalc_widgets.chart.palette import colour_slots
from llmcalc_widgets.chart.plot import make_plot
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.chart.view import ChartView, Rows

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


NO_ROWS = np.array([], dtype=np.intp)


class Drawing:
    """The figure, and which plans are where in it.

    Attributes
    ----------
    plot : Plot
        The widgets.
    rows : dict of str to array of int
        Rows of the plans in each scatter, in its order: later ones are drawn above others.
    ends : tuple of two Ends
        Ends of the axes across and up.
    recommended : array, array
        Where the recommended plan is, across and up; empty if there is none.
    compared_lines : ComparedLines
        The fronts beside the present one.
    marking : bool
        Whether the scatters are being told what is selected, rather than telling it.
    """

    def __init__(self) -> None:
        self.plot = make_plot()
        self.rows = {"candidates": NO_ROWS, "rejected": NO_ROWS}
        self.ends = Ends(1.0, 10.0), Ends(1.0, 10.0)
        self.recommended = NO_CURVE
        self.marking = False
        self._view: ChartView | None = None
        self.compared_lines = ComparedLines(self.plot)

    def draw(
        self, view: ChartView, selected: int | None, compared: tuple[ComparedFront, ...] = ()
    ) -> None:
        """Draw a view, with a plan of it selected, and compared fronts beside its own."""
        before, self._view = self._view, view
        pointed = (view.evaluation.recommended, selected)
        always = [row for row in pointed if row is not None and view.known[row]]
        rows = downsampled_rows(view, always)
        out = view.rejected[rows]
        self.rows = {"candidates": _front_last(view, rows[~out]), "rejected": rows[out]}
        same = before is not None and before.same_axes(view)
        with self.plot.one_update():
            self._draw_axes(view, rows, compared, stay=same)
            best = self._place(view, _alone(view.evaluation.recommended))
            self.compared_lines.draw(compared, self.ends, best)
            self._draw_points(view)
            self._draw_limits(view)
            self.mark(selected)
            self.plot.brush.selected_x = self.plot.brush.selected_y = None

    def mark(self, row: int | None) -> None:
        """Put ring and bar on a plan, and tell both scatters that it is selected."""
        view = self._view
        if view is None:
            return
        self._draw_front(view, row)
        self.marking = True
        with self.plot.selected.hold_sync():
            self.plot.selected.x, self.plot.selected.y = self._place(view, _alone(row))
        for name, rows in self.rows.items():
            at = np.flatnonzero(rows == row) if row is not None else NO_ROWS
            getattr(self.plot, name).selected = at if len(at) else None
        self.marking = False

    def shows(self, row: int) -> bool:
        """Say whether a plan is drawn."""
        return any(row in rows for rows in self.rows.values())

    def slots(self) -> dict[int, int]:
        """Give the tensor parallel widths that are drawn, and their places in the palette."""
        if self._view is None:
            return {}
        drawn = set(self._view.widths[self.rows["candidates"]].tolist())
        slots = _slots(self._view)
        return {width: slot for width, slot in slots.items() if width in drawn}

    def rows_within(self, across: Iterable[float], up: Iterable[float]) -> tuple[int, ...]:
        """Give the plans in a rectangle of places, drawn or not."""
        if self._view is None:
            return ()
        inside = np.ones(len(self._view.rejected), dtype=bool)
        for sides, values, ends in zip((across, up), self._view.values, self.ends, strict=True):
            low, *_, high = sorted(sides)
            at = ends.places(values)
            inside &= (low <= at) & (at <= high)
        return tuple(int(row) for row in np.flatnonzero(inside))

    def _place(self, view: ChartView, rows: Rows) -> Curve:
        """Places of rows in the chart, from 0 to 1 along each axis; of those that have one."""
        rows = rows[view.known[rows]]
        across, up = (
            ends.places(values[rows]) for ends, values in zip(self.ends, view.values, strict=True)
        )
        return across, up

    def _draw_points(self, view: ChartView) -> None:
        for name, rows in self.rows.items():
            mark = getattr(self.plot, name)
            mark.x, mark.y = self._place(view, rows)
            mark.tooltip.value = ""
        slots, widths = _slots(view), view.widths[self.rows["candidates"]].tolist()
        self.plot.candidates.color = np.array([slots[width] for width in widths], dtype=np.float64)

    def _draw_front(self, view: ChartView, selected: int | None) -> None:
        """Draw the front, its band, the recommended plan, and the band of the selected, else its.

        The other curves are drawn in the order that the plot has them.
        """
        best = _alone(view.evaluation.recommended)
        pointed = best if selected is None else _alone(selected)
        self.recommended = self._place(view, best)
        stairs = partial(steps, level_first=view.axes[0].small)
        low, high = self._band_ends(view, view.front)
        with self.plot.front.hold_sync():
            self.plot.front.x, self.plot.front.y = together(
                outline(stairs(*low), stairs(*high)),
                stairs(*self._place(view, view.front)),
                self._bar(view, pointed),
                self.recommended,
                self.recommended,
            )

    def _band_ends(self, view: ChartView, rows: Rows) -> tuple[Curve, Curve]:
        """Places of the low and of the high ends of plans' 80 % bands."""
        if view.bands is None or view.banded is None:
            return NO_CURVE, NO_CURVE
        rows = rows[view.known[rows]]
        at, (across, up) = view.banded, self._place(view, rows)
        low, high = (self.ends[at].places(ends[rows]) for ends in view.bands)
        return ((low, up), (high, up)) if at == 0 else ((across, low), (across, high))

    def _bar(self, view: ChartView, rows: Rows) -> Curve:
        (low_across, low_up), (high_across, high_up) = self._band_ends(view, rows)
        if view.banded == 0:
            return bar(low_across, high_across, low_up)
        along, other = bar(low_up, high_up, low_across)
        return other, along

    def _draw_limits(self, view: ChartView) -> None:
        across, up = (
            None if limit is None else float(ends.places(np.array(limit)))
            for limit, ends in zip(view.limits, self.ends, strict=True)
        )
        with self.plot.limit.hold_sync():
            self.plot.limit.x, self.plot.limit.y = cross_lines(across, up)

    def _draw_axes(
        self, view: ChartView, rows: Rows, compared: tuple[ComparedFront, ...], *, stay: bool
    ) -> None:
        new = tuple(self._new_ends(view, at, rows, compared) for at in (0, 1))
        across, up = (
            old.follow(ends) if stay else ends for old, ends in zip(self.ends, new, strict=True)
        )
        self.ends = across, up
        widgets = self.plot.x_axis, self.plot.y_axis
        for widget, ends, axis in zip(widgets, self.ends, view.axes, strict=True):
            at, widget.tick_labels = ends.ticks()
            widget.tick_values = np.array(at)
            widget.label = axis.label

    def _new_ends(
        self, view: ChartView, at: int, rows: Rows, compared: tuple[ComparedFront, ...]
    ) -> Ends:
        """Give ends that show plans drawn, bands of those that fit, limits and other fronts."""
        along = view.values[at]
        shown: list[Any] = [along[rows]]
        if view.bands is not None and view.banded == at:
            shown += [ends[self.rows["candidates"]] for ends in view.bands]
        for other in compared:
            if other.view is not None:
                shown.append(other.view.values[at][other.view.front])
        if (limit := view.limits[at]) is not None:
            shown.append([limit])
        return Ends(*limits(np.concatenate(shown)))


def _front_last(view: ChartView, rows: Rows) -> Rows:
    """Order rows so that the front, and the recommended plan on it, take a click: drawn last."""
    above = np.isin(rows, view.front).astype(np.intp) + (rows == view.evaluation.recommended)
    return rows[np.argsort(above, kind="stable")]


def _alone(row: int | None) -> Rows:
    return NO_ROWS if row is None else np.array([row], dtype=np.intp)


def _slots(view: ChartView) -> dict[int, int]:
    return colour_slots(view.widths.tolist())
