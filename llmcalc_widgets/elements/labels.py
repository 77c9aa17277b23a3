"""Labels with a tooltip, and the line below a control that says what is wrong with it."""

from __future__ import annotations

from html import escape
from typing import Any

from ipywidgets import HTML, Layout

_FOLDED = "<details><summary>Traceback</summary><pre>{}</pre></details>"


def label_with_tooltip(label: str, tooltip: str) -> dict[str, Any]:
    """Give the arguments that describe a control so that its label has a tooltip.

    ipywidgets shows the tooltip of a list or a text field only where it has no label.

    Examples
    --------
    >>> label_with_tooltip("Up", "What is up")["description"]
    '<span title="What is up">Up</span>'
    """
    words = f'<span title="{escape(tooltip)}">{escape(label)}</span>'
    return {"description": words, "description_allow_html": True}


class ErrorLine(HTML):
    """A line that says what is wrong, or an aside, and takes no room while there is neither.

    Parameters
    ----------
    about : str
        What the control above it means, where the form's script finds it.
    """

    def __init__(self, about: str = "") -> None:
        self._message = self._traceback = self._aside = ""
        super().__init__(tooltip=about or None, layout=Layout(display="none"))
        self.add_class("llmcalc-error")

    def show(self, message: str, traceback: str = "") -> None:
        """Show what is wrong, or nothing for an empty message; where it failed on demand."""
        if message != self._message:
            self._message, self._traceback = message, traceback
            self._write()

    def aside(self, words: str) -> None:
        """Show a remark while nothing is wrong; nothing for no words."""
        if words != self._aside:
            self._aside = words
            self._write()

    def _write(self) -> None:
        message, aside = escape(self._message), escape(self._aside)
        trace = _FOLDED.format(escape(self._traceback)) if self._traceback else ""
        if message:
            self.value = f'<span role="alert">{message}</span>{trace}'
        else:
            self.value = f'<span class="aside">{aside}</span>' if aside else ""
        self.layout.display = "" if self.value else "none"
