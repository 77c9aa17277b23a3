"""Small drawings as SVG, in the colours of the page: bars with names, logarithmic axes, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.chart.ticks import Ends, tick_labels, ticks
from llmcalc_widgets.elements.page import read_asset

PANEL_STYLE = f"<style>{read_asset('llmcalc_widgets.panels', 'panels.css')}</style>"
"""Of drawings and of the tables beside them; to stand before them."""


def svg(width: int, height: int, shapes: Iterable[str], *, label: str) -> str:
    """Put shapes into a drawing that is as wide as its place, with what it shows in words."""
    return (
        f'<svg class="llmcalc-drawing" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(shapes)}</svg>'
    )


def line(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    """Draw a line; ``style`` is a class.

    Examples
    --------
    >>> line((0, 1), (2.25, 3), "grid")
    '<line class="grid" x1="0.0" y1="1.0" x2="2.2" y2="3.0"/>'
    """
    return (
        f'<line class="{style}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" '
        f'x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    )


def path(points: Sequence[tuple[float, float]], style: str) -> str:
    """Join points by lines."""
    places = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
    return f'<path class="{style}" d="M{places}"/>'


def box(
    corner: tuple[float, float], size: tuple[float, float], colour: str, title: str = ""
) -> str:
    """Draw a filled rectangle, with words that show under the mouse."""
    return (
        f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size[0]:.1f}" '
        f'height="{size[1]:.1f}" fill="{colour}">{_title(title)}</rect>'
    )


def dot(place: tuple[float, float], radius: float, colour: str, title: str = "") -> str:
    """Draw a filled circle, with words that show under the mouse."""
    return (
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius:.1f}" fill="{colour}">'
        f"{_title(title)}</circle>"
    )


def words(place: tuple[float, float], text: str, *, anchor: str = "middle", style: str = "") -> str:
    """Write at a place: 'start', 'middle' or 'end' says which part of the text is there."""
    return (
        f'<text class="{style}" x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def upright(place: tuple[float, float], text: str) -> str:
    """Write from the bottom to the top, around a place."""
    across, down = place
    return (
        f'<text transform="translate({across:.1f} {down:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(text)}</text>"
    )


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def data_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write what a drawing shows as a table to unfold, whose first column names its rows.

    Examples
    --------
    >>> data_table(["Batch", "Used"], [["8", "20 GB"]]).count("<td>")
    1
    """
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(one)}</td>" for one in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        '<details class="llmcalc-facts"><summary>As a table</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


_BARS_WIDTH, _ROW, _NAMES, _WORDS = 640, 22, 130, 190
_FILLED = 15
_ABOVE = 4
BAR_COLOUR = PALETTE[5]


WIDTH, HEIGHT = 480, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 46
_MOST_TICKS = 6
Place = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A name, how long its bar is (None for no bar), and what stands after it."""

    name: str
    value: float | None
    words: str


def bar_chart(bars: Sequence[Bar], label: str) -> str:
    """Draw bars below each other, the longest over the whole width; ``label`` says what of."""
    longest = longest_of(bars)
    shapes: list[str] = []
    for at, bar in enumerate(bars):
        top = _ABOVE + at * _ROW
        base = top + _FILLED - 3.5
        end = _NAMES
        shapes.append(words((_NAMES - 8, base), bar.name, anchor="end"))
        if bar.value is not None:
            wide = bar.value / longest * (_BARS_WIDTH - _NAMES - _WORDS)
            title = f"{bar.name}: {bar.words}"
            shapes.append(box((_NAMES, top), (wide, _FILLED), BAR_COLOUR, title))
            end += int(wide)
        style = "" if bar.value is None else "number"
        shapes.append(words((end + 6, base), bar.words, anchor="start", style=style))
    high = _ABOVE + len(bars) * _ROW
    shapes.append(line((_NAMES, 0), (_NAMES, high), "capacity"))
    return svg(_BARS_WIDTH, high + _ABOVE, shapes, label=label)


def longest_of(bars: Sequence[Bar]) -> float:
    """Give the length of the longest bar; 1 where there is none."""
    return max((bar.value for bar in bars if bar.value is not None), default=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAxes:
    """Where values are in a drawing of ``WIDTH`` by ``HEIGHT`` pixels.

    Attributes
    ----------
    across, up : Ends
        The ends of the axes.

    Examples
    --------
    >>> field = LogAxes(across=Ends(1, 100), up=Ends(1, 10))
    >>> field.place(1, 1), field.place(100, 10)
    ((62.0, 284.0), (468.0, 14.0))
    """

    across: Ends
    up: Ends

    def place(self, across: float, up: float) -> Place:
        """Give the place of a pair of values [pixels]."""
        x, y = (
            float(ends.places(np.array([value]))[0])
            for ends, value in ((self.across, across), (self.up, up))
        )
        return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)

    def axes(self, across: str, up: str, *, unit: float = 1.0) -> list[str]:
        """Draw the axes with what they are called; numbers up are in a unit."""
        shapes = []
        bottom = HEIGHT - BOTTOM
        for value, text in _labelled(self.across):
            x, _ = self.place(value, self.up.low)
            shapes += [
                line((x, bottom), (x, TOP), "grid"),
                words((x, bottom + 16), text),
            ]
        for value, text in _labelled(Ends(self.up.low / unit, self.up.high / unit)):
            _, y = self.place(self.across.low, value * unit)
            shapes += [
                line((LEFT, y), (WIDTH - RIGHT, y), "grid"),
                words((LEFT - 6, y + 4), text, anchor="end"),
            ]
        middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + bottom) / 2
        return [
            *shapes,
            words((middle[0], HEIGHT - 8), across),
            upright((14, middle[1]), up),
        ]


def _labelled(ends: Ends) -> list[tuple[float, str]]:
    values = ticks(ends.low, ends.high, most=_MOST_TICKS)
    return list(zip(values, tick_labels(values), strict=True))
