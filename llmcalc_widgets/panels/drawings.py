"""Drawings that several panels make: bars with a name each, and logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.chart.ticks import Ends, tick_labels, ticks
from llmcalc_widgets.panels import svg

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
        shapes.append(svg.words((_NAMES - 8, base), bar.name, anchor="end"))
        if bar.value is not None:
            wide = bar.value / longest * (_BARS_WIDTH - _NAMES - _WORDS)
            title = f"{bar.name}: {bar.words}"
            shapes.append(svg.box((_NAMES, top), (wide, _FILLED), BAR_COLOUR, title))
            end += int(wide)
        style = "" if bar.value is None else "number"
        shapes.append(svg.words((end + 6, base), bar.words, anchor="start", style=style))
    high = _ABOVE + len(bars) * _ROW
    shapes.append(svg.line((_NAMES, 0), (_NAMES, high), "capacity"))
    return svg.svg(_BARS_WIDTH, high + _ABOVE, shapes, label=label)


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
                svg.line((x, bottom), (x, TOP), "grid"),
                svg.words((x, bottom + 16), text),
            ]
        for value, text in _labelled(Ends(self.up.low / unit, self.up.high / unit)):
            _, y = self.place(self.across.low, value * unit)
            shapes += [
                svg.line((LEFT, y), (WIDTH - RIGHT, y), "grid"),
                svg.words((LEFT - 6, y + 4), text, anchor="end"),
            ]
        middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + bottom) / 2
        return [
            *shapes,
            svg.words((middle[0], HEIGHT - 8), across),
            svg.upright((14, middle[1]), up),
        ]


def _labelled(ends: Ends) -> list[tuple[float, str]]:
    values = ticks(ends.low, ends.high, most=_MOST_TICKS)
    return list(zip(values, tick_labels(values), strict=True))
