"""``Background``: computes what was asked for last, while the page stays alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Generic, TypeVar

from llmcalc_widgets.runner.event_loop import running_loop

Question = TypeVar("Question")
Found = TypeVar("Found")


class Background(Generic[Question, Found]):
    """Computes one thing at a time beside the event loop, and of what was asked meanwhile the last.

    Parameters
    ----------
    take : callable
        Takes a question and what was found.
    refuse : callable
        Takes a question and why it has no answer; None in its place where computing it failed, and
        may not fail again. Such an error is raised, too.
    tell : callable
        Takes the share that is done; None where nothing is computed any more.

    Attributes
    ----------
    asked : object or None
        What is being computed, or waits for it.
    """

    def __init__(
        self,
        take: Callable[[Question, Found], None],
        refuse: Callable[[Question | None, str], None],
        tell: Callable[[float | None], None],
    ) -> None:
        self._take, self._refuse, self._tell = take, refuse, tell
        self.asked: Question | None = None
        self._compute: Callable[..., Found] | None = None
        self._future: asyncio.Future[Found] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = Event()

    def submit(
        self, question: Question, compute: Callable[..., Found], pause_s: float, *, here: bool
    ) -> None:
        """Compute something, and nothing else that was asked for.

        Parameters
        ----------
        question : object
            What is asked.
        compute : callable
            Gives the answer; its argument is told the share that is done, and returns whether to go
            on.
        pause_s : float
            How long nothing else must be asked before it begins [s].
        here : bool
            Whether to compute it at once, as is done where no event loop runs.
        """
        self.stop()
        loop = running_loop()
        if here or loop is None:
            self._finish(question, compute)
            return
        self.asked, self._compute = question, compute
        self._tell(0.0)
        self._timer = loop.call_later(pause_s, self._start)

    def stop(self) -> None:
        """Give up what is asked for, and what is being computed."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self.asked is not None:
            self._tell(None)
        self._timer = self.asked = self._compute = None

    def _start(self) -> None:
        """Compute what is asked for now, unless something is being computed still."""
        self._timer = None
        loop, compute = running_loop(), self._compute
        if self.asked is None or compute is None or self._future is not None or loop is None:
            return
        question, self._stopped = self.asked, Event()
        stopped = self._stopped

        def progress(share: float) -> bool:
            loop.call_soon_threadsafe(self._tell_of, question, share)
            return not stopped.is_set()

        self._future = loop.run_in_executor(None, compute, progress)
        self._future.add_done_callback(partial(self._end, question))

    def _tell_of(self, question: Question, share: float) -> None:
        if question == self.asked:
            self._tell(share)

    def _end(self, question: Question, future: asyncio.Future[Found]) -> None:
        self._future = None
        if question == self.asked and not self._stopped.is_set():
            self.stop()
            self._finish(question, future.result)
        else:
            future.exception()
            if self._timer is None:
                self._start()

    def _finish(self, question: Question, result: Callable[[], Found]) -> None:
        """Hand over what was found, or say why nothing was."""
        try:
            found = result()
        except ValueError as error:
            self._refuse(question, str(error))
        except Exception as error:
            self._refuse(None, f"the simulation failed: {type(error).__name__}: {error}")
            raise
        else:
            self._take(question, found)
