"""The line that says that something is being computed, with a button to give it up."""

from __future__ import annotations

from collections.abc import Callable

from bqplot import Figure
from ipywidgets import HTML, Button, HBox, Layout

from llmcalc_widgets.view.units import seconds


class Waiting(HBox):
    """Covers a figure that is about to be replaced, and says how long that takes.

    Parameters
    ----------
    figure : Figure
        What fades meanwhile.
    cancel : callable
        Gives up what is computed.
    """

    def __init__(self, figure: Figure, cancel: Callable[[], None]) -> None:
        self._figure = figure
        self._words = HTML()
        self.button = Button(
            description="Cancel",
            tooltip="Give up, and go back to the settings of the chart",
            layout=Layout(width="auto"),
        )
        super().__init__([self._words, self.button], layout=Layout(display="none"))
        self.add_class("llmcalc-waiting")
        self.button.on_click(lambda _: cancel())

    def show(self, expected_s: float) -> None:
        """Say that something is being computed that takes about so long [s]; nothing for 0."""
        self.layout.display = None if expected_s else "none"
        if expected_s:
            self._figure.add_class("llmcalc-stale")
            self._words.value = (
                '<div role="status" aria-live="polite">Computing, '
                f"about {seconds(expected_s)}. Until then all figures are of the settings before."
                "</div>"
            )
        else:
            self._figure.remove_class("llmcalc-stale")
