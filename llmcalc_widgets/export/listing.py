"""The Python behind what is shown, to be copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from ipywidgets import HTML, VBox

from llmcalc_widgets.chart.front_comparison import Rival
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.selection import Selection
from llmcalc_widgets.export.code import code_of
from llmcalc_widgets.export.style import output_style
from llmcalc_widgets.panels.fold import Fold

# Widgets know no clipboard: a handler in the page selects the text and copies what is selected,
# which works on plain http as well. Where a page forbids handlers, the text is there to select.
_COPY = (
    "const code = this.parentElement.querySelector('textarea'); code.focus(); code.select(); "
    "this.textContent = document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C'; "
    "this.focus(); setTimeout(() => { this.textContent = 'Copy'; }, 2000);"
)


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
    rivals : callable
        Gives what is shown beside the scene.
    """

    def __init__(self, selection: Selection, rivals: Callable[[], Sequence[Rival]]) -> None:
        self._selection = selection
        self._rivals = rivals
        self.code = HTML()
        super().__init__([self.code])
        self.add_class("llmcalc-listing")

    def show(self, scene: Scene) -> None:
        """Write the code of a scene, and of what is selected in it."""
        self.code.value = code_page(code_of(scene, self._selection.row, self._rivals()))


def code_page(code: str) -> str:
    """Write code and its button as HTML."""
    lines = code.count("\n") + 1
    return (
        f'<button type="button" class="jupyter-button" onclick="{escape(_COPY)}">Copy</button>'
        f'<textarea readonly rows="{lines}" spellcheck="false" wrap="off" '
        f'aria-label="Python code">{escape(code)}</textarea>'
    )
