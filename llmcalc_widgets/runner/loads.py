"""``LoadRunner``: computes load curves, the one that was asked for last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import Event

import pandas as pd

from llmcalc_widgets.runner.evaluations import MOST_KEPT
from llmcalc_widgets.runner.event_loop import REST_S, running_loop
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
        self._asked: LoadQuestion | None = None
        self._kept: dict[LoadQuestion, Load] = {}
        self._future: asyncio.Future[pd.DataFrame] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = Event()

    def submit(self, question: LoadQuestion) -> None:
        """Ask for a curve, unless it is being computed or there already."""
        if question == self._asked:
            return
        pause_s = 0.0 if self.state.found.curve is None and not self.state.running else REST_S
        self._forget()
        loop = running_loop()
        if question == self.state.found.question:
            return
        if question in self._kept:
            self._put(self._kept[question])
        elif loop is None:
            self._finish(question, question.curve)
        else:
            self._asked, self.state.share, self.state.running = question, 0.0, True
            self._timer = loop.call_later(pause_s, self._start)

    def refuse(self, trouble: str) -> None:
        """Say why there is no curve."""
        self._forget()
        self._put(Load(trouble=trouble))

    def clear(self) -> None:
        """Give up what is being computed, and forget what was."""
        self._forget()
        if self.state.found.curve is not None or self.state.found.trouble:
            self._put(Load())

    def close(self) -> None:
        """Give up what is being computed."""
        self._forget()

    def _start(self) -> None:
        """Compute what is asked for now, unless something is being computed still."""
        self._timer = None
        loop = running_loop()
        if self._asked is None or self._future is not None or loop is None:
            return
        question, self._stopped = self._asked, Event()
        stopped = self._stopped

        def progress(share: float) -> bool:
            loop.call_soon_threadsafe(self._tell, question, share)
            return not stopped.is_set()

        self._future = loop.run_in_executor(None, question.curve, progress)
        self._future.add_done_callback(partial(self._end, question))

    def _tell(self, question: LoadQuestion, share: float) -> None:
        if question == self._asked and share - self.state.share >= SHOWN_SHARE:
            self.state.share = share

    def _end(self, question: LoadQuestion, future: asyncio.Future[pd.DataFrame]) -> None:
        self._future = None
        if question == self._asked and not self._stopped.is_set():
            self._forget()
            self._finish(question, future.result)
        else:
            future.exception()
            if self._timer is None:
                self._start()

    def _finish(self, question: LoadQuestion, result: Callable[[], pd.DataFrame]) -> None:
        """Take a curve, or say why there is none; what is no wrong value is raised too."""
        try:
            found = Load(question=question, curve=result())
        except ValueError as error:
            found = Load(question=question, trouble=str(error))
        except Exception as error:
            failed = f"the simulation failed: {type(error).__name__}: {error}"
            self._put(Load(trouble=failed))
            raise
        self._kept[question] = found
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._put(found)

    def _put(self, found: Load) -> None:
        self.state.found = found

    def _forget(self) -> None:
        """Give up what is asked for, and what is being computed."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._asked = None
        self.state.running = False
