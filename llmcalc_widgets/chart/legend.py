"""The legend of the chart, as text with small drawings."""

from __future__ import annotations

from collections.abc import Sequence

from llmcalc_widgets.chart.axes import AXES
from llmcalc_widgets.chart.palette import COLOUR_WORDS, GREY, PALETTE
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.text.units import number

_DOT = '<circle cx="6" cy="6" r="4.5" fill="{colour}"/>'
_CROSS = '<path d="M2 6H10M6 2V10" stroke="{colour}" stroke-width="2.6"/>'
_STEP = '<path d="M0 10H6V3H14" fill="none" stroke="currentColor" stroke-width="1.6"/>'
_DASH = '<path d="M7 0V12" stroke="currentColor" stroke-width="1.6" stroke-dasharray="3 2"/>'
_LEVEL = '<path d="M0 6H14" stroke="currentColor" stroke-width="1.6" stroke-dasharray="4 2"/>'
_BAND = '<rect y="1" width="14" height="10" fill="currentColor" opacity="0.25"/>'
DIAMOND = '<path d="M6 0L12 6L6 12L0 6Z" fill="none" stroke="currentColor" stroke-width="1.8"/>'
RING = '<circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="2"/>'


def drawing(shape: str, width: int = 12) -> str:
    """Draw a shape beside its word."""
    return f'<svg width="{width}" height="12" aria-hidden="true">{shape}</svg>'


def legend(slots: dict[int, int], view: ChartView, *, rejected: bool) -> str:
    """Write the legend.

    Parameters
    ----------
    slots : dict of int to int
        Widths, or counts, that are told apart, and their places in the palette.
    view : ChartView
        What is drawn, with its limits.
    rejected : bool
        Whether rejected plans are drawn.

    Returns
    -------
    str
        HTML.
    """
    widths: dict[int, list[str]] = {}
    for width, slot in slots.items():
        widths.setdefault(slot, []).append(str(width))
    entries = [
        f"{drawing(_DOT.format(colour=PALETTE[slot]))}{coloured_words(view, names)}"
        for slot, names in widths.items()
    ]
    if slots:
        entries += [
            f"{drawing(_STEP, 14)}front",
            f"{drawing(DIAMOND)}recommended",
            f"{drawing(RING)}selected",
        ]
    if slots and view.banded is not None:
        entries.append(f"{drawing(_BAND, 14)}80 % band")
    if rejected:
        entries.append(f"{drawing(_CROSS.format(colour=GREY))}rejected")
    entries += [
        f"{drawing(line, 14)}{words}"
        for line, words in zip((_DASH, _LEVEL), limits_words(view), strict=True)
        if words
    ]
    spans = "".join(f"<span>{entry}</span>" for entry in entries)
    return f'<div class="llmcalc-legend">{spans}</div>'


def coloured_words(view: ChartView, names: Sequence[str]) -> str:
    """Say which plans have a colour."""
    words, several = COLOUR_WORDS[view.colour_by], ", ".join(names)
    if words.isupper():
        return f"{words} {several}"
    return f"{several} {words if names != ['1'] else words.removesuffix('s')}"


def limits_words(view: ChartView) -> tuple[str, str]:
    """Name the limits that are drawn across and up; empty for none.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.chart.view import chart_view
    >>> asked = {"phase": "serving", "batch": 8, "tpot_limit_s": 0.02}
    >>> found = evaluate(make_request("llama3_8b", "H100_80GB", 1, **asked))
    >>> limits_words(chart_view(found, "ttft", "tpot"))
    ('', 'TPOT limit 20.0 ms')
    >>> limits_words(chart_view(found, None, None))
    ('limit 50.0 tokens/s per user', '')
    """
    across, up = (
        "" if limit is None else f"{_limited(name)} {number(limit)} {axis.unit}"
        for name, axis, limit in zip(view.names, view.axes, view.limits, strict=True)
    )
    return across, up


def _limited(name: str) -> str:
    """Name the limit of an axis: of which time, where the unit does not say it."""
    return "limit" if AXES[name].inverse else f"{AXES[name].name} limit"
