"""Where Python has one thread, as Pyodide has in JupyterLite: work is done at once, uncancelled."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.panels.load import TITLE
from llmcalc_widgets.runner import evaluations


class OneThreadLoop(asyncio.SelectorEventLoop):
    """Runs in place what it is to run beside it (``run_in_executor`` of ``pyodide/webloop.py``)."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as Pyodide does
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(_: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    return


def run(work: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=OneThreadLoop) as runner:
        runner.run(work())


async def turns() -> None:
    """Let what was asked for rest, begin and end."""
    await asyncio.sleep(0.4)


def test_plans_are_computed_at_once_and_nothing_offers_to_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluations, "LONG_S", 0.0)
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    notice = explorer.chart.waiting
    seen: list[tuple[str | None, str | None]] = []
    explorer.state.observe(
        lambda _: seen.append((notice.layout.display, notice.button.layout.display)), "expected_s"
    )

    async def work() -> None:
        explorer.form.fields["devices"].text.value = "16"
        await turns()

    run(work)
    assert seen == [(None, "none"), ("none", "none")], "said, and not to be cancelled"
    assert explorer.df["devices"].max() == explorer.request.devices[-1] == 16
    explorer.close()


def test_a_load_curve_says_how_far_it_is() -> None:
    explorer = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=1, phase="serving", output_tokens=8
    )
    shares: list[float] = []
    buttons: list[str | None] = []

    async def work() -> None:
        panel = explorer.outputs.reveal(TITLE)

        def look(change: dict[str, Any]) -> None:
            shares.append(change["new"])
            buttons.append(panel.button.layout.display)

        explorer.load.observe(look, "share")
        await turns()

    run(work)
    assert len(explorer.load_curve) > 0
    assert shares == sorted(shares)
    assert len(shares) > 1
    assert {*buttons} == {"none"}
    explorer.close()


def test_replicas_are_found_at_once() -> None:
    finder = SloFinder(model="llama3_8b", hardware=["L4"], requests_per_s=1.0, output_tokens=8)
    before = finder.df

    async def work() -> None:
        finder.form.fields["percentile"].dropdown.value = "p90"
        assert finder.notice.layout.display is None
        assert finder.notice.button.layout.display == "none"
        await turns()

    run(work)
    assert finder.df is not before
    assert finder.notice.layout.display == "none"
    finder.close()
