"""``ReplicaRunner``: finds what replicas carry with a percentile of requests within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import Event

import pandas as pd

from llmcalc_widgets.runner.evaluations import MOST_KEPT
from llmcalc_widgets.runner.event_loop import REST_S, running_loop
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
        self._take, self._refuse, self._tell = take, refuse, tell
        self._asked: SloQuestion | None = None
        self._kept: dict[SloQuestion, pd.DataFrame] = {}
        self._future: asyncio.Future[pd.DataFrame] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = Event()

    def submit(self, question: SloQuestion, *, background: bool) -> None:
        """Find what replicas carry.

        Parameters
        ----------
        question : SloQuestion
            Which replicas, and within what.
        background : bool
            Whether it may be found in the background, where an event loop runs.
        """
        if question == self._asked:
            return
        self.stop()
        loop = running_loop() if background else None
        if question in self._kept:
            self._keep(question, self._kept.pop(question))
        elif loop is None:
            self._finish(question, question.replicas)
        else:
            self._asked = question
            self._tell(0.0)
            self._timer = loop.call_later(REST_S, self._start)

    def stop(self) -> None:
        """Give up what is being computed."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._asked is not None:
            self._tell(None)
        self._timer = self._asked = None

    def _start(self) -> None:
        """Simulate what is asked for now, unless something is being simulated still."""
        self._timer = None
        loop = running_loop()
        if self._asked is None or self._future is not None or loop is None:
            return
        question, self._stopped = self._asked, Event()
        stopped = self._stopped

        def progress(share: float) -> bool:
            loop.call_soon_threadsafe(self._tell_of, question, share)
            return not stopped.is_set()

        self._future = loop.run_in_executor(None, question.replicas, progress)
        self._future.add_done_callback(partial(self._end, question))

    def _tell_of(self, question: SloQuestion, share: float) -> None:
        if question == self._asked:
            self._tell(share)

    def _end(self, question: SloQuestion, future: asyncio.Future[pd.DataFrame]) -> None:
        self._future = None
        if question == self._asked and not self._stopped.is_set():
            self.stop()
            self._finish(question, future.result)
        else:
            future.exception()
            if self._timer is None:
                self._start()

    def _finish(self, question: SloQuestion, result: Callable[[], pd.DataFrame]) -> None:
        """Take replicas, or say why there are none; what is no wrong value is raised."""
        try:
            found = result()
        except ValueError as error:
            self._refuse(str(error))
            return
        self._keep(question, found)

    def _keep(self, question: SloQuestion, found: pd.DataFrame) -> None:
        self._kept[question] = found
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._take(question, found)
