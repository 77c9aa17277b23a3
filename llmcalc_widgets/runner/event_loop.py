"""The event loop that runs here, and how long it waits until nothing changes any more."""

from __future__ import annotations

import asyncio
from typing import Any

REST_S = 0.25
"""What is simulated begins when nothing has changed for so long [s]."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_pending(future: asyncio.Future[Any] | None) -> bool:
    """Whether something is computed whose end will be told: its event loop has not ended."""
    return future is not None and not future.get_loop().is_closed()
