"""What goes into the page: style sheets and scripts, files beside the modules that need them.

A script that a widget of HTML carries is run by an event attribute, such as ``onload`` of its style
sheet: ipywidgets puts HTML into the page without running its ``<script>``. Its file is a module
whose default export is a function of the element and of options.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from json import dumps
from typing import Any

from ipywidgets import HTML, Layout, VBox


def read_asset(package: str, name: str) -> str:
    """Read a file that lies in a package, such as a style sheet."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def event_handler(script: str, **options: Any) -> str:  # noqa: ANN401 - whatever JSON can carry
    """Write a script as the value of an event attribute, ready to stand between double quotes.

    Parameters
    ----------
    script : str
        A module with ``export default function``.
    **options
        What the function is given after the element that has the attribute.

    Examples
    --------
    >>> print(event_handler("export default function (element, options) {}", key="Home"))
    const run = function (element, options) {};
    run(this, {&quot;key&quot;: &quot;Home&quot;});
    """
    declared = script.strip().replace("export default", "const run =", 1)
    return escape(f"{declared};\nrun(this, {dumps(options)});")


def page_script(script: str, **options: Any) -> HTML:  # noqa: ANN401 - as above
    """Make the invisible widget that runs a script when it comes into the page."""
    style = f'<style onload="{event_handler(script, **options)}"></style>'
    return HTML(style, layout=Layout(display="none"))


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
