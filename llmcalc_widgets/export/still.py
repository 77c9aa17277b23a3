"""A still of a widget, for readers without a kernel: what it shows, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from textwrap import wrap
from typing import Any

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
        msg = "a still picture needs matplotlib: pip install 'llmcalc[still]'"
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
