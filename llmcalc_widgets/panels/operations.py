"""The operations of a plan: a table with bars, and a roofline, under what the device could do."""

from __future__ import annotations

from html import escape
from math import sqrt

import numpy as np
import pandas as pd

from llmcalc_widgets.chart.palette import BOUND_COLOURS, KIND_COLOURS
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.svg import HEIGHT, WIDTH, LogAxes, Place
from llmcalc_widgets.text.plan_words import BOUND_WORDS, KIND_WORDS, Row, share_words
from llmcalc_widgets.text.units import counted, number, seconds

MOST_ROWS = 12
"""Operations in the table; the last row is what is left."""


def operations_table(table: pd.DataFrame) -> str:
    """Write the table; of a bar, what is launch latency has the colour of overheads.

    Parameters
    ----------
    table : DataFrame
        From :func:`llmcalc_core.explain`, the longest first.

    Returns
    -------
    str
        HTML.
    """
    shown = table.head(MOST_ROWS)
    longest = float(table["share"].iloc[0])
    both = two_phases(table)
    rows = [
        _row(number, _name(row, both=both), row, longest)
        for number, (_, row) in enumerate(shown.iterrows(), start=1)
    ]
    rest = table.iloc[MOST_ROWS:]
    if len(rest):
        rows.append(
            f'<tr><td></td><th scope="row">{counted(len(rest), "other")}</th><td></td>'
            f"<td>{seconds(rest['time_s'].sum())}</td>"
            f"<td>{share_words(rest['share'].sum(), 1)}</td><td></td></tr>"
        )
    heads = ("", "Operation", "Time", "", "Share", "Bound by")
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    used = [bound for bound in BOUND_COLOURS if bound in {*shown["bound_by"], "overhead"}]
    keys = "".join(
        f'<span><i style="background:{BOUND_COLOURS[bound]}"></i>{BOUND_WORDS[bound]}</span>'
        for bound in used
    )
    return (
        f'<table class="llmcalc-operations"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
        f'<div class="llmcalc-key" aria-hidden="true">{keys}</div>'
    )


def two_phases(table: pd.DataFrame) -> bool:
    """Whether there are both decode steps and prefills in a table of operations."""
    return len(set(table["phase"])) > 1


def operation_words(row: Row, *, both: bool) -> str:
    """Say what an operation is, such as 'feed-forward: down projection'."""
    phase = f"{row['phase']}, " if both else ""
    return f"{phase}{row['part']}: {row['operation']}"


def _name(row: Row, *, both: bool) -> str:
    often = (
        f" \N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}{row['count']:,.0f}" if row["count"] > 1 else ""
    )
    return f'{escape(operation_words(row, both=both))}<span class="band">{often}</span>'


def _row(number: int, name: str, row: Row, longest: float) -> str:
    whole = 100 * row["share"] / longest
    launching = whole * row["launch_s"] / row["run_s"]
    colour = BOUND_COLOURS[row["bound_by"]]
    bar = "".join(
        f'<i style="width:{width:.1f}%;background:{own}"></i>'
        for width, own in ((whole - launching, colour), (launching, BOUND_COLOURS["overhead"]))
    )
    return (
        f'<tr><td class="band">{number}</td><th scope="row">{name}</th>'
        f'<td class="bar" aria-hidden="true"><div>{bar}</div></td>'
        f"<td>{seconds(row['time_s'])}</td><td>{share_words(row['share'], 1)}</td>"
        f"<td>{BOUND_WORDS[row['bound_by']]}</td></tr>"
    )


_TERA = 1e12
_LEAST_RADIUS, _MORE_RADIUS = 3.0, 13.0
_MOST_NUMBERS = 6
_APART = 14.0
"""Numbers nearer to each other than this are left out [pixels]."""
_ROOM = 1.6
"""Room above the roof and around the operations, as a factor."""


def roofline(table: pd.DataFrame) -> str:
    """Draw the roofline.

    Parameters
    ----------
    table : DataFrame
        From :func:`llmcalc_core.explain`, the longest first.

    Returns
    -------
    str
        HTML; empty if no operation computes anything.
    """
    own = table[table["flops"] > 0]
    if own.empty:
        return ""
    bandwidth = float(own["peak_bytes_per_s"].iloc[0])
    field = _field(own, bandwidth)
    both = two_phases(table)
    longest = own.iloc[0]
    shapes = [
        *field.axes("Arithmetic intensity [FLOP/byte]", "Reached [TFLOP/s]", unit=_TERA),
        *_roofs(field, own, bandwidth),
        *_dots(field, own, both=both),
    ]
    label = (
        f"Roofline: the longest operation, {operation_words(longest, both=both)}, reaches "
        f"{number(longest['flops_per_s'] / _TERA)} of {number(longest['peak_flops_per_s'] / _TERA)}"
        f" TFLOP/s at {number(longest['flops_per_byte'])} FLOP per byte"
    )
    return svg.svg(WIDTH, HEIGHT, shapes, label=label) + _legend(own) + _table(own, both=both)


