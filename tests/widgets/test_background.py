"""What is computed in the background, asked for and stopped from several threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine

from llmcalc_widgets.runner.background import Background
from llmcalc_widgets.state import Shared


def _slow(progress: Callable[[float], bool]) -> str:
    for step in range(400):
        if not progress(step / 400):
            break
        time.sleep(0.005)
    return "slow"


def test_nothing_is_told_after_it_was_stopped_from_another_thread() -> None:
    told: list[float | None] = []
    going = asyncio.Event()

    def tell(share: float | None) -> None:
        told.append(share)
        if share:
            going.set()
        if share is None:
            time.sleep(0.1)  # the loop's thread goes on meanwhile

    async def ask() -> None:
        background = Background[str, str](lambda *_: None, lambda *_: None, tell, Shared())
        background.submit("slow", _slow, 0.0, here=False)
        await going.wait()
        await asyncio.to_thread(background.stop)
        await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert told[-1] is None
    assert told.count(None) == 1


def test_what_a_thread_asked_that_has_ended_can_be_asked_again() -> None:
    # JupyterLab may delete a subshell of the kernel, and with it the thread's event loop.
    found: list[tuple[str, str]] = []
    came, asked = asyncio.Event(), threading.Event()

    def take(question: str, answer: str) -> None:
        found.append((question, answer))
        came.set()

    def slow(progress: Callable[[float], bool]) -> str:
        asked.set()
        while progress(0.5):
            time.sleep(0.005)
        return "given up"

    async def ask() -> None:
        background = Background[str, str](take, lambda *_: None, lambda _: None, Shared())

        async def submit() -> None:
            background.submit("same", slow, 0.0, here=False)
            await asyncio.to_thread(asked.wait)

        await asyncio.to_thread(_run_and_leave, submit)
        assert background.asked is None
        background.submit("same", lambda _: "answer", 0.0, here=False)
        await came.wait()

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert found == [("same", "answer")]


def _run_and_leave(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run in an event loop that is closed without a wait for what its executor does."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work())
    loop.close()
