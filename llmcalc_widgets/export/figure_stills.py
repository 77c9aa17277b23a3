"""Stills of figures that a specification describes: of memory, of fronts, and of load curves."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from html import escape
from importlib.util import find_spec
from typing import Any

from llmcalc_widgets.chart.load_lines import load_specification
from llmcalc_widgets.chart.load_view import LoadView
from llmcalc_widgets.chart.specification import Box, Dots, Line, Mark, Specification, Ticks, Words
from llmcalc_widgets.export.stills import (
    FAINT,
    GRID,
    INK,
    add_legend,
    add_title,
    open_sides,
    picture,
    title_high,
)
from llmcalc_widgets.panels.load import load_table, load_words, requests_words

_LEFT, _BOTTOM, _WIDTH = 0.085, 0.2, 0.89
"""Where the axes are in the picture, the legend below them and the title above."""

_ABOVE = 0.35
"""Room for words above the axes [inches]."""

_DOT, _DIAMOND = 26, 110
"""Areas [square points]."""

_THEME = {"strong": INK, "faint": FAINT, "back": "white", "none": "none"}


def paint_figure(figure: Any, words: Sequence[str], shown: Specification) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw a figure.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    words : sequence of str
        Lines above.
    shown : Specification
        What it shows.
    """
    _, high = figure.get_size_inches()
    above = any(isinstance(mark, Words) and mark.place[1] > 1 for mark in shown.marks)
    head = (title_high(words) + (_ABOVE if above else 0)) / high
    axes = figure.add_axes((_LEFT, _BOTTOM, _WIDTH, 1 - _BOTTOM - head))
    drawn = [(mark, _draw(axes, mark)) for mark in shown.marks]
    for axis, ticks in ((axes.xaxis, shown.across), (axes.yaxis, shown.up)):
        _write(axis, ticks)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    open_sides(axes)
    add_title(figure, words)
    add_legend(figure, [made for mark, made in drawn if getattr(mark, "name", "")])


def _write(axis: Any, ticks: Ticks) -> None:  # noqa: ANN401 - as above
    """Write ticks and what the axis shows; names are text, never formulas."""
    axis.set_ticks(ticks.places, ticks.labels)
    axis.set_label_text(ticks.title, parse_math=False)
    if ticks.grid:
        axis.grid(color=GRID, lw=0.8)
    for label, text in zip(axis.get_ticklabels(), ticks.labels, strict=True):
        label.set_weight("bold" if text in ticks.bold else "normal")


def _draw(axes: Any, mark: Mark) -> Any:  # noqa: ANN401 - as above
    """Draw a mark, and give what the legend shows of it."""
    match mark:
        case Line():
            (made,) = axes.plot(
                mark.x, mark.y, color=_colour(mark.colour), lw=mark.width, ls=mark.style,
                label=mark.name, clip_on=False,
            )  # fmt: skip
        case Dots():
            made = axes.scatter(
                mark.x, mark.y, _DIAMOND if mark.diamond else _DOT, _colour(mark.fill),
                marker="D" if mark.diamond else "o", edgecolors=_colour(mark.edge), lw=1.6,
                label=mark.name, zorder=3, clip_on=False,
            )  # fmt: skip
        case Box():
            (made,) = axes.bar(
                mark.corner[0], mark.size[1], mark.size[0], mark.corner[1], align="edge",
                color=_colour(mark.fill), alpha=mark.opacity, lw=0,
            )  # fmt: skip
            made.set_label(mark.name)
        case Words():
            made = axes.text(
                *mark.place, mark.text, ha=_ANCHORS[mark.anchor], weight="bold", parse_math=False,
                bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip
    return made


_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def _colour(name: str) -> str:
    return _THEME.get(name, name)


def load_still(view: LoadView) -> str:
    """Write a load curve in HTML: a picture where matplotlib is installed, and a table."""
    words = escape(load_words(view))
    if not view.known:
        return f"<p>{words}</p>"
    drawn = ""
    if find_spec("matplotlib"):
        coded = b64encode(picture(partial(paint_load, view=view), "png")).decode()
        drawn = f'<img alt="{words}" src="data:image/png;base64,{coded}">'
    return f"<p>{words}</p>{drawn}{load_table(view)}"


def paint_load(figure: Any, view: LoadView) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw what the load plot draws of a curve that is known, with its title and legend."""
    paint_figure(figure, (load_words(view), requests_words(view)), load_specification(view))
