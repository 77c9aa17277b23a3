"""Words that follow the drawing a moment later, where an event loop runs."""

from __future__ import annotations

import asyncio

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.later import SOON_S


def test_words_follow_the_drawing_where_a_loop_runs() -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4)
    status = explorer.chart._status

    async def change_and_select() -> None:
        before = status.value
        explorer.devices = 2
        assert set(explorer.df["devices"]) == {2}
        assert status.value == before
        await asyncio.sleep(3 * SOON_S)
        assert f"{len(explorer.df)} plans" in status.value
        explorer.devices = 8
        explorer.details.picker.index = 1
        assert explorer.selected is None
        explorer.select(0)
        assert f"{len(explorer.df)} plans" in status.value
        assert explorer.details.picker.value == 0

    asyncio.run(change_and_select())
    explorer.close()
