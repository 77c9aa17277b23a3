"""The line that says that something is being computed and how far it is, with a button to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from bqplot import Figure
from ipywidgets import HTML, Button, HBox, Layout

from llmcalc_widgets.runner.background import has_threads, running_loop
from llmcalc_widgets.text.units import counted, rounded, seconds

_TICK_S = 0.2
"""How often the time is shown anew [s]."""

_ALMOST = 0.99
"""More than this is not said to be done before it is."""


def cancel_layout() -> Layout:
    """Lay out a button that gives up what is computed; it is unseen where nothing can do that."""
    return Layout(width="auto", flex="0 0 auto", display=None if has_threads() else "none")


class ProgressNotice(HBox):
    """Covers a figure that is about to be replaced, and says how long that takes.

    One evaluation is one computation on arrays, which does not know how far it is: what is shown is
    the time so far as a share of the time that as many plans took before.

    Parameters
    ----------
    figure : Figure
        What fades meanwhile.
    cancel : callable
        Gives up what is computed.
    """

    def __init__(self, figure: Figure, cancel: Callable[[], None]) -> None:
        self._figure = figure
        self._start_s = self._expected_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._words, self._bar = HTML(), HTML()
        self._bar.add_class("llmcalc-elapsed")
        self.button = Button(
            description="Cancel",
            tooltip="Give up, and go back to the settings of the chart",
            layout=cancel_layout(),
        )
        super().__init__([self._words, self._bar, self.button], layout=Layout(display="none"))
        self.add_class("llmcalc-waiting")
        self.button.on_click(lambda _: cancel())

    def show(self, expected_s: float, plans: int = 0) -> None:
        """Say that something is being computed.

        Parameters
        ----------
        expected_s : float
            How long it takes, about [s]; 0 where nothing is computed any more.
        plans : int
            How many plans that are, about.
        """
        self._expected_s, self._start_s = expected_s, monotonic()
        self._stop()
        self.layout.display = None if expected_s else "none"
        if not expected_s:
            self._figure.remove_class("llmcalc-stale")
            return
        self._figure.add_class("llmcalc-stale")
        self._words.value = (
            f'<div role="status" aria-live="polite">Computing about '
            f"{counted(int(rounded(plans)), 'plan')}, about {seconds(expected_s)}. "
            "Until then all figures are of the settings before.</div>"
        )
        self._tick()

    def _tick(self) -> None:
        self._bar.value = progress(monotonic() - self._start_s, self._expected_s)
        loop = running_loop()
        self._timer = None if loop is None else loop.call_later(_TICK_S, self._tick)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


def progress(elapsed_s: float, expected_s: float) -> str:
    """Write how far a computation is, in HTML.

    Examples
    --------
    >>> progress(1.0, 4.0)
    '<progress max="1" value="0.25" aria-label="Computed"></progress> 25 %, 1.00 s'
    """
    share = min(elapsed_s / expected_s, _ALMOST)
    bar = f'<progress max="1" value="{share:.2f}" aria-label="Computed"></progress>'
    return f"{bar} {share:.0%}, {seconds(elapsed_s)}".replace("%", " %")
