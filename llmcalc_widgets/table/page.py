"""A page of the table of plans as HTML, and the sentence under it."""

from __future__ import annotations

from html import escape

from llmcalc_widgets.table.columns import COLUMNS
from llmcalc_widgets.text.units import counted


def figures_table(rows: list[tuple[str, ...]], by: str, *, rising: bool) -> str:
    """Write the figures of a page.

    The plans and the headings, which are seen in the controls beside and above, are there for
    screen readers.

    Parameters
    ----------
    rows : list of tuple of str
        A cell for each column.
    by : str
        Key of the column that they are sorted by.
    rising : bool
        Whether the smallest comes first.

    Returns
    -------
    str
        HTML.
    """
    sorted_ = f' aria-sort="{"ascending" if rising else "descending"}"'
    heads = "".join(
        f'<th scope="col"{sorted_ if column.key == by else ""}>{_unseen(column.heading)}</th>'
        for column in COLUMNS
    )
    widths = "".join(f'<col style="width:{column.width}px">' for column in COLUMNS[1:])
    width = sum(column.width for column in COLUMNS[1:])
    body = "".join(_row(*row) for row in rows)
    return (
        f'<table style="width:{width}px"><caption>Plans</caption>'
        f'<colgroup><col style="width:0">{widths}</colgroup>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(plan: str, *figures: str) -> str:
    own = "".join(f"<td>{escape(figure)}</td>" for figure in figures)
    return f'<tr><th scope="row">{_unseen(plan)}</th>{own}</tr>'


def _unseen(words: str) -> str:
    return f"<span>{escape(words)}</span>"


def table_status(chosen: int, among: int, first: int, count: int, *, brushed: bool) -> str:
    """Say in HTML how many plans there are, and which of them the page shows.

    Examples
    --------
    >>> table_status(41, 312, 25, 16, brushed=False)
    '<div class="llmcalc-status" role="status">26 to 41 of 41 plans that match, of 312 plans</div>'
    """
    where = " in the brush" if brushed else ""
    if not chosen:
        words = f"None of {counted(among, 'plan')} matches{where}"
    else:
        of = f" that match{where}, of {counted(among, 'plan')}" if chosen < among else ""
        words = f"{first + 1:,} to {first + count:,} of {counted(chosen, 'plan')}{of}"
    return f'<div class="llmcalc-status" role="status">{words}</div>'
