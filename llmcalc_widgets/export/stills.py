"""Stills for readers without a kernel, drawn by matplotlib: of bars, and of load curves."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from importlib.util import find_spec
from io import BytesIO
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core import MEMORY_COLUMNS
from llmcalc_widgets.chart.load_plot import COLOURS, limit_place, up_ends
from llmcalc_widgets.chart.load_view import DRAWN, LoadView
from llmcalc_widgets.chart.palette import MEMORY_COLOURS
from llmcalc_widgets.panels.load import load_table, load_words, requests_words
from llmcalc_widgets.panels.memory_chart import GIGA, highest_of, short, usable_of
from llmcalc_widgets.panels.svg import BAR_COLOUR, Bar, longest_of
from llmcalc_widgets.settings.load import PERCENTILES
from llmcalc_widgets.text.plan_words import MEMORY_WORDS
from llmcalc_widgets.text.units import gigabytes, seconds

INK, FAINT, GRID = "#212121", "#777777", "#dddddd"
TITLE_SIZE = 9
_SIZE = (8.4, 5.6)  # inches
_DPI = 110
_TOP, _LINE = 0.1, 0.17  # inches
_LONGEST = 112
"""Characters of a line in the title."""

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "llmcalc", "font.size": 9}
"""Text stays text in an SVG, and the same picture is the same file."""

Paint = Callable[[Any], None]
"""Draws on a figure of matplotlib, which is optional."""


def picture(paint: Paint, kind: str) -> bytes:
    """Make a picture.

    Parameters
    ----------
    paint : callable
        Draws it on matplotlib's figure, which it may make higher or lower.
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
        msg = "a still picture needs matplotlib: pip install 'llmcalc-planner[still]'"
        raise ImportError(msg) from None
    with context("default"), rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, dpi=_DPI)
        paint(figure)
        file = BytesIO()
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def add_legend(figure: Any, handles: Sequence[Any]) -> None:  # noqa: ANN401 - matplotlib is optional
    """Name what is drawn, below it; names are text, never formulas."""
    legend = figure.legend(handles=handles, loc="lower center", ncols=6, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(parse_math=False)


def add_title(figure: Any, lines: Sequence[str]) -> None:  # noqa: ANN401 - as above
    """Write lines above what is drawn, the first one bold; long ones go on below."""
    _, high = figure.get_size_inches()
    for at, words in enumerate(_wrapped(lines)):
        place, weight = 1 - (_TOP + _LINE * at) / high, "normal" if at else "bold"
        figure.text(0.02, place, words, size=TITLE_SIZE, weight=weight, va="top", parse_math=False)


def title_high(lines: Sequence[str]) -> float:
    """Give how high these lines are [inches]."""
    return 2 * _TOP + _LINE * len(_wrapped(lines))


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in wrap(line, _LONGEST)]


def open_sides(axes: Any) -> None:  # noqa: ANN401 - as above
    """Leave away the lines above and on the right."""
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


_PLACE = (0.085, 0.19, 0.9, 0.65)
_CROWDED = 16
"""With more bars, what is under them is written upright."""


_ROW, _BELOW = 0.3, 0.1  # inches
_LEFT, _WIDTH = 0.17, 0.8
_ROOM = 1.5
"""Of the longest bar: how wide the chart is, with what stands after that bar."""


