"""Files to save: the plans as CSV, the chart as a picture, each in a link that holds it."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from html import escape

import pandas as pd
from ipywidgets import HTML, Button, HBox, Layout, Text, VBox

from llmcalc_core import csv_text
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import label_with_tooltip
from llmcalc_widgets.export.chart_still import paint_chart
from llmcalc_widgets.export.stills import picture
from llmcalc_widgets.text.units import number

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 60

PLAIN_MOST, LINK_MOST = 1_000_000, 5_000_000
"""Beyond these a file is compressed, and not put into the page at all [bytes].

A link's file is a value of a widget: one message, kept by the page and by a notebook that is saved.
"""

Maker = Callable[[Drawing, ChartView], bytes]


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_text(frame).encode()


def _picture(drawing: Drawing, view: ChartView, kind: str) -> bytes:
    return picture(lambda figure: paint_chart(figure, drawing, view), kind)


_KINDS: dict[str, tuple[str, str, str, Maker]] = {
    "All plans (CSV)": ("plans", "csv", "text/csv", lambda _, view: _csv(view.frame)),
    "Front (CSV)": ("front", "csv", "text/csv", lambda _, view: _csv(view.front_frame)),
    "Chart (PNG)": ("chart", "png", "image/png", partial(_picture, kind="png")),
    "Chart (SVG)": ("chart", "svg", "image/svg+xml", partial(_picture, kind="svg")),
}
"""What can be saved: what it is called in a file's name, its ending, its type, what makes it."""


class Files(VBox):
    """Makes a file when its button is pressed, and shows a link to save it.

    Parameters
    ----------
    drawing : Drawing
        What the pictures show.
    write : callable
        Writes what is set in a line.
    """

    def __init__(self, drawing: Drawing, write: Callable[[], str]) -> None:
        self._drawing, self._write = drawing, write
        self._view: ChartView | None = None
        self.buttons = {
            name: Button(description=name, tooltip=f"{name}: make it", layout=Layout(width="auto"))
            for name in _KINDS
        }
        self.link = HTML()
        self.text = Text(
            **label_with_tooltip(
                "Setting as text",
                "What is set, to be sent to somebody: ParetoExplorer.from_text reads it, and so "
                "does Compare with",
            ),
            disabled=True,
            layout=Layout(width="auto"),
            style={"description_width": "initial"},
        )
        super().__init__([HBox([*self.buttons.values()]), self.link, self.text])
        for name, button in self.buttons.items():
            button.on_click(partial(self._make, name))

    def show(self, view: ChartView) -> None:
        """Take a view; a link to a file of what was shown before goes."""
        self._view = view
        self.link.value = ""
        try:
            self.text.value = self._write()
        except ValueError as error:
            self.text.value = str(error)

    def _make(self, name: str, _: object) -> None:
        if self._view is None:
            return
        what, ending, kind, make = _KINDS[name]
        try:
            content = make(self._drawing, self._view)
        except ImportError as error:
            self.link.value = f'<div class="llmcalc-note" role="alert">{escape(str(error))}</div>'
            return
        self.link.value = link_to(file_name(self._view, what, ending), kind, content)


def file_name(view: ChartView, what: str, ending: str) -> str:
    """Name a file after what is in it, of characters that every system takes.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.chart.view import chart_view
    >>> evaluation = evaluate(make_request("llama2_7b", "A100_80GB", 2, batch=1))
    >>> file_name(chart_view(evaluation, None, None), "front", "csv")
    'llmcalc-meta_llama_Llama_2_7b_hf-2_x_A100_80GB-decode-front.csv'
    """
    request = view.evaluation.request
    model, device = request.models[0].model, request.hardware[0].name
    parts = (model, f"{request.devices[-1]}_x_{device}", request.phase, what)
    safe = (_UNSAFE.sub("_", part)[:_LONGEST].strip("_") for part in parts)
    return f"{'-'.join(('llmcalc', *filter(None, safe)))}.{ending}"


def link_to(name: str, kind: str, content: bytes) -> str:
    """Write a link that holds the file itself, compressed where it is large.

    Nothing is left on a disk. In place of what is too large even so stands the code that writes it.

    Parameters
    ----------
    name, kind : str
        Of the file: its name and its media type.
    content : bytes
        What is in it.
    """
    if len(content) > PLAIN_MOST:
        name, kind = f"{name}.gz", "application/gzip"
        content = gzip.compress(content, mtime=0)
    size = f"{number(len(content) / 1e3)} kB"
    if len(content) > LINK_MOST:
        return (
            f'<div class="llmcalc-note" role="alert">{escape(name)} has {size}, which is too much '
            f"for a page. In Python, <code>explorer.df.to_csv(&quot;plans.csv&quot;)</code> writes "
            "all plans.</div>"
        )
    return (
        f'<div class="llmcalc-status" role="status"><a download="{escape(name)}" '
        f'href="data:{kind};base64,{b64encode(content).decode()}">Save {escape(name)}</a> '
        f"({size})</div>"
    )
