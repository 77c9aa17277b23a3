"""The Python behind what is shown, to be copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from ipywidgets import HTML, Layout, VBox

from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import Fold
from llmcalc_widgets.elements.page import event_handler, read_asset
from llmcalc_widgets.export.widget_code import explorer_code
from llmcalc_widgets.settings.load import LoadQuestion
from llmcalc_widgets.state import Selection

_COPY = event_handler(read_asset("llmcalc_widgets.export", "copy_code.js"))
_STYLE = f"<style>{read_asset('llmcalc_widgets.export', 'outputs.css')}</style>"


def output_style() -> HTML:
    """Make the invisible widget that carries the style of what is shown below a widget."""
    return HTML(_STYLE, layout=Layout(display="none"))


class CodeFold(Fold):
    """A folded program, which is written while it is unfolded.

    Parameters
    ----------
    write : callable
        Gives the program.

    Attributes
    ----------
    listing : HTML
        The program and its button, made when it is first unfolded.
    """

    listing: HTML

    def __init__(self, write: Callable[[], str]) -> None:
        self._write = write
        super().__init__("Python code", self._make_listing)
        self.button.observe(lambda _: self.refresh(), "value")

    def refresh(self) -> None:
        """Write the program again if it is seen."""
        if not self.button.value:
            return
        try:
            self.listing.value = code_page(self._write())
        except ValueError as error:
            self.listing.value = f'<div class="llmcalc-note">{escape(str(error))}</div>'

    def _make_listing(self) -> list[VBox]:
        self.listing = HTML()
        shown = VBox([output_style(), self.listing])
        shown.add_class("llmcalc-listing")
        return [shown]


class Listing(VBox):
    """Shows the Python that gives what is shown.

    Parameters
    ----------
    selection : Selection
        The plan that the code selects too.
    compared : callable
        Gives what is shown beside the view.
    load : callable
        Gives what the load curve is of that is shown, or None.
    """

    def __init__(
        self,
        selection: Selection,
        compared: Callable[[], Sequence[ComparedFront]],
        load: Callable[[], LoadQuestion | None],
    ) -> None:
        self._selection = selection
        self._compared, self._load = compared, load
        self.code = HTML()
        super().__init__([self.code])
        self.add_class("llmcalc-listing")

    def show(self, view: ChartView) -> None:
        """Write the code of a view, and of what is selected in it."""
        code = explorer_code(view, self._selection.row, self._compared(), self._load())
        self.code.value = code_page(code)


def code_page(code: str) -> str:
    """Write code and its button as HTML."""
    lines = code.count("\n") + 1
    return (
        f'<button type="button" class="jupyter-button" onclick="{_COPY}">Copy</button>'
        f'<textarea readonly rows="{lines}" spellcheck="false" wrap="off" '
        f'aria-label="Python code">{escape(code)}</textarea>'
    )
