"""Load curves while they are computed: what is blocked, shown, cancelled, refused and closed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets
import pandas as pd
import pytest

from llmcalc_core import load_curve
from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.panels.load import TITLE
from tests.widgets.load.curves import ASKED, status_of


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def rest(state: Any) -> None:
    await until(lambda: not state.running)


def test_it_blocks_no_change_and_the_last_one_wins(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    changed = threading.Event()

    def slow(*models: Any, **given: Any) -> pd.DataFrame:
        computed.append(given["output_tokens"])
        assert changed.wait(20), "a change waited for the simulation"
        return load_curve(*models, num_prompts=50, **given)

    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        assert explorer.load_curve is None
        assert panel.button.layout.display is None
        assert panel.button.description == "Cancel"
        await asyncio.sleep(0.05)
        for tokens in (61, 62, 63):
            explorer.output_tokens = tokens
            assert len(explorer.df) > 0
        changed.set()
        await rest(explorer.load)
        assert computed == [60, 63]
        assert panel.button.layout.display == "none"
        assert "63 out" in status_of(panel)
        explorer.output_tokens = 64
        assert "llmcalc-stale" in panel._drawing._dom_classes
        explorer.output_tokens = 63
        assert not explorer.load.running
        assert "llmcalc-stale" not in panel._drawing._dom_classes
        await asyncio.sleep(0.4)
        assert computed == [60, 63]

    asyncio.run(run())


def test_it_can_be_cancelled_and_asked_for_again(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*models: Any, **given: Any) -> pd.DataFrame:
        time.sleep(0.1)
        return load_curve(*models, num_prompts=50, **given)

    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        await asyncio.sleep(0.02)
        panel.button.click()
        assert "it was cancelled" in status_of(panel)
        await asyncio.sleep(0.3)
        assert explorer.load_curve is None
        assert panel.button.description == "Simulate"
        panel.button.click()
        await rest(explorer.load)
        assert len(explorer.load_curve) == 12
        explorer.output_tokens = 65
        explorer.outputs.buttons[TITLE].value = False
        assert not explorer.load.running
        await asyncio.sleep(0.4)
        assert explorer.load_curve is None

    asyncio.run(run())


def test_it_says_how_far_it_is_and_cancelling_ends_it(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []

    def slow(*models: Any, progress: Any, **given: Any) -> pd.DataFrame:
        def told(share: float) -> object:
            shares.append(share)
            time.sleep(0.001)
            return progress(share)

        return load_curve(*models, num_prompts=200, progress=told, **given)

    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        assert 'value="0.00"' in panel._bar.value
        await until(lambda: explorer.load.share > 0.2)
        assert panel._bar.layout.display is None
        assert f"{explorer.load.share:.0%}".replace("%", " %") in panel._bar.value
        panel.button.click()
        assert panel._bar.layout.display == "none"
        await asyncio.sleep(0.05)
        seen = len(shares)
        await asyncio.sleep(0.1)
        assert len(shares) == seen, "it has ended"
        assert shares[-1] < 0.9
        panel.button.click()
        await rest(explorer.load)
        assert len(explorer.load_curve) == 12

    asyncio.run(run())


def test_a_failure_is_shown_and_raised(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("lost")

    panel = explorer.outputs.reveal(TITLE)
    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", fail)
    with pytest.raises(KeyError, match="lost"):
        explorer.output_tokens = 66
    assert "the simulation failed: KeyError: 'lost'" in status_of(panel)
    monkeypatch.undo()
    explorer.output_tokens = 67
    assert len(explorer.load_curve) == 12


def test_both_close_what_they_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=1, phase="serving", **ASKED
    )
    finder = SloFinder(model="llama3_8b", hardware="H100_80GB", devices=1, **ASKED)
    explorer.outputs.reveal(TITLE)
    finder.load_fold.reveal()
    explorer.phase = "decode"
    explorer.close()
    finder.close()
    assert set(ipywidgets.widgets.widget._instances) == before
