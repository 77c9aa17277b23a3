"""The figure of a load curve: percentiles of a latency over requests per second."""

from __future__ import annotations

from contextlib import ExitStack
from html import escape
from typing import Any

import numpy as np
from bqplot import Axis, Figure, LinearScale, Lines, Scatter
from ipywidgets import Layout

from llmcalc_widgets.chart.axes import Values
from llmcalc_widgets.chart.curves import NO_CURVE, Curve, cross_lines, together
from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.load_view import DRAWN, LoadView
from llmcalc_widgets.chart.palette import FAINT, STRONG
from llmcalc_widgets.chart.ticks import MOST_TICKS, Ends, even_ticks, limits, placed_ticks
from llmcalc_widgets.settings.load import PERCENTILES
from llmcalc_widgets.text.units import number, seconds

COLOURS = {
    "mean": "#8D6E63",
    "p50": "#00796B",
    "p90": "#0072B2",
    "p95": "#7B5EA7",
    "p99": "#C2185B",
}
"""Of percentiles; 3:1 on white and on black."""

_MARGINS = {"top": 12, "bottom": 46, "left": 64, "right": 18}
_BEYOND = 1.03
"""How far the axis of rates goes beyond the last of them [1]."""

_REACH = 30.0
"""A limit is drawn up to this factor beyond the latencies."""

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
        self._across = Axis(
            scale=self._scales["x"], label="Requests per second of one replica",
            grid_lines="none", label_offset="34px",
        )  # fmt: skip
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
        across, up = _BEYOND * float(view.rates.max()), up_ends(view)
        even = even_ticks(0.0, across, MOST_TICKS)
        _write(self._across, placed_ticks(even, np.array(even) / across))
        _write(self._up, up.ticks())
        self._up.label = view.quantity.label
        places = view.rates / across
        with ExitStack() as stack:
            for mark in self._marks:
                stack.enter_context(mark.hold_sync())
            self._put(self.lines, together(*(_places(view, name, across, up) for name in DRAWN)))
            chosen = _places(view, view.percentile, across, up)
            self._put(self.chosen, chosen)
            self._put(self.points, chosen)
            self.chosen.colors = self.points.colors = [COLOURS[view.percentile]]
            self._put(self.limit, cross_lines(None, limit_place(view, up)))
            self._put(self.reached, cross_lines(_within(view, places), None))
            self._put(self.here, cross_lines(_here(view, across), None))
            self._put(self.shade, _shaded(view, places))

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


def _write(axis: Axis, ticks: tuple[list[float], dict[str, str]]) -> None:
    """Write the labels of ticks, then where these are."""
    at, axis.tick_labels = ticks
    axis.tick_values = np.array(at)


def _places(view: LoadView, percentile: str, across: float, up: Ends) -> Curve:
    """Give the places of a percentile at every rate; none where it is not known."""
    if not view.known:
        return NO_CURVE
    return view.rates / across, up.places(_shown(view, percentile))


def _shown(view: LoadView, percentile: str) -> Values:
    """Give a percentile at every rate as the axis shows it."""
    return view.quantity.shown(view.seconds(percentile))


def _limit_shown(view: LoadView) -> float | None:
    """Give the limit as the axis shows it, where it is near enough to the latencies."""
    if view.limit_s is None or not view.known:
        return None
    limit = float(view.quantity.shown(np.array(view.limit_s)))
    low, high = limits(_drawn(view))
    return limit if low / _REACH < limit < high * _REACH else None


def _drawn(view: LoadView) -> Values:
    """Give every value that is drawn."""
    return np.concatenate([_shown(view, name) for name in dict.fromkeys([*DRAWN, view.percentile])])


def up_ends(view: LoadView) -> Ends:
    """Give ends of the axis up that show all lines, and the limit."""
    limit = _limit_shown(view)
    return Ends(*limits(np.append(_drawn(view), [] if limit is None else [limit])))


def limit_place(view: LoadView, up: Ends) -> float | None:
    """Give the place of the limit, where it is near enough to the latencies."""
    limit = _limit_shown(view)
    return None if limit is None else float(up.places(np.array(limit)))


def _within(view: LoadView, places: Values) -> float | None:
    """Give the place of the largest rate that keeps the limit, where there is one."""
    if view.limit_s is None or view.within is None or not view.known:
        return None
    return float(places[view.within])


def _here(view: LoadView, across: float) -> float | None:
    """Give the place of the plan's own rate, where the axis has it."""
    if view.here is None or not view.here.rate < across:
        return None
    return view.here.rate / across


def _shaded(view: LoadView, places: Values) -> Curve:
    """Go around the rates at which the server does not keep up."""
    if view.overloaded is None:
        return NO_CURVE
    left = float(places[view.overloaded])
    return np.array([left, 2.0, 2.0, left]), np.array([-1.0, -1.0, 2.0, 2.0])
