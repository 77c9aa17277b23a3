"""The chart of estimates over measurements: a point on the diagonal is right."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from bqplot import Axis, Figure, LinearScale, Lines, OrdinalColorScale, Scatter
from ipywidgets import HTML, Layout, VBox, Widget
from numpy.typing import NDArray

from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.palette import FAINT, PALETTE, STRONG
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.text.units import seconds
from llmcalc_widgets.transport.disposal import Disposal, parts_of

COLUMNS = ("device", "model", "engine", "measured_ms", "estimated_ms")
"""Columns that the chart reads; ``not_trusted``, text or blank, may be among the others."""

WITHIN = 0.25
"""Half of the shaded band: the share that an estimate may be off."""

_TOOLTIP_LETTERS = 50
_MARGINS = {"top": 12, "bottom": 46, "left": 64, "right": 18}
_DOT = '<circle cx="6" cy="6" r="4.5" fill="{colour}"/>'
_HOLLOW = '<circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.6"/>'
_DIAGONAL = '<path d="M1 11L13 1" stroke="currentColor" stroke-width="1.6"/>'
_BAND = '<rect y="1" width="14" height="10" fill="currentColor" opacity="0.25"/>'


_CSS = ".llmcalc-measured path.dot { pointer-events: all; }"
"""A hollow point is hit inside too."""


class MeasuredChart(VBox):
    """Draws what was estimated over what was measured, both on one logarithmic scale.

    Parameters
    ----------
    points : DataFrame
        A row per point with :data:`COLUMNS`, as :func:`llmcalc_core.validation.errors` gives them.
        Points with words in ``not_trusted`` are hollow, and the words are in their tooltip.
    title : str
        What is drawn.
    devices : sequence of str, optional
        All devices that several charts show, so that each has one colour in all of them.

    Raises
    ------
    ValueError
        If a column is missing, or a time is not above zero.
    """

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(self, points: pd.DataFrame, title: str, *, devices: Sequence[str] = ()) -> None:
        self.points = _checked(points)
        coloured = [*dict.fromkeys([*devices, *sorted(set(self.points["device"]))])]
        self._slots = {name: slot % len(PALETTE) for slot, name in enumerate(coloured)}
        doubted = (self.points["not_trusted"] != "").to_numpy()
        times = self.points[["measured_ms", "estimated_ms"]].to_numpy(dtype=np.float64)
        self._ends = Ends(*limits(times.ravel()))
        scales = {
            "x": LinearScale(min=0.0, max=1.0),
            "y": LinearScale(min=0.0, max=1.0),
            "color": OrdinalColorScale(domain=[*range(len(PALETTE))], colors=[*PALETTE]),
        }
        self.trusted = self._scatter(scales, np.flatnonzero(~doubted), fill=True)
        self.doubted = self._scatter(scales, np.flatnonzero(doubted), fill=False)
        self.figure = Figure(
            marks=[*self._lines(scales), self.doubted, self.trusted],
            axes=self._axes(scales),
            fig_margin=_MARGINS,
            padding_y=0.0,
            animation_duration=0,
            display_toolbar=False,
            layout=Layout(flex="0 0 auto", width="auto", min_width="0", height="400px"),
        )
        super().__init__(
            [
                style_sheet(),
                HTML(f"<style>{_CSS}</style><h3>{escape(title)}</h3>"),
                HTML(self._legend(any_doubted=bool(doubted.any()))),
                self.figure,
                HTML(f'<div class="llmcalc-status">{self._status(doubted)}</div>'),
            ],
            layout=Layout(flex="1 1 400px", min_width="320px", margin="0 0 14px 0"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-chart")
        self.add_class("llmcalc-measured")
        self._disposal = Disposal()
        self._parts = parts_of(self)

    def close(self) -> None:
        """Close the chart with every widget that it made."""
        parts, self._parts = self._parts, ()
        if parts:
            self._disposal.close_all(self, parts)
        super().close()

    def _scatter(self, scales: dict[str, Any], rows: NDArray[np.intp], *, fill: bool) -> Scatter:
        """Make a point for each row; its tooltip is written when the mouse is on it."""
        tooltip = HTML()
        tooltip.add_class("llmcalc-tooltip")
        own = self.points.iloc[rows]
        mark = Scatter(
            x=self._ends.places(own["measured_ms"].to_numpy()),
            y=self._ends.places(own["estimated_ms"].to_numpy()),
            color=np.array([self._slots[name] for name in own["device"]], dtype=np.float64),
            scales=scales,
            fill=fill,
            stroke_width=0.6 if fill else 1.8,
            stroke=FAINT if fill else None,
            default_size=50,
            tooltip=tooltip,
            tooltip_style={"opacity": 1, "pointer-events": "none"},
            interactions={"hover": "tooltip"},
            preserve_domain={"x": True, "y": True, "color": True},
        )

        def hovered(_: Scatter, message: dict[str, Any]) -> None:
            at = message.get("data", {}).get("index")
            if isinstance(at, int) and 0 <= at < len(rows):
                tooltip.value = escape(self.words(int(rows[at])))

        mark.on_hover(hovered)
        return mark

    def words(self, row: int) -> str:
        """Describe a point in lines of text."""
        point = self.points.iloc[row]
        measured, estimated = point["measured_ms"] / 1e3, point["estimated_ms"] / 1e3
        error = round(estimated / measured - 1, 2) + 0.0
        lines = [
            f"{point['model']} on {point['device']}, {point['engine']}",
            f"measured {seconds(measured)}",
            f"estimated {seconds(estimated)} ({error:+.0%})",
        ]
        if point["not_trusted"]:
            lines += wrap(f"Not trusted: {point['not_trusted']}", _TOOLTIP_LETTERS)
        return "\n".join(lines)

    def _lines(self, scales: dict[str, Any]) -> list[Lines]:
        """Draw the band within which an estimate is near, and the diagonal where it is right."""
        ends = np.array([self._ends.low, self._ends.high])
        edges = [self._ends.places(ends * factor) for factor in (1 + WITHIN, 1 - WITHIN)]
        style = {
            "scales": {"x": scales["x"], "y": scales["y"]},
            "preserve_domain": {"x": True, "y": True},
            "interactions": {},
        }
        band = Lines(
            x=[0.0, 1.0, 1.0, 0.0],
            y=np.concatenate([edges[0], edges[1][::-1]]),
            colors=[FAINT],
            stroke_width=0.0,
            close_path=True,
            fill="inside",
            fill_colors=[FAINT],
            fill_opacities=[0.25],
            **style,
        )
        diagonal = Lines(x=[0.0, 1.0], y=[0.0, 1.0], colors=[STRONG], stroke_width=1.6, **style)
        return [band, diagonal]

    def _axes(self, scales: dict[str, Any]) -> list[Axis]:
        places, labels = self._ends.ticks()
        shared = {"tick_values": np.array(places), "tick_labels": labels}
        return [
            Axis(scale=scales["x"], label="Measured [ms]", label_offset="34px",
                 grid_lines="none", **shared),
            Axis(scale=scales["y"], label="Estimated [ms]", label_offset="50px",
                 side="left", grid_lines="none", **shared),
        ]  # fmt: skip

    def _legend(self, *, any_doubted: bool) -> str:
        entries = [
            f"{drawing(_DOT.format(colour=PALETTE[self._slots[name]]))}{escape(name)}"
            for name in self._slots
            if name in set(self.points["device"])
        ]
        entries += [
            f"{drawing(_DIAGONAL, 14)}estimated = measured",
            f"{drawing(_BAND, 14)}within {WITHIN:.0%}",
        ]
        if any_doubted:
            entries.append(f"{drawing(_HOLLOW)}not trusted")
        spans = "".join(f"<span>{entry}</span>" for entry in entries)
        return f'<div class="llmcalc-legend">{spans}</div>'

    def _status(self, doubted: NDArray[np.bool_]) -> str:
        error = (self.points["estimated_ms"] / self.points["measured_ms"] - 1).to_numpy()
        near = int((np.abs(error) <= WITHIN).sum())
        words = f"{near} of {len(error)} estimates are within {WITHIN:.0%}"
        return f"{words}; {int(doubted.sum())} not trusted" if doubted.any() else words


def _checked(points: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in points]
    if missing:
        msg = f"points must have the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        raise ValueError(msg)
    if not (points[["measured_ms", "estimated_ms"]] > 0).to_numpy().all():
        msg = "measured_ms and estimated_ms of points must be above zero"
        raise ValueError(msg)
    doubts = points.get("not_trusted", "")
    return points[[*COLUMNS]].assign(not_trusted=doubts).fillna({"not_trusted": ""})
