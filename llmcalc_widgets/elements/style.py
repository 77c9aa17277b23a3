"""The style of every part, in JupyterLab's colours where there are any."""

from __future__ import annotations

from ipywidgets import HTML, Layout, VBox

from llmcalc_widgets.elements.assets import event_handler, read_asset

_CSS = read_asset("llmcalc_widgets.elements", "style.css")
_HIDE_STILL = event_handler(read_asset("llmcalc_widgets.elements", "hide_still.js"))
"""Hides the still after a live view; in CSS, ``:has`` would cost milliseconds at every change."""


def style_sheet() -> HTML:
    """Make the invisible widget that carries the style of a part, and hides what stands for it."""
    sheet = f'<style onload="{_HIDE_STILL}">{_CSS}</style>'
    return HTML(sheet, layout=Layout(display="none"))


def standing(part: str) -> str:
    """Write a part's HTML with its style, to be read without the widget."""
    return f'<div class="llmcalc"><style>{_CSS}</style>{part}</div>'


def row_of(*parts: VBox) -> VBox:
    """Put parts beside each other, and below where there is no room."""
    row = VBox(
        parts,
        layout=Layout(
            display="flex",
            flex_flow="row wrap",
            width="100%",
            align_items="flex-start",
            grid_gap="8px 20px",
        ),
    )
    row.add_class("llmcalc-row")
    return row
