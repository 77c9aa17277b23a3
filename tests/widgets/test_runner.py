"""Evaluations that take long: in the background, never shown late, and given up when asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart import progress
from llmcalc_widgets.runner import evaluations

TAKES_S = 0.15


@pytest.fixture
def explorer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    original = evaluations.evaluate

    def slow(request: Any) -> Any:
        time.sleep(TAKES_S)
        return original(request)

    monkeypatch.setattr(evaluations, "evaluate", slow)
    monkeypatch.setattr(evaluations, "LONG_S", 0.0)
    made._runner._seconds_each = 1e-3
    yield made
    made.close()


def typed(explorer: ParetoExplorer, count: int) -> None:
    explorer.form.fields["devices"].text.value = str(count)


def waits(explorer: ParetoExplorer) -> bool:
    """Say whether the line is shown and the figure fades; both or none."""
    line, figure = explorer.chart.waiting, explorer.chart.plot.figure
    shown, stale = line.layout.display != "none", "llmcalc-stale" in figure._dom_classes
    assert shown == stale
    return shown


async def rest(explorer: ParetoExplorer) -> None:
    """Let the loop go on until nothing is computed any more."""
    end = time.monotonic() + 20
    while waits(explorer):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_it_shows_how_far_it_is(explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    seen: list[float] = []

    async def run() -> None:
        explorer._runner._plans_each = 3.0
        typed(explorer, 16)
        size = 16 * len(explorer.request.batches)
        assert f"about {3 * size} plans" in explorer.chart.waiting._words.value
        while waits(explorer):
            found = re.search(r'value="([0-9.]+)".* ([0-9]+) %', explorer.chart.waiting._bar.value)
            assert found is not None
            assert float(found[1]) == int(found[2]) / 100
            seen.append(float(found[1]))
            await asyncio.sleep(0.02)

    asyncio.run(run())
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert seen[-1] <= 0.99
    assert explorer.chart.waiting._timer is None


def test_what_takes_long_is_shown_when_it_is_done(explorer: ParetoExplorer) -> None:
    async def run() -> None:
        before = explorer.df
        typed(explorer, 16)
        assert waits(explorer)
        assert "Computing about" in explorer.chart.waiting._words.value
        assert explorer.df is before
        assert explorer.request.devices == (4,)
        await rest(explorer)
        assert explorer.request.devices == (16,)

    asyncio.run(run())


def test_only_the_last_of_several_is_shown(explorer: ParetoExplorer) -> None:
    seen: list[int] = []
    explorer.observe(lambda change: seen.append(change["new"].devices[0]), "request")

    async def run() -> None:
        for count in (8, 16, 32):
            typed(explorer, count)
            await asyncio.sleep(0.01)
        await rest(explorer)

    asyncio.run(run())
    assert seen == [32]


def test_cancelling_goes_back_to_what_is_shown(explorer: ParetoExplorer) -> None:
    async def run() -> None:
        before = explorer.df
        typed(explorer, 16)
        explorer.chart.waiting.button.click()
        assert (explorer.devices, explorer.form.fields["devices"].text.value) == (4, "4")
        assert not waits(explorer)
        await asyncio.sleep(3 * TAKES_S)
        assert explorer.df is before

    asyncio.run(run())


def test_code_waits_for_its_result_and_replaces_what_runs(explorer: ParetoExplorer) -> None:
    async def run() -> None:
        typed(explorer, 16)
        explorer.devices = 2
        assert not waits(explorer)
        assert explorer.request.devices == (2,)
        await asyncio.sleep(3 * TAKES_S)
        assert explorer.request.devices == (2,)

    asyncio.run(run())


def test_closing_while_it_runs_is_quiet(explorer: ParetoExplorer) -> None:
    async def run() -> None:
        typed(explorer, 16)
        explorer.close()
        await asyncio.sleep(3 * TAKES_S)

    asyncio.run(run())
    assert explorer.request.devices == (4,)
