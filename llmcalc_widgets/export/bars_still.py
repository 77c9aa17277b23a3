"""A still of devices beside each other: a bar each, with words after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmcalc_widgets.export.still import INK, add_title, open_sides, title_high
from llmcalc_widgets.panels.named_bars import COLOUR, Bar, longest_of

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
        axes.barh(at, end, height=0.7, color=COLOUR)
        axes.text(end + longest / 80, at, bar.words, va="center", color=INK, parse_math=False)
        axes.text(-longest / 60, at, bar.name, va="center", ha="right", parse_math=False)
    axes.set(xlim=(0, longest * _ROOM), ylim=(len(bars) - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    open_sides(axes)
    add_title(figure, words)
