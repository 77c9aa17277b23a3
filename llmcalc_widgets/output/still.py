"""A still of the chart, for readers without a kernel: the same arrays, drawn by matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from llmcalc_widgets.view.drawing import Drawing
from llmcalc_widgets.view.palette import GREY, PALETTE
from llmcalc_widgets.view.scene import Scene
from llmcalc_widgets.view.sentences import question_words, status_words
from llmcalc_widgets.view.units import number

_INK, _FAINT = "#212121", "#777777"
_SIZE = (8.4, 5.6)  # inches
_DPI = 110
_PLACE = (0.085, 0.205, 0.9, 0.675)
"""Left, bottom, width and height of the chart in the picture, the legend below it."""

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "llmcalc", "font.size": 9}
"""Text stays text in an SVG, and the same picture is the same file."""


def picture(drawing: Drawing, scene: Scene, kind: str) -> bytes:
    """Draw what the chart draws, with its title, axes, legend and count.

    Parameters
    ----------
    drawing : Drawing
        Whose arrays are drawn.
    scene : Scene
        What they are of.
    kind : {'png', 'svg'}
        Format.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - half a second that few need
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.style import context  # noqa: PLC0415
    except ImportError:
        msg = "a still picture needs matplotlib: pip install 'llmcalc[still]'"
        raise ImportError(msg) from None
    with context("default"), rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, dpi=_DPI)
        axes = figure.add_axes(_PLACE)
        handles = _draw(axes, drawing, scene)
        _label(axes, drawing, scene)
        handles += _limits(axes, drawing, scene) + _rivals(axes, drawing)
        legend = figure.legend(handles=handles, loc="lower center", ncols=6, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(parse_math=False)
        file = BytesIO()
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def _draw(axes: Any, drawing: Drawing, scene: Scene) -> list[Any]:  # noqa: ANN401 - matplotlib is optional
    """Draw every mark of the chart in its order, and give those that the legend names."""
    plot, slots = drawing.plot, drawing.slots()
    (band, front, bar), (band_up, front_up, bar_up) = plot.front.x, plot.front.y
    areas = axes.fill(band, band_up, color=_FAINT, alpha=0.25, lw=0, label="80 % band")
    handles = axes.plot(front, front_up, color=_INK, lw=1.4, label="Pareto front")
    handles += areas if scene.banded is not None else []
    axes.plot(bar, bar_up, color=_INK, lw=1.4)
    for mark, shape, size in ((plot.recommended, "D", 110), (plot.selected, "o", 120)):
        label = "recommended" if mark is plot.recommended else "selected"
        ring = axes.scatter(
            mark.x, mark.y, size, "none", marker=shape, edgecolors=_INK, lw=1.8, label=label
        )
        handles += [ring] if len(mark.x) else []
    axes.scatter(plot.rejected.x, plot.rejected.y, 30, GREY, marker="P", lw=0, alpha=0.75)
    hues = [PALETTE[int(slot)] for slot in plot.candidates.color]
    axes.scatter(plot.candidates.x, plot.candidates.y, 26, hues, edgecolors=_FAINT, lw=0.5)
    shown = [(PALETTE[slot], "o", f"TP {width}") for width, slot in slots.items()]
    shown += [(GREY, "P", "rejected")] if len(plot.rejected.x) else []
    named = [
        axes.scatter([], [], 30, hue, marker=shape, label=label) for hue, shape, label in shown
    ]
    return [*named, *(handles if slots else [])]


def _limits(axes: Any, drawing: Drawing, scene: Scene) -> list[Any]:  # noqa: ANN401
    """Draw the limits, and give those that the legend names."""
    named: list[Any] = []
    plot = drawing.plot.limit
    for across, up, axis, limit in zip(plot.x, plot.y, scene.axes, scene.limits, strict=True):
        if limit is not None:
            label = f"limit {number(limit)} {axis.unit}"
            named += axes.plot(across, up, color=_INK, lw=1.4, ls="--", label=label)
    return named


def _rivals(axes: Any, drawing: Drawing) -> list[Any]:  # noqa: ANN401
    """Draw the fronts beside the present one, and give those that the legend names."""
    lines = drawing.rival_lines.lines
    if lines is None:
        return []
    named = zip(lines.x, lines.y, lines.colors, drawing.rival_lines.names, strict=False)
    return [
        curve
        for across, up, colour, name in named
        for curve in axes.plot(across, up, color=colour, lw=2, label=f"front: {name}")
    ]


def _label(axes: Any, drawing: Drawing, scene: Scene) -> None:  # noqa: ANN401
    """Write ticks, titles and the count of plans; names are text, never formulas."""
    plot = drawing.plot
    for axis, widget in ((axes.xaxis, plot.x_axis), (axes.yaxis, plot.y_axis)):
        axis.set_ticks(widget.tick_values, list(widget.tick_labels.values()))
        axis.set_label_text(widget.label, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(axis="y", color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    deployed, workload = question_words(scene.evaluation.request)
    drawn = int(np.sum([len(rows) for rows in drawing.rows.values()]))
    words = f"{deployed}\n{workload}\n{status_words(scene, drawn, None)}"
    axes.set_title(words, loc="left", fontsize=9, parse_math=False)
