"""A scene's values as arrays of the figure's marks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from llmcalc_widgets.chart.compared_lines import RivalLines
from llmcalc_widgets.chart.figures import (
    NO_CURVE,
    Curve,
    bar,
    cross_lines,
    outline,
    steps,
    together,
)
from llmcalc_widgets.chart.front_comparison import Rival
from llmcalc_widgets.chart.palette import colour_slots
from llmcalc_widgets.chart.plot import make_plot
from llmcalc_widgets.chart.sample import drawn_rows
from llmcalc_widgets.chart.scene import Rows, Scene
from llmcalc_widgets.chart.ticks import Ends, limits

NO_ROWS = np.array([], dtype=np.intp)


class Drawing:
    """The figure, and which plans are where in it.

    Attributes
    ----------
    plot : Plot
        The widgets.
    rows : dict of str to array of int
        Rows of the plans in each scatter, in its order.
    ends : tuple of two Ends
        Ends of the axes across and up.
    recommended : array, array
        Where the recommended plan is, across and up; empty if there is none.
    rival_lines : RivalLines
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
        self._scene: Scene | None = None
        self.rival_lines = RivalLines(self.plot)

    def draw(self, scene: Scene, selected: int | None, rivals: tuple[Rival, ...] = ()) -> None:
        """Draw a scene, with a plan of it selected, and rivals beside its front."""
        before, self._scene = self._scene, scene
        pointed = (scene.evaluation.recommended, selected)
        always = [row for row in pointed if row is not None and scene.known[row]]
        rows = drawn_rows(scene, always)
        out = scene.rejected[rows]
        self.rows = {"candidates": rows[~out], "rejected": rows[out]}
        same = before is not None and before.alike(scene)
        with self.plot.one_update():
            self._draw_axes(scene, rows, rivals, stay=same)
            self.rival_lines.draw(rivals, self.ends)
            self._draw_points(scene)
            self._draw_limits(scene)
            self.mark(selected)
            self.plot.brush.selected_x = self.plot.brush.selected_y = None

    def mark(self, row: int | None) -> None:
        """Put ring and bar on a plan, and tell both scatters that it is selected."""
        scene = self._scene
        if scene is None:
            return
        self._draw_front(scene, row)
        self.marking = True
        with self.plot.selected.hold_sync():
            self.plot.selected.x, self.plot.selected.y = self._place(scene, _alone(row))
        for name, rows in self.rows.items():
            at = np.flatnonzero(rows == row) if row is not None else NO_ROWS
            getattr(self.plot, name).selected = at if len(at) else None
        self.marking = False

    def shows(self, row: int) -> bool:
        """Say whether a plan is drawn."""
        return any(row in rows for rows in self.rows.values())

    def slots(self) -> dict[int, int]:
        """Give the tensor parallel widths that are drawn, and their places in the palette."""
        if self._scene is None:
            return {}
        drawn = set(self._scene.widths[self.rows["candidates"]].tolist())
        slots = _slots(self._scene)
        return {width: slot for width, slot in slots.items() if width in drawn}

    def rows_within(self, across: Iterable[float], up: Iterable[float]) -> tuple[int, ...]:
        """Give the plans in a rectangle of places, drawn or not."""
        if self._scene is None:
            return ()
        inside = np.ones(len(self._scene.rejected), dtype=bool)
        for sides, values, ends in zip((across, up), self._scene.figures, self.ends, strict=True):
            low, *_, high = sorted(sides)
            at = ends.places(values)
            inside &= (low <= at) & (at <= high)
        return tuple(int(row) for row in np.flatnonzero(inside))

    def _place(self, scene: Scene, rows: Rows) -> Curve:
        """Places of rows in the chart, from 0 to 1 along each axis; of those that have one."""
        rows = rows[scene.known[rows]]
        across, up = (
            ends.places(values[rows]) for ends, values in zip(self.ends, scene.figures, strict=True)
        )
        return across, up

    def _draw_points(self, scene: Scene) -> None:
        for name, rows in self.rows.items():
            mark = getattr(self.plot, name)
            mark.x, mark.y = self._place(scene, rows)
            mark.tooltip.value = ""
        slots, widths = _slots(scene), scene.widths[self.rows["candidates"]].tolist()
        self.plot.candidates.color = np.array([slots[width] for width in widths], dtype=np.float64)

    def _draw_front(self, scene: Scene, selected: int | None) -> None:
        """Draw the front, its band, the recommended plan, and the band of the selected, else its.

        The other curves are drawn in the order that the plot has them.
        """
        best = _alone(scene.evaluation.recommended)
        pointed = best if selected is None else _alone(selected)
        self.recommended = self._place(scene, best)
        stairs = partial(steps, level_first=scene.axes[0].small)
        low, high = self._band_ends(scene, scene.front)
        with self.plot.front.hold_sync():
            self.plot.front.x, self.plot.front.y = together(
                outline(stairs(*low), stairs(*high)),
                stairs(*self._place(scene, scene.front)),
                self._bar(scene, pointed),
                self.recommended,
                self.recommended,
            )

    def _band_ends(self, scene: Scene, rows: Rows) -> tuple[Curve, Curve]:
        """Places of the low and of the high ends of plans' 80 % bands."""
        if scene.bands is None or scene.banded is None:
            return NO_CURVE, NO_CURVE
        rows = rows[scene.known[rows]]
        at, (across, up) = scene.banded, self._place(scene, rows)
        low, high = (self.ends[at].places(ends[rows]) for ends in scene.bands)
        return ((low, up), (high, up)) if at == 0 else ((across, low), (across, high))

    def _bar(self, scene: Scene, rows: Rows) -> Curve:
        (low_across, low_up), (high_across, high_up) = self._band_ends(scene, rows)
        if scene.banded == 0:
            return bar(low_across, high_across, low_up)
        along, other = bar(low_up, high_up, low_across)
        return other, along

    def _draw_limits(self, scene: Scene) -> None:
        across, up = (
            None if limit is None else float(ends.places(np.array(limit)))
            for limit, ends in zip(scene.limits, self.ends, strict=True)
        )
        with self.plot.limit.hold_sync():
            self.plot.limit.x, self.plot.limit.y = cross_lines(across, up)

    def _draw_axes(
        self, scene: Scene, rows: Rows, rivals: tuple[Rival, ...], *, stay: bool
    ) -> None:
        new = tuple(self._new_ends(scene, at, rows, rivals) for at in (0, 1))
        across, up = (
            old.follow(ends) if stay else ends for old, ends in zip(self.ends, new, strict=True)
        )
        self.ends = across, up
        widgets = self.plot.x_axis, self.plot.y_axis
        for widget, ends, axis in zip(widgets, self.ends, scene.axes, strict=True):
            at, widget.tick_labels = ends.ticks()
            widget.tick_values = np.array(at)
            widget.label = axis.label

    def _new_ends(self, scene: Scene, at: int, rows: Rows, rivals: tuple[Rival, ...]) -> Ends:
        """Give ends that show the plans drawn, the bands of those that fit, limits and rivals."""
        along = scene.figures[at]
        shown: list[Any] = [along[rows]]
        if scene.bands is not None and scene.banded == at:
            shown += [ends[self.rows["candidates"]] for ends in scene.bands]
        for rival in rivals:
            if rival.scene is not None:
                shown.append(rival.scene.figures[at][rival.scene.front])
        if (limit := scene.limits[at]) is not None:
            shown.append([limit])
        return Ends(*limits(np.concatenate(shown)))


def _alone(row: int | None) -> Rows:
    return NO_ROWS if row is None else np.array([row], dtype=np.intp)


def _slots(scene: Scene) -> dict[int, int]:
    return colour_slots(scene.widths.tolist())
