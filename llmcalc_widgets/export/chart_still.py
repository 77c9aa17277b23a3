"""The still of the chart of all plans."""

from __future__ import annotations

from typing import Any

from llmcalc_widgets.chart.captions import status_words
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.legend import coloured_words, limits_words
from llmcalc_widgets.chart.palette import GREY, PALETTE
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.export.stills import (
    FAINT,
    GRID,
    INK,
    add_legend,
    add_title,
    open_sides,
    title_high,
)
from llmcalc_widgets.text.request_words import question_words

_LEFT, _BOTTOM, _WIDTH = 0.085, 0.205, 0.9
"""Where the chart is in the picture, the legend below it and the title above."""


def paint_chart(figure: Any, drawing: Drawing, view: ChartView) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw what the chart draws, with its title, axes, legend and count.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    drawing : Drawing
        Whose arrays are drawn.
    view : ChartView
        What they are of.
    """
    drawn = sum(map(len, drawing.rows.values()))
    words = *question_words(view.evaluation.request), status_words(view, drawn, None)
    add_title(figure, words)
    _, high = figure.get_size_inches()
    axes = figure.add_axes((_LEFT, _BOTTOM, _WIDTH, 1 - _BOTTOM - title_high(words) / high))
    handles = _draw(axes, drawing, view)
    _label(axes, drawing)
    handles += _limits(axes, drawing, view) + _compared(axes, drawing)
    add_legend(figure, handles)


def _draw(axes: Any, drawing: Drawing, view: ChartView) -> list[Any]:  # noqa: ANN401 - as above
    """Draw every mark of the chart in its order, and give those that the legend names."""
    plot, slots = drawing.plot, drawing.slots()
    (band, front, bar, *_), (band_up, front_up, bar_up, *_) = plot.front.x, plot.front.y
    areas = axes.fill(band, band_up, color=FAINT, alpha=0.25, lw=0, label="80 % band")
    handles = axes.plot(front, front_up, color=INK, lw=1.4, label="front")
    handles += areas if view.banded is not None else []
    axes.plot(bar, bar_up, color=INK, lw=1.4)
    pointed = {"recommended": drawing.recommended, "selected": (plot.selected.x, plot.selected.y)}
    for (label, place), shape, size in zip(pointed.items(), "Do", (110, 120), strict=True):
        ring = axes.scatter(*place, size, "none", marker=shape, edgecolors=INK, lw=1.8, label=label)
        handles += [ring] if len(place[0]) else []
    axes.scatter(plot.rejected.x, plot.rejected.y, 30, GREY, marker="P", lw=0, alpha=0.75)
    hues = [PALETTE[int(slot)] for slot in plot.candidates.color]
    axes.scatter(plot.candidates.x, plot.candidates.y, 26, hues, edgecolors=FAINT, lw=0.5)
    shown = [
        (PALETTE[slot], "o", coloured_words(view, [str(width)])) for width, slot in slots.items()
    ]
    shown += [(GREY, "P", "rejected")] if len(plot.rejected.x) else []
    named = [
        axes.scatter([], [], 30, hue, marker=shape, label=label) for hue, shape, label in shown
    ]
    return [*named, *(handles if slots else [])]


def _limits(axes: Any, drawing: Drawing, view: ChartView) -> list[Any]:  # noqa: ANN401
    """Draw the limits, and give those that the legend names."""
    named: list[Any] = []
    plot = drawing.plot.limit
    for across, up, words in zip(plot.x, plot.y, limits_words(view), strict=True):
        if words:
            named += axes.plot(across, up, color=INK, lw=1.4, ls="--", label=words)
    return named


def _compared(axes: Any, drawing: Drawing) -> list[Any]:  # noqa: ANN401
    """Draw the fronts beside the present one, and give those that the legend names."""
    lines = drawing.compared_lines.lines
    if lines is None:
        return []
    named = zip(lines.x, lines.y, lines.colors, drawing.compared_lines.names, strict=False)
    return [
        curve
        for across, up, colour, name in named
        for curve in axes.plot(across, up, color=colour, lw=2, label=f"front: {name}")
    ]


def _label(axes: Any, drawing: Drawing) -> None:  # noqa: ANN401
    """Write ticks and what the axes show; names are text, never formulas."""
    plot = drawing.plot
    for axis, widget in ((axes.xaxis, plot.x_axis), (axes.yaxis, plot.y_axis)):
        axis.set_ticks(widget.tick_values, list(widget.tick_labels.values()))
        axis.set_label_text(widget.label, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(axis="y", color=GRID, lw=0.8)
    open_sides(axes)
