"""The line that says that replicas are being simulated, how far that is, and a button to stop."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import HTML, Button, HBox, Layout, Widget

_WORDS = (
    '<div role="status" aria-live="polite">Simulating requests one by one, at rising rates, on the '
    "layouts of each device. Until then all figures are of the settings before.</div>"
)


class SloNotice(HBox):
    """Fades an answer that is about to be replaced, and says how far that is.

    Parameters
    ----------
    answer : Widget
        What fades meanwhile.
    cancel : callable
        Gives up what is computed.
    """

    def __init__(self, answer: Widget, cancel: Callable[[], None]) -> None:
        self._answer = answer
        self._bar = HTML()
        self._bar.add_class("llmcalc-elapsed")
        self.button = Button(
            description="Cancel",
            tooltip="Give up, and go back to the settings of the answer",
            layout=Layout(width="auto", flex="0 0 auto"),
        )
        super().__init__([HTML(_WORDS), self._bar, self.button], layout=Layout(display="none"))
        self.add_class("llmcalc-waiting")
        self.button.on_click(lambda _: cancel())

    def show(self, share: float | None) -> None:
        """Say which share is done [1]; None where nothing is computed any more."""
        if share is None:
            self._answer.remove_class("llmcalc-stale")
            self.layout.display = "none"
            return
        self._bar.value = simulated(share)
        self._answer.add_class("llmcalc-stale")
        self.layout.display = None


def simulated(share: float) -> str:
    """Write a share that is done, in HTML.

    Examples
    --------
    >>> simulated(0.25)
    '<progress max="1" value="0.25" aria-label="Simulated"></progress> 25 %'
    """
    bar = f'<progress max="1" value="{share:.2f}" aria-label="Simulated"></progress>'
    return f"{bar} {share:.0%}".replace("%", " %")
