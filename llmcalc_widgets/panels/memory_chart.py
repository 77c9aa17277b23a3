"""Memory by kind as stacked bars over a batch or a length, under the line of what may be used."""

from __future__ import annotations

import pandas as pd

from llmcalc_core import MEMORY_COLUMNS
from llmcalc_widgets.chart.palette import MEMORY_COLOURS
from llmcalc_widgets.panels import svg
from llmcalc_widgets.text.plan_words import MEMORY_WORDS, Row
from llmcalc_widgets.text.units import gigabytes

WIDTH, HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 34, 46
GIGA = 1e9
_FILLED = 0.72
"""Part of a bar's room that it fills."""
_MOST_LABELS = 12
_HIGHEST = 2.5
"""Bars are cut off at this multiple of what may be used."""
_ROUND = (1, 2, 2.5, 5, 10)
_TICKS = 5


def memory_chart(frame: pd.DataFrame, column: str, label: str, *, marks: dict[int, str]) -> str:
    """Draw a bar for each row.

    Parameters
    ----------
    frame : DataFrame
        Rows of :func:`llmcalc_core.explore` that differ in one column.
    column : str
        That column.
    label : str
        What it is, under the axis.
    marks : dict of int to str
        What is written above some of its values.

    Returns
    -------
    str
        HTML.
    """
    usable, highest = usable_of(frame), highest_of(frame)
    wide = (WIDTH - _LEFT - _RIGHT) / len(frame)
    shapes = _axis(highest, label)
    every = -(-len(frame) // _MOST_LABELS)
    for at, (_, row) in enumerate(frame.iterrows()):
        left = _LEFT + (at + (1 - _FILLED) / 2) * wide
        shapes += _bar(row, left, wide * _FILLED, highest)
        middle = left + wide * _FILLED / 2
        marked = row[column] in marks
        if marked:
            above = middle, _TOP - 6 - 14 * list(marks).index(row[column])
            shapes.append(svg.words(above, marks[row[column]], style="number"))
            top = _height(min(float(row["device_memory_bytes"]), highest), highest)
            shapes.append(svg.line((middle, above[1] + 4), (middle, top - 2), "guide"))
        beside = {*frame[column].iloc[max(at - 1, 0) : at + 2]} & {*marks}
        if marked or (at % every == 0 and not (beside and every > 1)):
            style = "number" if marked else ""
            shapes.append(
                svg.words((middle, HEIGHT - _BOTTOM + 16), short(row[column]), style=style)
            )
    y = _height(usable, highest)
    shapes += [
        svg.line((_LEFT, y), (WIDTH - _RIGHT, y), "capacity"),
        svg.words(
            (_LEFT + 4, y - 5), f"usable {gigabytes(usable)}", anchor="start", style="number"
        ),
    ]
    fitting = frame.loc[frame["memory_headroom_bytes"] >= 0, column]
    told = f"fits up to {fitting.max():,}" if len(fitting) else "nothing fits"
    keys = "".join(
        f'<span><i style="background:{MEMORY_COLOURS[name]}"></i>{MEMORY_WORDS[name]}</span>'
        for name in MEMORY_COLUMNS
    )
    drawing = svg.svg(
        WIDTH, HEIGHT, shapes,
        label=f"Memory per device by {label}: of the bars, {told} in {gigabytes(usable)}",
    )  # fmt: skip
    cut = ""
    if frame["device_memory_bytes"].max() > highest:
        cut = f'<div class="llmcalc-note">Bars are cut off at {gigabytes(highest)}.</div>'
    table = cut + _table(frame, column, label)
    return f'{drawing}<div class="llmcalc-key llmcalc-drawn">{keys}</div>{table}'


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


def _axis(highest: float, label: str) -> list[str]:
    """Draw lines at round sizes, and say what is up and across."""
    rough = highest / GIGA / _TICKS
    power = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.1
    step = next(factor * power for factor in _ROUND if factor * power >= rough)
    shapes = []
    for count in range(int(highest / GIGA / step) + 1):
        y = _height(count * step * GIGA, highest)
        shapes += [
            svg.line((_LEFT, y), (WIDTH - _RIGHT, y), "grid"),
            svg.words((_LEFT - 6, y + 4), f"{count * step:g}", anchor="end"),
        ]
    return [
        *shapes,
        svg.words(((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8), label),
        svg.upright((14, (_TOP + HEIGHT - _BOTTOM) / 2), "Memory per device [GB]"),
    ]


def _bar(row: Row, left: float, wide: float, highest: float) -> list[str]:
    shapes, base = [], 0.0
    for name in MEMORY_COLUMNS:
        top = min(base + float(row[name]), highest)
        y, foot = _height(top, highest), _height(base, highest)
        title = f"{MEMORY_WORDS[name]} {gigabytes(float(row[name]))}"
        if foot > y:
            shapes.append(svg.box((left, y), (wide, foot - y), MEMORY_COLOURS[name], title))
        base = top
    return shapes


def _height(size: float, highest: float) -> float:
    """Place of a size, from the top."""
    return HEIGHT - _BOTTOM - size / highest * (HEIGHT - _TOP - _BOTTOM)


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
