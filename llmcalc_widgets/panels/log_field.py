"""A small drawing's field of two logarithmic axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_widgets.chart.ticks import Ends, tick_labels, ticks
from llmcalc_widgets.panels import svg

WIDTH, HEIGHT = 480, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 46
_MOST_TICKS = 6

Place = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogField:
    """Where values are in a drawing of ``WIDTH`` by ``HEIGHT`` pixels.

    Attributes
    ----------
    across, up : Ends
        The ends of the axes.

    Examples
    --------
    >>> field = LogField(across=Ends(1, 100), up=Ends(1, 10))
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
