"""The drawers below the explorer: each is made when it is first opened, and rests while shut."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any, Protocol

import pandas as pd
from ipywidgets import HTML, Button, HBox, Layout, Text, VBox, Widget

from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.drawing import Drawing
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import fold_button, label_with_tooltip
from llmcalc_widgets.elements.page import style_sheet
from llmcalc_widgets.export.front_stills import paint_chart
from llmcalc_widgets.export.listing import Listing, output_style
from llmcalc_widgets.export.stills import picture
from llmcalc_widgets.panels.load import TITLE, LoadDrawer
from llmcalc_widgets.panels.why import Why
from llmcalc_widgets.runner.simulations import LoadRunner
from llmcalc_widgets.settings.load import LoadQuestion
from llmcalc_widgets.state import Selection
from llmcalc_widgets.table.table import PlanTable
from llmcalc_widgets.text.units import number
from llmcalc_widgets.transport.disposal import parts_of

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 60

Maker = Callable[[Drawing, ChartView], bytes]


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


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
        self.link.value = _link(file_name(self._view, what, ending), kind, content)


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


def _link(name: str, kind: str, content: bytes) -> str:
    """Write a link that holds the file itself: nothing is left on a disk."""
    size = f"{number(len(content) / 1e3)} kB"
    return (
        f'<div class="llmcalc-status" role="status"><a download="{escape(name)}" '
        f'href="data:{kind};base64,{b64encode(content).decode()}">Save {escape(name)}</a> '
        f"({size})</div>"
    )


_CODE = "Python code"


class Drawn(Protocol):
    """What a drawer holds: a widget that can be brought to a view."""

    layout: Layout

    def show(self, view: ChartView) -> None:
        """Show a view, and what is selected now."""


class Outputs(VBox):
    """Buttons, and under them what each of them opens.

    Parameters
    ----------
    selection : Selection
        What is pointed at.
    drawing : Drawing
        What pictures are made of.
    loads : LoadRunner
        Computes load curves.
    include : callable
        Takes the widgets of a drawer that was opened (``BatchedMessages.include``).
    write : callable
        Writes what is set in a line.

    Attributes
    ----------
    view : ChartView or None
        What is shown; None before the first evaluation.
    compared : tuple of ComparedFront
        What is shown beside it.
    parts : dict of str to widget
        What has been opened so far, by the name of its drawer.
    """

    _made: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(
        self,
        selection: Selection,
        drawing: Drawing,
        loads: LoadRunner,
        include: Callable[[Sequence[Widget]], None],
        write: Callable[[], str],
    ) -> None:
        self._include, self._loads = include, loads
        self.view: ChartView | None = None
        self.compared: tuple[ComparedFront, ...] = ()
        self._makers: dict[str, Callable[[], Any]] = {
            "Why this plan?": partial(Why, selection),
            TITLE: partial(LoadDrawer, selection, loads),
            "Table of plans": partial(PlanTable, selection),
            _CODE: partial(Listing, selection, lambda: self.compared, self.load_question),
            "Files": partial(Files, drawing, write),
        }
        self.parts: dict[str, Any] = {}
        self.buttons = {name: fold_button(name) for name in self._makers}
        self._fixed = style_sheet(), output_style(), HBox([*self.buttons.values()])
        super().__init__(
            self._fixed,
            layout=Layout(flex="1 1 100%", min_width="0"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-outputs")
        loads.state.observe(self._show_load, "found")
        for name, button in self.buttons.items():
            button.observe(partial(self._switch, name), "value")

    def reveal(self, name: str) -> Any:  # noqa: ANN401 - each drawer holds a widget of its own
        """Open a drawer, and return what it holds.

        Raises
        ------
        ValueError
            For a name that no drawer has.
        """
        if name not in self.buttons:
            msg = f"name must be one of {', '.join(map(repr, self.buttons))}, got {name!r}"
            raise ValueError(msg)
        self.buttons[name].value = True
        return self.parts[name]

    def take(self, view: ChartView, compared: tuple[ComparedFront, ...]) -> None:
        """Take a view and the fronts compared with it, to be shown next; the selection is of it."""
        self.view, self.compared = view, compared

    def load_question(self) -> LoadQuestion | None:
        """Give what the load curve is of that is seen; None where none is."""
        return self._loads.state.found.answered if self.buttons[TITLE].value else None

    def show_selection(self) -> None:
        """Bring what is open to the view, and to what is selected in it."""
        if not self.buttons[TITLE].value:
            self._loads.clear()
        for name, part in self.parts.items():
            if self.view is not None and self.buttons[name].value:
                part.show(self.view)

    def close(self) -> None:
        """Close the drawers with all that they hold."""
        for part in self._made:
            part.close()
        super().close()

    def _show_load(self, _: object) -> None:
        """Write the code anew that gives the load curve too."""
        if self.view is not None and self.buttons[_CODE].value and _CODE in self.parts:
            self.parts[_CODE].show(self.view)

    def _switch(self, name: str, change: dict[str, Any]) -> None:
        opened = change["new"]
        if opened and name not in self.parts:
            self.parts[name] = self._makers[name]()
            made = parts_of(self.parts[name])
            self._include(made)
            self._made = [*self._made, *made]
            opened_so_far = [self.parts[each] for each in self.buttons if each in self.parts]
            self.children = [*self._fixed, *opened_so_far]
        self.parts[name].layout.display = None if opened else "none"
        self.show_selection()
