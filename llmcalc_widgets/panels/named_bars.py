"""Horizontal bars with a name before and words after each, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.panels import svg

_WIDTH, _ROW, _LEFT, _RIGHT = 640, 22, 130, 190
_FILLED = 15
_TOP = 4
COLOUR = PALETTE[5]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A name, how long its bar is (None for no bar), and what stands after it."""

    name: str
    value: float | None
    words: str


def named_bars(bars: Sequence[Bar], label: str) -> str:
    """Draw bars below each other, the longest over the whole width; ``label`` says what of."""
    longest = longest_of(bars)
    shapes: list[str] = []
    for at, bar in enumerate(bars):
        top = _TOP + at * _ROW
        base = top + _FILLED - 3.5
        end = _LEFT
        shapes.append(svg.words((_LEFT - 8, base), bar.name, anchor="end"))
        if bar.value is not None:
            wide = bar.value / longest * (_WIDTH - _LEFT - _RIGHT)
            title = f"{bar.name}: {bar.words}"
            shapes.append(svg.box((_LEFT, top), (wide, _FILLED), COLOUR, title))
            end += int(wide)
        style = "" if bar.value is None else "number"
        shapes.append(svg.words((end + 6, base), bar.words, anchor="start", style=style))
    high = _TOP + len(bars) * _ROW
    shapes.append(svg.line((_LEFT, 0), (_LEFT, high), "capacity"))
    return svg.svg(_WIDTH, high + _TOP, shapes, label=label)


def longest_of(bars: Sequence[Bar]) -> float:
    """Give the length of the longest bar; 1 where there is none."""
    return max((bar.value for bar in bars if bar.value is not None), default=1.0)
