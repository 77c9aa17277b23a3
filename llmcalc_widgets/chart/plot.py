"""The figure: its scales, axes and marks, made once and only given new arrays afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from bqplot import (
    Axis,
    Figure,
    LinearScale,
    Lines,
    OrdinalColorScale,
    Scatter,
)
from bqplot.interacts import BrushSelector
from ipywidgets import HTML, Layout

from llmcalc_widgets.chart.palette import BACK, FAINT, GREY, PALETTE, STRONG

_NOTHING = np.array([], dtype=np.float64)
_NO_BOX = {
    "opacity": 1, "pointer-events": "none", "border": "none", "box-shadow": "none",
    "background": "none",
}  # fmt: skip
"""Of a tooltip: its words have a box of their own, which is not there where they are not."""

_HEIGHT = "clamp(350px, 45vh, 520px)"
"""Of the figure: whole in a window of 1366 x 768, below what is asked and answered."""

_MARGINS = {"top": 8, "bottom": 44, "left": 64, "right": 18}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plot:
    """The widgets of the figure.

    Attributes
    ----------
    x, y : LinearScale
        Latency and throughput per device, from 0 to 1 between the ends of their axes. They stay:
        the browser draws every mark again for each end of a scale that changes.
    x_axis, y_axis : Axis
        Their axes.
    front : Lines
        Curves: the 80 % band of the Pareto front as a filled outline, the front as steps, the band
        of the plan pointed at as a line with ends, and twice the place of the recommended plan,
        where the style sheet draws a diamond and its inside. They are one mark, below all others,
        as every mark costs each change some milliseconds.
    selected : Scatter
        A ring around one point, below the candidates.
    limit : Lines
        The latency limit.
    rejected, candidates : Scatter
        The plans.
    brush : BrushSelector
        A rectangle to drag.
    figure : Figure
        All of it.
    """

    x: LinearScale
    y: LinearScale
    x_axis: Axis
    y_axis: Axis
    front: Lines
    selected: Scatter
    limit: Lines
    rejected: Scatter
    candidates: Scatter
    brush: BrushSelector
    figure: Figure

    @contextmanager
    def one_update(self) -> Iterator[None]:
        """Send every change made inside as one message per widget, the many marks last.

        Then the browser paints once: it would paint after the marks, and again after the axes.
        The axes are left out, as their labels must be there before the ticks that wear them.
        """
        with ExitStack() as stack:
            for field in reversed(fields(self)):
                widget = getattr(self, field.name)
                if not isinstance(widget, Axis):
                    stack.enter_context(widget.hold_sync())
            yield

    def add_lines(self) -> Lines:
        """Add a mark of curves that wear their names, above all others."""
        lines = _line({"x": self.x, "y": self.y}, labels_visibility="label", stroke_width=2.4)
        self.figure.marks = [*self.figure.marks, lines]
        return lines


def make_plot() -> Plot:
    """Make the figure, still without data."""
    scales = {"x": LinearScale(min=0.0, max=1.0), "y": LinearScale(min=0.0, max=1.0)}
    x_axis = Axis(scale=scales["x"], grid_lines="none", label_offset="34px")
    y_axis = Axis(scale=scales["y"], side="left", grid_lines="solid", label_offset="50px")
    own = {
        "front": _line(
            scales,
            colors=["transparent", STRONG, STRONG, STRONG, BACK],
            opacities=[1.0, 0.7, 1.0, 1.0, 1.0],
            fill="inside",
            fill_colors=[FAINT, *["transparent"] * 4],
            fill_opacities=[0.25, *[0.0] * 4],
        ),
        "selected": _ring(scales),
        "limit": _line(scales, colors=[STRONG], line_style="dashed"),
        "rejected": _points(
            scales, marker="cross", colors=[GREY], default_size=34, opacities=[0.75]
        ),
        "candidates": _points(
            {
                **scales,
                "color": OrdinalColorScale(domain=[*range(len(PALETTE))], colors=[*PALETTE]),
            },
            marker="circle",
            default_size=44,
            stroke=FAINT,
            stroke_width=0.6,
            color=_NOTHING,
        ),
    }
    figure = Figure(
        marks=list(own.values()),
        axes=[x_axis, y_axis],
        fig_margin=_MARGINS,
        padding_y=0.0,
        animation_duration=0,
        display_toolbar=False,
        layout=Layout(flex="0 0 auto", width="auto", min_width="0", height=_HEIGHT),
    )
    brush = BrushSelector(x_scale=scales["x"], y_scale=scales["y"], marks=[], color="#0072B2")
    return Plot(**scales, **own, x_axis=x_axis, y_axis=y_axis, brush=brush, figure=figure)


def _ring(scales: dict[str, Any]) -> Scatter:
    return Scatter(
        x=_NOTHING,
        y=_NOTHING,
        scales=scales,
        marker="circle",
        default_size=190,
        fill=False,
        stroke=STRONG,
        stroke_width=2.0,
        colors=[GREY],
        preserve_domain={"x": True, "y": True},
        interactions={},
        enable_hover=False,
    )


def _line(scales: dict[str, Any], **style: Any) -> Lines:  # noqa: ANN401
    return Lines(
        x=_NOTHING,
        y=_NOTHING,
        scales=scales,
        preserve_domain={"x": True, "y": True},
        interactions={},
        **{"stroke_width": 1.6, **style},
    )


def _points(scales: dict[str, Any], **style: Any) -> Scatter:  # noqa: ANN401
    tooltip = HTML()
    tooltip.add_class("llmcalc-tooltip")
    return Scatter(
        x=_NOTHING,
        y=_NOTHING,
        scales=scales,
        display_names=False,
        tooltip=tooltip,
        tooltip_style=_NO_BOX,
        interactions={"click": "select", "hover": "tooltip"},
        preserve_domain={"x": True, "y": True, "color": True},
        **style,
    )
