"""A still of memory by kind over a batch or a length, under the line of what may be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core import MEMORY_COLUMNS
from llmcalc_widgets.chart.palette import MEMORY_COLOURS
from llmcalc_widgets.export.still import FAINT, GRID, INK, add_legend, add_title, open_sides
from llmcalc_widgets.panels.memory_chart import GIGA, highest_of, short, usable_of
from llmcalc_widgets.text.units import gigabytes
from llmcalc_widgets.text.wording import MEMORY_WORDS

_PLACE = (0.085, 0.19, 0.9, 0.65)
_CROWDED = 16
"""With more bars, what is under them is written upright."""


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
