"""The figure of a load curve: percentiles of a latency over requests per second."""

from __future__ import annotations

from contextlib import ExitStack
from html import escape
from typing import Any

import numpy as np
from bqplot import Axis, Figure, LinearScale, Lines, Scatter
from ipywidgets import Layout

from llmcalc_widgets.chart.curves import NO_CURVE, Curve, cross_lines, together
from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.load_lines import COLOURS, load_lines
from llmcalc_widgets.chart.load_view import DRAWN, LoadView
from llmcalc_widgets.chart.palette import FAINT, STRONG
from llmcalc_widgets.chart.ticks import placed_labels
from llmcalc_widgets.settings.load import PERCENTILES
from llmcalc_widgets.text.units import number, seconds

_MARGINS = {"top": 12, "bottom": 46, "left": 64, "right": 18}
_LINE = '<path d="M0 6H14" stroke="{colour}" stroke-width="{width}"/>'
_DASHED = '<path d="M0 6H14" stroke="currentColor" stroke-width="1.6" stroke-dasharray="4 2"/>'
_DOT = (
    '<path d="M7 0V12" stroke="currentColor" stroke-width="1.2" stroke-dasharray="2 2"/>'
    '<circle cx="7" cy="6" r="3.5" fill="currentColor"/>'
)
_UPRIGHT = '<path d="M7 0V12" stroke="currentColor" stroke-width="1.2"/>'
_SHADE = '<rect y="1" width="14" height="10" fill="currentColor" opacity="0.25"/>'


class LoadPlot:
    """The widgets of the figure, made once and only given new arrays afterwards.

    Places are from 0 to 1 along both axes, as in the chart of plans; the one up is logarithmic.

    Attributes
    ----------
    figure : Figure
        All of it.
    shade : Lines
        The rates at which the server does not keep up.
    here : Lines
        The rate of the plan that the curve is of.
    limit, reached : Lines
        The limit on the latency, and the largest rate that keeps it.
    lines, chosen : Lines
        The percentiles that are always drawn, and the one that is looked at.
    points : Scatter
        The one that is looked at, at the rates that were simulated.
    """

    def __init__(self) -> None:
        self._scales = {"x": LinearScale(min=0.0, max=1.0), "y": LinearScale(min=0.0, max=1.0)}
        self._across = Axis(scale=self._scales["x"], grid_lines="none", label_offset="34px")
        self._up = Axis(
            scale=self._scales["y"], side="left", grid_lines="solid", label_offset="50px"
        )
        self.shade = self._curve(
            colors=["transparent"], fill="inside", fill_colors=[FAINT], fill_opacities=[0.22]
        )
        self.here = self._curve(colors=[FAINT], stroke_width=1.2)
        self.limit = self._curve(colors=[STRONG], line_style="dashed")
        self.reached = self._curve(colors=[STRONG], line_style="dotted", stroke_width=1.2)
        self.lines = self._curve(colors=[COLOURS[name] for name in DRAWN], stroke_width=2.0)
        self.chosen = self._curve(stroke_width=3.2)
        self.points = Scatter(
            x=NO_CURVE[0], y=NO_CURVE[1], scales=self._scales, marker="circle", default_size=34,
            preserve_domain={"x": True, "y": True}, interactions={}, enable_hover=False,
        )  # fmt: skip
        self._marks = [
            self.shade, self.here, self.limit, self.reached, self.lines, self.chosen, self.points,
        ]  # fmt: skip
        self.figure = Figure(
            marks=self._marks,
            axes=[self._across, self._up],
            fig_margin=_MARGINS,
            padding_y=0.0,
            animation_duration=0,
            display_toolbar=False,
            layout=Layout(flex="0 0 auto", width="auto", min_width="0", height="320px"),
        )

    def draw(self, view: LoadView) -> None:
        """Draw a curve as it is looked at; nothing where its requests have no such latency."""
        lines = load_lines(view)
        for axis, ticks in ((self._across, lines.across), (self._up, lines.up)):
            axis.tick_labels = placed_labels(ticks.places, ticks.labels)
            axis.tick_values = np.array(ticks.places)
            axis.label = ticks.title
        with ExitStack() as stack:
            for mark in self._marks:
                stack.enter_context(mark.hold_sync())
            self._put(self.lines, together(*(lines.percentiles[name] for name in DRAWN)))
            chosen = lines.percentiles[view.percentile]
            self._put(self.chosen, chosen)
            self._put(self.points, chosen)
            self.chosen.colors = self.points.colors = [COLOURS[view.percentile]]
            self._put(self.limit, cross_lines(None, lines.limit))
            self._put(self.reached, cross_lines(lines.reached, None))
            self._put(self.here, cross_lines(lines.here, None))
            self._put(self.shade, _shaded(lines.overload))

    def _curve(self, **style: Any) -> Lines:  # noqa: ANN401 - bqplot is untyped
        return Lines(
            x=NO_CURVE[0],
            y=NO_CURVE[1],
            scales=self._scales,
            preserve_domain={"x": True, "y": True},
            interactions={},
            **{"stroke_width": 1.6, **style},
        )

    @staticmethod
    def _put(mark: Any, curve: Curve) -> None:  # noqa: ANN401 - bqplot is untyped
        mark.x, mark.y = curve


def load_legend(view: LoadView) -> str:
    """Write what the lines are, from above to below, in HTML."""
    shown = [name for name in PERCENTILES if name in {*DRAWN, view.percentile}]
    entries = [
        drawing(_LINE.format(colour=COLOURS[name], width=4 if name == view.percentile else 2), 14)
        + (f"<b>{name}</b>" if name == view.percentile else name)
        for name in reversed(shown)
    ]
    if view.limit_s is not None:
        entries.append(f"{drawing(_DASHED, 14)}limit {seconds(view.limit_s)}")
    if view.limit_s is not None and view.within is not None:
        rate = number(view.rates[view.within])
        entries.append(f"{drawing(_DOT, 14)}within the limit up to {rate} requests/s")
    if view.here is not None:
        rate = number(view.here.rate)
        entries.append(f"{drawing(_UPRIGHT, 14)}{escape(view.here.words)}: {rate} requests/s")
    if view.overloaded is not None:
        entries.append(f"{drawing(_SHADE, 14)}overload: waiting grows as long as requests come")
    spans = "".join(f"<span>{entry}</span>" for entry in entries)
    return f'<div class="llmcalc-legend">{spans}</div>'


def _shaded(left: float | None) -> Curve:
    """Go around the rates at which the server does not keep up."""
    if left is None:
        return NO_CURVE
    return np.array([left, 2.0, 2.0, left]), np.array([-1.0, -1.0, 2.0, 2.0])
