"""Stills of bars: devices beside each other, and memory over a batch or a length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core import MEMORY_COLUMNS
from llmcalc_widgets.chart.palette import MEMORY_COLOURS
from llmcalc_widgets.export.still import (
    FAINT,
    GRID,
    INK,
    add_legend,
    add_title,
    open_sides,
    title_high,
)
from llmcalc_widgets.panels.drawings import BAR_COLOUR, Bar, longest_of
from llmcalc_widgets.panels.memory_chart import GIGA, highest_of, short, usable_of
from llmcalc_widgets.text.plan_words import MEMORY_WORDS
from llmcalc_widgets.text.units import gigabytes

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
