"""The operations of a plan as a table with bars: how long each takes, and what bounds it."""

from __future__ import annotations

from html import escape

import pandas as pd

from llmcalc_widgets.chart.palette import BOUND_COLOURS
from llmcalc_widgets.text.plan_words import BOUND_WORDS, Row, share_words
from llmcalc_widgets.text.units import counted, seconds

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
    return len(set(table["stage"])) > 1


def operation_words(row: Row, *, both: bool) -> str:
    """Say what an operation is, such as 'feed-forward: down projection'."""
    phase = f"{row['stage']}, " if both else ""
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
