"""Memory by kind as stacked bars over a batch or a length, under the line of what may be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from llmcalc_core import MEMORY_COLUMNS
from llmcalc_widgets.chart.palette import MEMORY_COLOURS
from llmcalc_widgets.chart.specification import (
    Box,
    Line,
    Mark,
    Places,
    Specification,
    Ticks,
    Words,
)
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.figure_svg import figure_svg
from llmcalc_widgets.text.plan_words import MEMORY_WORDS
from llmcalc_widgets.text.units import gigabytes

GIGA = 1e9
_FILLED = 0.72
"""Part of a bar's room that it fills."""
_MOST_LABELS = 12
_HIGHEST = 2.5
"""Bars are cut off at this multiple of what may be used."""
_ROUND = (1, 2, 2.5, 5, 10)
_TICKS = 5
_ABOVE, _APART, _BESIDE = 1.025, 0.056, 0.015
"""Words above the bars, how far they are apart, and beside a line: of the figure's height."""


def memory_chart(frame: pd.DataFrame, column: str, label: str, *, marks: dict[int, str]) -> str:
    """Draw a bar for each row, in HTML; see :func:`memory_specification`."""
    usable, highest = usable_of(frame), highest_of(frame)
    fitting = frame.loc[frame["memory_headroom_bytes"] >= 0, column]
    told = f"fits up to {fitting.max():,}" if len(fitting) else "nothing fits"
    keys = "".join(
        f'<span><i style="background:{MEMORY_COLOURS[name]}"></i>{MEMORY_WORDS[name]}</span>'
        for name in MEMORY_COLUMNS
    )
    drawing = figure_svg(
        memory_specification(frame, column, label, marks=marks),
        label=f"Memory per device by {label}: of the bars, {told} in {gigabytes(usable)}",
    )
    cut = ""
    if frame["device_memory_bytes"].max() > highest:
        cut = f'<div class="llmcalc-note">Bars are cut off at {gigabytes(highest)}.</div>'
    table = cut + _table(frame, column, label)
    return f'{drawing}<div class="llmcalc-key llmcalc-drawn">{keys}</div>{table}'


def memory_specification(
    frame: pd.DataFrame, column: str, label: str, *, marks: Mapping[int, str]
) -> Specification:
    """Describe a stacked bar for each row, under the line of what may be used.

    Parameters
    ----------
    frame : DataFrame
        Rows of :func:`llmcalc_core.explore` that differ in one column.
    column : str
        That column.
    label : str
        What it is, under the axis.
    marks : mapping of int to str
        What is written above some of its values.
    """
    usable, highest = usable_of(frame) / highest_of(frame), highest_of(frame)
    values = [int(value) for value in frame[column]]
    middles = (np.arange(len(values)) + 0.5) / len(values)
    named = [at for at in range(len(values)) if _is_labelled(values, at, marks)]
    above: list[Mark] = []
    for at in (at for at, value in enumerate(values) if value in marks):
        end = _ABOVE + _APART * list(marks).index(values[at])
        top = min(float(frame["device_memory_bytes"].iloc[at]) / highest, 1.0)
        stem = np.array([middles[at]] * 2), np.array([top, end])
        above.append(Line(x=stem[0], y=stem[1], colour="faint", width=1, style="dotted"))
        above.append(Words(place=(float(middles[at]), end), text=marks[values[at]]))
    usable_words = f"usable {gigabytes(usable_of(frame))}"
    line = Line(x=np.array([0.0, 1.0]), y=np.array([usable] * 2), width=1.8, name=usable_words)
    return Specification(
        across=Ticks(
            title=label,
            places=middles[named].tolist(),
            labels=[short(values[at]) for at in named],
            grid=False,
            bold=[short(value) for value in marks],
        ),
        up=_memory_ticks(highest),
        marks=[
            *_boxes(frame, middles, highest),
            *above,
            line,
            Words(place=(_BESIDE, usable + _BESIDE), text=usable_words, anchor="start"),
        ],
    )


def usable_of(frame: pd.DataFrame) -> float:
    """Give what may be used of a device [bytes]."""
    first = frame.iloc[0]
    return float(first["device_memory_bytes"] + first["memory_headroom_bytes"])


def highest_of(frame: pd.DataFrame) -> float:
    """Give the size at which bars end [bytes]."""
    usable = usable_of(frame)
    return float(min(max(frame["device_memory_bytes"].max(), usable), _HIGHEST * usable)) * 1.08


def _table(frame: pd.DataFrame, column: str, label: str) -> str:
    heads = [label, *MEMORY_WORDS.values(), "total", "free"]
    sizes = [*MEMORY_COLUMNS, "device_memory_bytes", "memory_headroom_bytes"]
    return svg.data_table(
        heads,
        (
            [f"{row[column]:,}", *(gigabytes(float(row[name])) for name in sizes)]
            for _, row in frame.iterrows()
        ),
    )


def _is_labelled(values: Sequence[int], at: int, marks: Mapping[int, str]) -> bool:
    """Whether there is room under a bar: marked ones come first, and keep others at a distance."""
    every = -(-len(values) // _MOST_LABELS)
    beside = {*values[max(at - 1, 0) : at + 2]} & {*marks}
    return values[at] in marks or (at % every == 0 and not (beside and every > 1))


def _memory_ticks(highest: float) -> Ticks:
    """Give round sizes."""
    rough = highest / GIGA / _TICKS
    power = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.1
    step = next(factor * power for factor in _ROUND if factor * power >= rough)
    sizes = [count * step for count in range(int(highest / GIGA / step) + 1)]
    return Ticks(
        title="Memory per device [GB]",
        places=[size * GIGA / highest for size in sizes],
        labels=[f"{size:g}" for size in sizes],
    )


def _boxes(frame: pd.DataFrame, middles: Places, highest: float) -> Iterator[Box]:
    """Give the parts of every bar, of the first one with their names."""
    wide = _FILLED / len(frame)
    foot = np.zeros(len(frame))
    for name in MEMORY_COLUMNS:
        sizes = frame[name].to_numpy(dtype=np.float64)
        top = np.minimum(foot + sizes / highest, 1.0)
        for at in np.flatnonzero((top > foot) | (np.arange(len(frame)) == 0)):
            yield Box(
                corner=(float(middles[at]) - wide / 2, float(foot[at])),
                size=(wide, float(top[at] - foot[at])),
                fill=MEMORY_COLOURS[name],
                title=f"{MEMORY_WORDS[name]} {gigabytes(float(sizes[at]))}",
                name="" if at else MEMORY_WORDS[name],
            )
        foot = top


def short(value: int) -> str:
    """Write a count in little room.

    Examples
    --------
    >>> short(256), short(32_000), short(2_500_000)
    ('256', '32k', '2.5M')
    """
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size * 10 or (value >= size and not value % (size // 10)):
            return f"{value / size:.3g}{unit}"
    return f"{value:,}"
