"""What is folded away at first, and made when it is first unfolded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import Layout, ToggleButton, VBox, Widget

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
