"""The event loop that runs here, and how long it waits until nothing changes any more."""

from __future__ import annotations

import asyncio

REST_S = 0.25
"""What is simulated begins when nothing has changed for so long [s]."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
