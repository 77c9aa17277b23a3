"""Labels with a tooltip, the line below a control that says what is wrong with it, and folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from ipywidgets import HTML, Layout, ToggleButton, VBox, Widget

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


_ICONS = {False: "chevron-right", True: "chevron-down"}


def fold_button(title: str) -> ToggleButton:
    """Make the button that shows and hides what has a title; its icon says which comes next."""
    button = ToggleButton(
        description=title,
        tooltip=f"{title}: press to show or hide",
        icon=_ICONS[False],
        layout=Layout(width="auto"),
    )
    button.observe(lambda change: setattr(button, "icon", _ICONS[change["new"]]), "value")
    return button


class Fold(VBox):
    """A button, and under it what it shows.

    Parameters
    ----------
    title : str
        On the button.
    make : callable
        Makes what is shown.
    """

    def __init__(self, title: str, make: Callable[[], Sequence[Widget]]) -> None:
        self._title = title
        self._make = make
        self._body: VBox | None = None
        self.button = fold_button(title)
        super().__init__([self.button])
        self.add_class("llmcalc-fold")
        self.button.observe(lambda change: self._switch(opened=change["new"]), "value")

    def reveal(self) -> None:
        """Show what is in it."""
        self.button.value = True

    def say(self, used: int) -> None:
        """Say on the button how many of the settings in it are set."""
        words = f"{self._title} ({used} set)" if used else self._title
        if self.button.description != words:
            self.button.description = words

    def _switch(self, *, opened: bool) -> None:
        if self._body is None:
            self._body = VBox(self._make())
            self._body.add_class("llmcalc-folded")
            self.children = (self.button, self._body)
        self._body.layout.display = None if opened else "none"