def paint_memory(
    figure: Any,  # noqa: ANN401 - matplotlib is optional
    words: Sequence[str],
    frame: pd.DataFrame,
    column: str,
    label: str,
    *,
    marks: Mapping[int, str],
) -> None:
    """Draw a stacked bar for each row.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    words : sequence of str
        Lines above.
    frame, column, label, marks
        As :func:`llmcalc_widgets.panels.memory_chart.memory_chart` has them.
    """
    axes = figure.add_axes(_PLACE)
    usable, highest = usable_of(frame), highest_of(frame)
    places, base = np.arange(len(frame)), np.zeros(len(frame))
    for name in MEMORY_COLUMNS:
        sizes = frame[name].to_numpy(dtype=np.float64)
        colour, told = MEMORY_COLOURS[name], MEMORY_WORDS[name]
        axes.bar(places, sizes / GIGA, 0.72, base / GIGA, color=colour, label=told)
        base += sizes
    line = axes.axhline(usable / GIGA, color=INK, lw=1.4, ls="--")
    line.set_label(f"usable {gigabytes(usable)}")
    values = frame[column].tolist()
    for at in (at for at, value in enumerate(values) if value in marks):
        top = min(base[at], highest) / GIGA
        axes.annotate(
            marks[values[at]], (at, top), (0, 5), textcoords="offset points", ha="center",
            weight="bold", bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip
    turned = 90 if len(values) > _CROWDED else 0
    axes.set_xticks(places, [short(value) for value in values], rotation=turned)
    axes.set(ylim=(0, highest / GIGA * 1.06), xlabel=label, ylabel="Memory per device [GB]")
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.tick_params(color=FAINT)
    open_sides(axes)
    add_title(figure, words)
    handles, _ = axes.get_legend_handles_labels()
    add_legend(figure, handles)


def paint_bars(figure: Any, words: Sequence[str], bars: Sequence[Bar]) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw bars below each other.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which; it becomes as high as the bars need.
    words : sequence of str
        Lines above them.
    bars : sequence of Bar
        From above to below.
    """
    wide, _ = figure.get_size_inches()
    high = title_high(words) + _ROW * len(bars) + _BELOW
    figure.set_size_inches(wide, high)
    axes = figure.add_axes((_LEFT, _BELOW / high, _WIDTH, _ROW * len(bars) / high))
    longest = longest_of(bars)
    for at, bar in enumerate(bars):
        end = bar.value or 0.0
        axes.barh(at, end, height=0.7, color=BAR_COLOUR)
        axes.text(end + longest / 80, at, bar.words, va="center", color=INK, parse_math=False)
        axes.text(-longest / 60, at, bar.name, va="center", ha="right", parse_math=False)
    axes.set(xlim=(0, longest * _ROOM), ylim=(len(bars) - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    open_sides(axes)
    add_title(figure, words)


_LOAD_PLACE = (0.085, 0.2, 0.89, 0.62)
_BEYOND = 1.03
"""How far the axis of rates goes beyond the last of them [1]."""


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
    """Draw what the load plot draws, with its title and legend.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    view : LoadView
        A curve whose requests have the latency that is looked at.
    """
    axes = figure.add_axes(_LOAD_PLACE)
    shown = [name for name in PERCENTILES if name in {*DRAWN, view.percentile}]
    up = up_ends(view)
    curves = {name: up.places(view.quantity.shown(view.seconds(name))) for name in shown}
    handles = [
        handle
        for name in reversed(shown)
        for handle in axes.plot(
            view.rates, curves[name], color=COLOURS[name], label=name,
            lw=3 if name == view.percentile else 1.8,
            marker="o" if name == view.percentile else "",
        )
    ]  # fmt: skip
    across = _BEYOND * float(view.rates.max())
    limit = limit_place(view, up)
    if limit is not None and view.limit_s is not None:
        line = axes.axhline(limit, color=INK, lw=1.4, ls="--")
        line.set_label(f"limit {seconds(view.limit_s)}")
        handles.append(line)
    if view.overloaded is not None:
        first = float(view.rates[view.overloaded])
        shade = axes.axvspan(first, across, color=FAINT, alpha=0.22, lw=0, label="overload")
        handles.append(shade)
    places, labels = up.ticks()
    axes.set_yticks(places, list(labels.values()))
    axes.set(
        xlim=(0, across), ylim=(0, 1), ylabel=view.quantity.label,
        xlabel="Requests per second of one replica",
    )  # fmt: skip
    axes.grid(axis="y", color=GRID, lw=0.8)
    open_sides(axes)
    add_title(figure, (load_words(view), requests_words(view)))
    add_legend(figure, handles)
