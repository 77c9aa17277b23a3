"""What a drawing shows, as a table to unfold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def facts(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose first column names its rows.

    Examples
    --------
    >>> facts(["Batch", "Used"], [["8", "20 GB"]]).count("<td>")
    1
    """
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(one)}</td>" for one in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        '<details class="llmcalc-facts"><summary>As a table</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )
