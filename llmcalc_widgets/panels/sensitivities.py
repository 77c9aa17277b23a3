"""The strip that says what more of each figure of a device would change."""

from __future__ import annotations

from math import isfinite

import pandas as pd

from llmcalc_widgets.text.wording import Row

BY = 0.1
"""How much more is tried [1]."""

MORE = "10 % more"
"""The same in words."""

_CHANGES = {
    "memory bandwidth": "memory bandwidth",
    "compute": "compute rate",
    "link bandwidth": "link bandwidth",
    "memory capacity": "memory",
    "host speed": "host speed",
}
_FIGURES = {
    "ttft_change": "First token",
    "tpot_change": "Per token",
    "tokens_per_s_change": "Throughput",
    "largest_batch_change": "Largest batch",
}
_LEAST = 0.0005
"""A change below this is none [1]."""


def sensitivity_table(table: pd.DataFrame) -> str:
    """Write the table.

    Parameters
    ----------
    table : DataFrame
        From :func:`llmcalc_core.sensitivity`, by :data:`BY`.

    Returns
    -------
    str
        HTML.
    """
    rows = table.set_index("change")
    heads = "".join(f'<th scope="col">{name}</th>' for name in _FIGURES.values())
    most = {name: float(rows[name].abs().max()) for name in _FIGURES}
    body = "".join(
        f'<tr><th scope="row">{words}</th>'
        + "".join(_cell(rows.loc[change], name, most[name]) for name in _FIGURES)
        + "</tr>"
        for change, words in _CHANGES.items()
    )
    return (
        f'<table class="llmcalc-sensitivity"><thead><tr><th scope="col">{MORE}</th>{heads}'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(row: Row, name: str, most: float) -> str:
    """Write one change: a share with its sign, a bar as long as it, the largest in bold."""
    change = float(row[name])
    if abs(change) < _LEAST:
        return '<td class="band">none</td>'
    text = change_words(change)
    if name == "largest_batch_change":
        more = text if isfinite(change) else "none without"
        text = f"{int(row['largest_batch']):,} ({more})"
    text = f"<b>{text}</b>" if abs(change) == most else text
    width = min(100.0, 100 * abs(change) / BY)
    meter = f'<div class="meter" aria-hidden="true"><i style="width:{width:.0f}%"></i></div>'
    return f"<td>{text}{meter}</td>"


def change_words(change: float) -> str:
    """Write a change in percent with its sign.

    Examples
    --------
    >>> change_words(-0.0658), change_words(0.2)
    ('\N{MINUS SIGN}6.6 %', '+20.0 %')
    """
    sign = "\N{MINUS SIGN}" if change < 0 else "+"
    return f"{sign}{abs(change):.1%}".replace("%", " %")