def _field(own: pd.DataFrame, bandwidth: float) -> LogAxes:
    """Find axes that show the operations, the roof and its ridge."""
    peaks = own["peak_flops_per_s"].to_numpy()
    intensity = np.append(own["flops_per_byte"].to_numpy(), peaks.max() / bandwidth * _ROOM)
    rates = np.append(own["flops_per_s"].to_numpy(), peaks.max() * _ROOM)
    return LogAxes(across=Ends(*limits(intensity)), up=Ends(*limits(rates)))


def _roofs(field: LogAxes, own: pd.DataFrame, bandwidth: float) -> list[str]:
    """Draw the device's peaks, one for each type used, and what the longest kernels reach."""
    shapes = []
    peaks = sorted(own["peak_flops_per_s"].unique().tolist())
    for peak in peaks:
        shapes.append(svg.path(_roof(field, peak, bandwidth), "roof"))
        right = field.place(field.across.high, peak)
        shapes.append(
            svg.words(
                (right[0], right[1] - 5),
                f"peak {number(peak / _TERA)} TFLOP/s",
                anchor="end",
            )
        )
    first, ridge, _ = _roof(field, peaks[-1], bandwidth)
    middle = (first[0] + ridge[0]) / 2 - 8, (first[1] + ridge[1]) / 2
    shapes.append(svg.words(middle, f"peak {number(bandwidth / _TERA)} TB/s", anchor="end"))
    longest = own.iloc[0]
    reached = _roof(field, longest["most_flops_per_s"], longest["most_bytes_per_s"])
    return [*shapes, svg.path(reached, "reached")]


def _roof(field: LogAxes, peak: float, bandwidth: float) -> list[Place]:
    """Follow the bandwidth up to the peak, from where the drawing starts."""
    left = max(field.across.low, field.up.low / bandwidth)
    ridge = min(max(peak / bandwidth, left), field.across.high)
    corners = [(left, min(left * bandwidth, peak)), (ridge, min(ridge * bandwidth, peak))]
    return [field.place(*corner) for corner in (*corners, (field.across.high, peak))]


def _dots(field: LogAxes, own: pd.DataFrame, *, both: bool) -> list[str]:
    """Draw each operation as large as its share, the longest with their numbers."""
    dots, numbers, written = list[str](), list[str](), list[Place]()
    for _, row in own[::-1].iterrows():
        x, y = field.place(row["flops_per_byte"], row["flops_per_s"])
        radius = _LEAST_RADIUS + _MORE_RADIUS * sqrt(row["share"])
        dots.append(svg.dot((x, y), radius, KIND_COLOURS[row["kind"]], _words(row, both=both)))
    for at, row in own.iterrows():
        x, y = field.place(row["flops_per_byte"], row["flops_per_s"])
        free = all(abs(x - a) > _APART or abs(y - b) > _APART for a, b in written)
        if int(str(at)) < MOST_ROWS and free and len(numbers) < _MOST_NUMBERS:
            written.append((x, y))
            radius = _LEAST_RADIUS + _MORE_RADIUS * sqrt(row["share"])
            numbers.append(
                svg.words((x + radius + 2, y + radius + 7), str(int(str(at)) + 1), style="number")
            )
    return [*dots, *numbers]


def _words(row: Row, *, both: bool) -> str:
    return (
        f"{operation_words(row, both=both)}\n{number(row['flops_per_byte'])} FLOP/byte, "
        f"{number(row['flops_per_s'] / _TERA)} TFLOP/s\n{share_words(row['share'], 1)} of the time"
    )


def _table(own: pd.DataFrame, *, both: bool) -> str:
    heads = ["Operation", "FLOP/byte", "TFLOP/s", "peak TFLOP/s"]
    return svg.data_table(
        heads,
        (
            [
                operation_words(row, both=both),
                number(row["flops_per_byte"]),
                number(row["flops_per_s"] / _TERA),
                number(row["peak_flops_per_s"] / _TERA),
            ]
            for _, row in own.iterrows()
        ),
    )


def _legend(own: pd.DataFrame) -> str:
    kinds = "".join(
        f'<span><i style="background:{KIND_COLOURS[kind]};border-radius:50%"></i>'
        f"{KIND_WORDS[kind]}</span>"
        for kind in KIND_COLOURS
        if kind in set(own["kind"])
    )
    roofs = (
        '<span><svg width="18" height="10" aria-hidden="true"><path class="roof" d="M0 5H18"/>'
        '</svg>device\'s peak</span><span><svg width="18" height="10" aria-hidden="true">'
        '<path class="reached" d="M0 5H18"/></svg>reached at the most by kernels like number '
        f"{int(str(own.index[0])) + 1}</span>"
    )
    return (
        f'<div class="llmcalc-key llmcalc-drawn">{kinds}{roofs}</div><div class="llmcalc-note">'
        "Each point is one run of an operation, as large as its share of the time; numbers are "
        "those of the table.</div>"
    )
