"""``LoadRunner``: computes load curves, the one that was asked for last."""

from __future__ import annotations

import pandas as pd

from llmcalc_widgets.runner.background import Background
from llmcalc_widgets.runner.evaluations import MOST_KEPT
from llmcalc_widgets.runner.event_loop import REST_S
from llmcalc_widgets.settings.load_question import LoadQuestion
from llmcalc_widgets.state import Load, LoadState

SHOWN_SHARE = 0.01
"""Less progress than this is not shown [1]: each time is a message to the page."""


class LoadRunner:
    """Computes load curves, and puts the one that was asked for last into a state.

    Where an event loop runs, in the background: what is asked for while one is computed waits for
    its end, and only the last of it is computed. Curves that were used last are kept.

    Parameters
    ----------
    state : LoadState
        What they are put into.
    """

    def __init__(self, state: LoadState) -> None:
        self.state = state
        self._kept: dict[LoadQuestion, Load] = {}
        self._background = Background[LoadQuestion, pd.DataFrame](
            self._take, self._refuse, self._tell
        )

    def submit(self, question: LoadQuestion) -> None:
        """Ask for a curve, unless it is being computed or there already."""
        if question == self._background.asked:
            return
        pause_s = 0.0 if self.state.found.curve is None and not self.state.running else REST_S
        self._background.stop()
        if question == self.state.found.question:
            return
        if question in self._kept:
            self._put(self._kept[question])
        else:
            self._background.submit(question, question.curve, pause_s, here=False)

    def refuse(self, trouble: str) -> None:
        """Say why there is no curve."""
        self._background.stop()
        self._put(Load(trouble=trouble))

    def clear(self) -> None:
        """Give up what is being computed, and forget what was."""
        self._background.stop()
        if self.state.found.curve is not None or self.state.found.trouble:
            self._put(Load())

    def close(self) -> None:
        """Give up what is being computed."""
        self._background.stop()

    def _tell(self, share: float | None) -> None:
        if share is None:
            self.state.running = False
        elif not self.state.running:
            self.state.share, self.state.running = share, True
        elif share - self.state.share >= SHOWN_SHARE:
            self.state.share = share

    def _take(self, question: LoadQuestion, curve: pd.DataFrame) -> None:
        self._keep(question, Load(question=question, curve=curve))

    def _refuse(self, question: LoadQuestion | None, trouble: str) -> None:
        found = Load(question=question, trouble=trouble)
        if question is None:
            self._put(found)
        else:
            self._keep(question, found)

    def _keep(self, question: LoadQuestion, found: Load) -> None:
        self._kept[question] = found
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._put(found)

    def _put(self, found: Load) -> None:
        self.state.found = found
