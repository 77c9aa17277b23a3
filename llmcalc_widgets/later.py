"""Work that can wait until the browser has the more urgent messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SOON_S = 0.045
"""How long it waits [s]: three frames of the screen, in which what goes first is drawn."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Later:
    """Does one thing a little later, or at once where no event loop runs."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do this soon, in place of what still waits."""
        self.cancel()
        self._work = work
        loop = running_loop()
        if loop is None:
            self.flush()
        else:
            self._timer = loop.call_later(SOON_S, self.flush)

    def flush(self) -> None:
        """Do now what waits, if anything does."""
        work = self._work
        self.cancel()
        if work is not None:
            work()

    def cancel(self) -> None:
        """Forget what waits."""
        if self._timer is not None:
            self._timer.cancel()
        self._work = self._timer = None
