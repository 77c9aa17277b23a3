"""Stills for readers without a kernel, drawn by matplotlib: their title and legend, and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from textwrap import wrap
from typing import Any

from llmcalc_widgets.panels.svg import BAR_COLOUR, Bar, longest_of

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


_ROW, _BELOW = 0.3, 0.1  # inches
_LEFT, _WIDTH = 0.17, 0.8
_ROOM = 1.5
"""Of the longest bar: how wide the chart is, with what stands after that bar."""


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
