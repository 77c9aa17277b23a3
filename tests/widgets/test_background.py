"""What is computed in the background, asked for and stopped from several threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from llmcalc_widgets.runner.background import Background


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
        background = Background[str, str](lambda *_: None, lambda *_: None, tell)
        background.submit("slow", _slow, 0.0, here=False)
        await going.wait()
        await asyncio.to_thread(background.stop)
        await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert told[-1] is None
    assert told.count(None) == 1


def test_what_is_asked_in_a_thread_whose_loop_ends_is_answered_all_the_same() -> None:
    # JupyterLab closes a page's subshell, and with it the thread's event loop, with the page.
    found: list[tuple[str, str]] = []
    came = asyncio.Event()

    def take(question: str, answer: str) -> None:
        found.append((question, answer))
        came.set()

    async def ask() -> None:
        background = Background[str, str](take, lambda *_: None, lambda _: None)

        async def submit() -> None:
            background.submit("quick", lambda _: "answer", 0.05, here=False)

        await asyncio.to_thread(asyncio.run, submit())
        await came.wait()

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert found == [("quick", "answer")]
