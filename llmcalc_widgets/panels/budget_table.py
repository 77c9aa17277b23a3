"""What an engine holds once it has started: a bar for each part beside the words of its log."""

from __future__ import annotations

from html import escape

import pandas as pd

from llmcalc_widgets.chart.palette import MEMORY_COLOURS

_HEADS = ("At start-up", "Of what is visible", "Value", "In the log")

_FILLED = {
    "weights": MEMORY_COLOURS["weights_bytes"],
    "activation peak": MEMORY_COLOURS["activations_bytes"],
    "outside of the allocator": MEMORY_COLOURS["reserve_bytes"],
    "captured graphs": MEMORY_COLOURS["reserve_bytes"],
    "pool of states": MEMORY_COLOURS["kv_cache_bytes"],
    "KV cache pool": MEMORY_COLOURS["kv_cache_bytes"],
}
"""Colours of the parts that lie beside each other in a device, in their order."""

_WHOLE = ("visible memory", "allowed memory")
"""Parts that the others are parts of."""


def budget_table(budget: pd.DataFrame) -> str:
    """Write a memory budget as a table: each part, its bar and value, and the words of the log.

    Parameters
    ----------
    budget : DataFrame
        Of :func:`llmcalc_core.memory_budget`.

    Returns
    -------
    str
        HTML, names escaped. Bars begin where the part before ends and go no further than what the
        device has; a part of which less than nothing is left has none. Whether the engine starts
        is said above it where it does not.
    """
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in _HEADS)
    stops = ""
    starts = budget[budget["part"] == "starts"]
    if not starts["value"].all():
        why = starts["log"].iloc[0] or "no room for one such request"
        stops = f'<div class="llmcalc-note">It does not start: {escape(why)}.</div>'
    visible = float(budget["value"][budget["part"].isin(_WHOLE)].max())
    rows, begins = [], 0.0
    for part, value, unit, log in budget.itertuples(index=False):
        if part == "starts":
            continue
        bar = ""
        if part in _WHOLE:
            bar = _bar(0.0, value / visible, "var(--c-faint)")
        elif part in _FILLED:
            bar = _bar(begins / visible, max(value, 0.0) / visible, _FILLED[part])
            begins += max(value, 0.0)
        rows.append(
            f'<tr><th scope="row">{escape(part)}</th>'
            f'<td class="bar" aria-hidden="true">{bar}</td>'
            f"<td>{escape(_value(value, unit))}</td><td>{escape(log)}</td></tr>"
        )
    return (
        f'<div class="llmcalc-panels">{stops}<table class="llmcalc-budget">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _bar(begins: float, wide: float, colour: str) -> str:
    """Draw a bar over shares of the room."""
    begins = min(begins, 1.0)
    wide = min(wide, 1.0 - begins)
    return (
        f'<div><i style="margin-left:{begins * 100:.1f}%;'
        f'width:{wide * 100:.1f}%;background:{colour}"></i></div>'
    )


def _value(value: float, unit: str) -> str:
    """Write a value with its unit: sizes with two digits, counts in whole."""
    if unit == "GiB":
        return f"{value:.2f} GiB"
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    return text if unit == "1" else f"{text} {unit}"
