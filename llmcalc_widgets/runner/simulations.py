"""What is simulated, of what was asked last: load curves, and what replicas carry."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from llmcalc_widgets.runner.background import REST_S, Background
from llmcalc_widgets.runner.evaluations import MOST_KEPT
from llmcalc_widgets.settings.load import LoadQuestion, SloQuestion
from llmcalc_widgets.state import Load, LoadState, Shared

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
            self._take, self._refuse, self._tell, state
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


Take = Callable[[SloQuestion, pd.DataFrame], None]
Refuse = Callable[[str], None]


class ReplicaRunner:
    """Simulates what replicas carry, of the question that was asked last, and keeps what it found.

    Parameters
    ----------
    take : callable
        Takes a question and its replicas, as :func:`llmcalc_core.slo_replicas` gives them.
    refuse : callable
        Takes the reason where there are none.
    tell : callable
        Takes the share that is done; None where nothing is computed any more.
    state : Shared
        Whose lock is held while any of them is called.
    """

    def __init__(
        self, take: Take, refuse: Refuse, tell: Callable[[float | None], None], state: Shared
    ) -> None:
        self._take = take
        self._kept: dict[SloQuestion, pd.DataFrame] = {}
        self._background = Background[SloQuestion, pd.DataFrame](
            self._keep, lambda _, trouble: refuse(trouble), tell, state
        )

    def submit(self, question: SloQuestion, *, background: bool) -> None:
        """Find what replicas carry.

        Parameters
        ----------
        question : SloQuestion
            Which replicas, and within what.
        background : bool
            Whether it may be found in the background, where an event loop runs.
        """
        if question == self._background.asked:
            return
        if question in self._kept:
            self.stop()
            self._keep(question, self._kept.pop(question))
        else:
            self._background.submit(question, question.replicas, REST_S, here=not background)

    def stop(self) -> None:
        """Give up what is being computed."""
        self._background.stop()

    def _keep(self, question: SloQuestion, found: pd.DataFrame) -> None:
        self._kept[question] = found
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._take(question, found)
