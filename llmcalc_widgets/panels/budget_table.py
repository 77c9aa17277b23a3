"""What an engine holds once it has started, as a table beside the words of its log."""

from __future__ import annotations

from html import escape

import pandas as pd

_HEADS = ("At start-up", "", "In the log")


def budget_table(budget: pd.DataFrame) -> str:
    """Write a memory budget as a table: each part, its value, and the words of the engine's log.

    Parameters
    ----------
    budget : DataFrame
        Of :func:`llmcalc_core.memory_budget`.

    Returns
    -------
    str
        HTML, names escaped.
    """
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in _HEADS)
    rows = "".join(
        f"<tr><td>{escape(part)}</td><td>{escape(_value(value, unit))}</td>"
        f"<td>{escape(log)}</td></tr>"
        for part, value, unit, log in budget.itertuples(index=False)
        if part != "starts"
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _value(value: float, unit: str) -> str:
    """Write a value with its unit: sizes with two digits, counts in whole."""
    if unit == "GiB":
        return f"{value:.2f} GiB"
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    return text if unit == "1" else f"{text} {unit}"
