"""``ReplicaRunner``: finds what replicas carry with a percentile of requests within limits."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from llmcalc_widgets.runner.background import Background
from llmcalc_widgets.runner.evaluations import MOST_KEPT
from llmcalc_widgets.runner.event_loop import REST_S
from llmcalc_widgets.settings.slo_question import SloQuestion

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
    """

    def __init__(self, take: Take, refuse: Refuse, tell: Callable[[float | None], None]) -> None:
        self._take = take
        self._kept: dict[SloQuestion, pd.DataFrame] = {}
        self._background = Background[SloQuestion, pd.DataFrame](
            self._keep, lambda _, trouble: refuse(trouble), tell
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
