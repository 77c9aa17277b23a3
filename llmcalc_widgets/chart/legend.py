"""The legend of the chart, as text with small drawings."""

from __future__ import annotations

from llmcalc_widgets.chart.palette import GREY, PALETTE
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.text.units import number

_DOT = '<circle cx="6" cy="6" r="4.5" fill="{colour}"/>'
_CROSS = '<path d="M2 6H10M6 2V10" stroke="{colour}" stroke-width="2.6"/>'
_STEP = '<path d="M0 10H6V3H14" fill="none" stroke="currentColor" stroke-width="1.6"/>'
_DASH = '<path d="M7 0V12" stroke="currentColor" stroke-width="1.6" stroke-dasharray="3 2"/>'
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
        Tensor parallel widths and their places in the palette.
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
        f"{drawing(_DOT.format(colour=PALETTE[slot]))}TP {', '.join(names)}"
        for slot, names in widths.items()
    ]
    if slots:
        entries += [
            f"{drawing(_STEP, 14)}Pareto front",
            f"{drawing(DIAMOND)}recommended",
            f"{drawing(RING)}selected",
        ]
    if slots and view.banded is not None:
        entries.append(f"{drawing(_BAND, 14)}80 % band")
    if rejected:
        entries.append(f"{drawing(_CROSS.format(colour=GREY))}rejected")
    entries += [
        f"{drawing(_DASH, 14)}limit {number(limit)} {axis.unit}"
        for axis, limit in zip(view.axes, view.limits, strict=True)
        if limit is not None
    ]
    spans = "".join(f"<span>{entry}</span>" for entry in entries)
    return f'<div class="llmcalc-legend">{spans}</div>'
