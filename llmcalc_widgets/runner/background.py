"""``Background``: computes what was asked for last, while the page stays alive."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from threading import Event, RLock
from typing import Any, Generic, TypeVar

from llmcalc_widgets.state import Shared

REST_S = 0.25
"""What is simulated begins when nothing has changed for so long [s]."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def has_threads() -> bool:
    """Whether work goes on beside the event loop: in JupyterLite's one thread nothing can stop it.

    There ``run_in_executor`` returns when the work is done (``pyodide/webloop.py`` 314.0).
    """
    return sys.platform != "emscripten"


def is_pending(future: asyncio.Future[Any] | None) -> bool:
    """Whether something is computed whose end will be told: its event loop has not ended."""
    return future is not None and not future.get_loop().is_closed()


Question = TypeVar("Question")
Found = TypeVar("Found")


class Background(Generic[Question, Found]):
    """Computes one thing at a time beside the event loop, and of what was asked meanwhile the last.

    It may be asked and stopped from any thread: JupyterLab sends what happens in the page to a
    subshell of the kernel, whose thread runs beside that of the cells, and may end (JEP 91, "Kernel
    subshells"; ipykernel 7). All else happens in the event loop of the thread that asked.

    Parameters
    ----------
    take : callable
        Takes a question and what was found.
    refuse : callable
        Takes a question and why it has no answer; None in its place where computing it failed, and
        may not fail again. Such an error is raised, too.
    tell : callable
        Takes the share that is done; None where nothing is computed any more.
    state : Shared
        Whose lock is held while any of them is called.
    """

    def __init__(
        self,
        take: Callable[[Question, Found], None],
        refuse: Callable[[Question | None, str], None],
        tell: Callable[[float | None], None],
        state: Shared,
    ) -> None:
        self._state = state
        self._take, self._refuse, self._tell = take, refuse, tell
        self._asked: Question | None = None
        self._compute: Callable[..., Found] | None = None
        self._resting = False
        self._future: asyncio.Future[Found] | None = None
        self._stopped = Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def asked(self) -> Question | None:
        """What is being computed, or waits for it; not what a thread asked that has ended."""
        return None if self._loop is None or self._loop.is_closed() else self._asked

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
        running = running_loop()
        if here or running is None:
            self._finish(question, compute)
            return
        with self._lock:
            self._loop, self._resting = running, True
            self._asked, self._compute = question, compute
            self._tell(0.0)
            running.call_later(pause_s, self._begin, question)

    def stop(self) -> None:
        """Give up what is asked for, and what is being computed."""
        with self._lock:
            self._stopped.set()
            asked, self._asked, self._compute, self._resting = self._asked, None, None, False
            if asked is not None:
                self._tell(None)

    def _begin(self, question: Question) -> None:
        with self._lock:
            if question is self._asked:
                self._resting = False
                self._start()

    def _start(self) -> None:
        """Compute what is asked for now, unless something is being computed still."""
        loop, question, compute = self._loop, self._asked, self._compute
        if question is None or compute is None or loop is None or is_pending(self._future):
            return
        stopped = self._stopped = Event()

        def progress(share: float) -> bool:
            if stopped.is_set() or loop.is_closed():
                return False
            if has_threads():
                loop.call_soon_threadsafe(self._tell_of, stopped, share)
            else:
                self._tell_of(stopped, share)
            return True

        self._future = loop.run_in_executor(None, compute, progress)
        self._future.add_done_callback(partial(self._end, question, stopped))

    def _tell_of(self, stopped: Event, share: float) -> None:
        with self._lock:
            if not stopped.is_set():
                self._tell(share)

    def _end(self, question: Question, stopped: Event, future: asyncio.Future[Found]) -> None:
        with self._lock:
            self._future = None
            if stopped.is_set():
                future.exception()
                asked, loop = self.asked, self._loop
                if asked is not None and loop is not None and not self._resting:
                    loop.call_soon_threadsafe(self._begin, asked)
                return
            self.stop()
            self._finish(question, future.result)

    def _finish(self, question: Question, result: Callable[[], Found]) -> None:
        """Hand over what was found, or say why nothing was."""
        with self._lock:
            try:
                found = result()
            except ValueError as error:
                self._refuse(question, str(error))
            except Exception as error:
                self._refuse(None, f"the simulation failed: {type(error).__name__}: {error}")
                raise
            else:
                self._take(question, found)

    @property
    def _lock(self) -> RLock:
        return self._state.lock
