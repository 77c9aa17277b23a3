"""What is drawn of a load curve, as places: for the live plot, and for its still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcalc_widgets.chart.axes import Values
from llmcalc_widgets.chart.curves import NO_CURVE, Curve
from llmcalc_widgets.chart.load_view import DRAWN, LoadView
from llmcalc_widgets.chart.specification import Box, Dots, Line, Mark, Specification, Ticks
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

_BEYOND = 1.03
"""How far the axis of rates goes beyond the last of them [1]."""

_REACH = 30.0
"""A limit is drawn up to this factor beyond the latencies."""

_WHOLE = np.array([0.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLines:
    """Places of a load curve, from 0 to 1 along both axes; the one up is logarithmic.

    Attributes
    ----------
    across, up : Ticks
        The axes: requests per second, and a latency.
    percentiles : mapping of str to Curve
        The latency at every rate, of the percentiles that are drawn; empty where it is not known.
    limit, reached, here, overload : float or None
        The limit on the latency (up); across, the largest rate that keeps it, the plan's own rate,
        and the first at which the server does not keep up.
    """

    across: Ticks
    up: Ticks
    percentiles: Mapping[str, Curve]
    limit: float | None
    reached: float | None
    here: float | None
    overload: float | None


def load_lines(view: LoadView) -> LoadLines:
    """Place everything that is drawn of a curve as it is looked at."""
    widest, ends = _BEYOND * float(view.rates.max()), _ends(view)
    even = even_ticks(0.0, widest, MOST_TICKS)
    across, across_labels = placed_ticks(even, np.array(even) / widest)
    up, up_labels = ends.ticks()
    limit = _limit_shown(view)
    keeps = None if view.limit_s is None or not view.known else view.within
    here = None if view.here is None or not view.here.rate < widest else view.here.rate
    names = [name for name in PERCENTILES if name in {*DRAWN, view.percentile}]
    return LoadLines(
        across=Ticks(
            title="Requests per second of one replica",
            places=across,
            labels=[*across_labels.values()],
            grid=False,
        ),
        up=Ticks(title=view.quantity.label, places=up, labels=[*up_labels.values()]),
        percentiles={
            name: (view.rates / widest, ends.places(_shown(view, name))) if view.known else NO_CURVE
            for name in names
        },
        limit=None if limit is None else float(ends.places(np.array(limit))),
        reached=None if keeps is None else float(view.rates[keeps]) / widest,
        here=None if here is None else here / widest,
        overload=None if view.overloaded is None else float(view.rates[view.overloaded]) / widest,
    )


def load_specification(view: LoadView) -> Specification:
    """Describe a curve whose requests have the latency that is looked at."""
    lines = load_lines(view)
    marks: list[Mark] = []
    if lines.overload is not None:
        size = 1 - lines.overload, 1.0
        marks.append(
            Box(corner=(lines.overload, 0), size=size, fill="faint", opacity=0.22, name="overload")
        )
    if lines.here is not None and view.here is not None:
        words = f"{view.here.words}: {number(view.here.rate)} requests/s"
        marks.append(_upright(lines.here, colour="faint", width=1.2, name=words))
    if lines.limit is not None and view.limit_s is not None:
        level = np.array([lines.limit] * 2)
        words = f"limit {seconds(view.limit_s)}"
        marks.append(Line(x=_WHOLE, y=level, style="dashed", width=1.4, name=words))
    if lines.reached is not None and view.within is not None:
        words = f"within the limit up to {number(view.rates[view.within])} requests/s"
        marks.append(_upright(lines.reached, style="dotted", width=1.2, name=words))
    for name, (x, y) in reversed([*lines.percentiles.items()]):
        chosen = name == view.percentile
        marks.append(Line(x=x, y=y, colour=COLOURS[name], width=3.2 if chosen else 2.0, name=name))
        if chosen:
            marks.append(Dots(x=x, y=y, fill=COLOURS[name], edge=COLOURS[name]))
    return Specification(across=lines.across, up=lines.up, marks=marks)


def _upright(at: float, **look: Any) -> Line:  # noqa: ANN401 - fields of a line
    return Line(x=np.array([at] * 2), y=_WHOLE, **look)


def _ends(view: LoadView) -> Ends:
    """Give ends of the axis up that show all lines, and the limit."""
    limit = _limit_shown(view)
    return Ends(*limits(np.append(_drawn(view), [] if limit is None else [limit])))


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
