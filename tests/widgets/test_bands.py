"""The 80 % band, the bar of the plan pointed at, and the words of continuous batching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ipywidgets import Widget
from numpy.typing import NDArray

from llmcalc_core import PHASES
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.axes import DEFAULT_AXES
from llmcalc_widgets.text.plan_words import LATENCY_WORDS, PHASE_WORDS
from llmcalc_widgets.text.units import banded_seconds, seconds


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="mixtral_8x7b", devices=16, phase="serving", x_axis="tpot")
    yield made
    made.close()


def curves(explorer: ParetoExplorer) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Give the band, the front and the bar: latencies [ms], and places up."""
    ends, _ = explorer.chart.drawing.ends
    mark, count = explorer.chart.plot.front, len(explorer.front)
    return [
        (ends.low * (ends.high / ends.low) ** across[:length], up[:length])
        for across, up, length in zip(
            mark.x[:3], mark.y[:3], (4 * count - 2, 2 * count - 1, 6), strict=True
        )
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_the_band_goes_around_the_front(explorer: ParetoExplorer, phase: str) -> None:
    explorer.update(phase=phase, x_axis=None if phase == "prefill" else "tpot")
    (across, up), (latencies, rise), _ = curves(explorer)
    front, column = explorer.front, explorer.chart._view.evaluation.latency_column
    low, high = (front[column.replace("_s", f"_{end}_s")] * 1e3 for end in ("low", "high"))
    assert len(front) > 2
    np.testing.assert_allclose(latencies[::2], front[column] * 1e3)
    np.testing.assert_allclose(latencies[1::2], front[column].iloc[1:] * 1e3)
    there, back = np.split(across, 2)
    np.testing.assert_allclose(there[::2], low)
    np.testing.assert_allclose(there[1::2], low.iloc[1:])
    np.testing.assert_allclose(back[::-1][::2], high)
    np.testing.assert_allclose(up, np.concatenate([rise, rise[::-1]]))
    drawn = explorer.chart.plot.front
    assert 0 < drawn.x.min() < drawn.x.max() < 1
    assert (drawn.x[1, len(latencies) :] == drawn.x[1, len(latencies) - 1]).all()
    assert (drawn.y[1, len(rise) :] == rise[-1]).all()


def test_the_bar_is_the_band_of_the_plan_pointed_at(explorer: ParetoExplorer) -> None:
    plot, frame = explorer.chart.plot, explorer.df
    best = explorer.state.evaluation.recommended
    for row in (best, 3, best):
        explorer.select(None if row == best else row)
        across, up = curves(explorer)[2]
        ends = frame.loc[row, ["tpot_low_s", "tpot_high_s"]].to_numpy(float) * 1e3
        np.testing.assert_allclose(across, np.repeat(ends, 3))
        place = plot.front.y[3, 0] if row == best else plot.selected.y[0]
        np.testing.assert_allclose(up[2:4], np.repeat(place, 2))
        assert up.min() < place < up.max()
    explorer.update(model="llama3_405b", devices=1)
    assert (plot.front.x < 0).all()
    assert (plot.front.y < 0).all()


def test_the_band_is_below_everything_else(explorer: ParetoExplorer) -> None:
    marks = explorer.chart.plot.figure.marks
    assert marks[0] is explorer.chart.plot.front
    assert marks[-1] is explorer.chart.plot.candidates


@pytest.mark.parametrize("selected", [None, 3])
def test_a_change_sends_each_mark_once(
    explorer: ParetoExplorer, selected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.select(selected)
    sent: Counter[str] = Counter()
    original = Widget.send_state

    def counted(self: Any, key: Any = None) -> None:
        sent[self.model_id] += 1
        original(self, key)

    monkeypatch.setattr(Widget, "send_state", counted)
    explorer.precision = "fp8"
    plot = explorer.chart.plot
    moved = [plot.front, plot.candidates]
    assert [sent[mark.model_id] for mark in moved] == [1] * len(moved)
    assert max(sent[mark.model_id] for mark in plot.figure.marks) == 1
    sent.clear()
    explorer.select(int(explorer.chart.drawing.rows["candidates"][7]))
    assert [sent[mark.model_id] for mark in (plot.front, plot.selected)] == [1, 1]


def test_details_say_the_bands_and_what_they_rest_on(explorer: ParetoExplorer) -> None:
    explorer.select(3)
    row, details = explorer.df.iloc[3], explorer.details
    for name in ("ttft", "tpot"):
        time, band = banded_seconds(*(row[f"{name}{end}_s"] for end in ("", "_low", "_high")))
        assert f'{time}, <span class="band">{band}</span>' in details._table.value
    said = f"Times are {row['basis']}. {explorer.state.evaluation.basis_reason(3)} Eight in ten"
    assert said in details._basis.value
    assert "In flight each" in details._table.value
    assert "Batch each" not in details._table.value
    assert details.picker.label.endswith(f"{row['batch']} in flight each")
    assert f"Time per output token</b><span>{seconds(row['tpot_s'])}" in details._bars.value


def test_the_chart_says_what_is_served_by_what(explorer: ParetoExplorer) -> None:
    explorer.engine = "sglang"
    chart = explorer.chart
    assert "serving by continuous batching, SGLang, bf16" in chart._head.value
    assert "80 % band" in chart._legend.value
    assert chart.plot.x_axis.label == "Time per output token [ms]"
    assert chart.plot.y_axis.label == "Generated tokens/s per device"
    chart._pointing._hovered(chart.plot.candidates, {"data": {"index": 0}})
    assert " in flight" in chart.plot.candidates.tooltip.value
    explorer.update(model="llama2_70b", devices=1)
    assert "would do at 1 in flight" in chart._notice.value
    explorer.phase = "prefill"
    assert "prefill, SGLang" in chart._head.value
    assert "would do at batch 1" in chart._notice.value


def test_there_are_words_for_everything() -> None:
    for words in (PHASE_WORDS, LATENCY_WORDS, DEFAULT_AXES):
        assert set(words) == set(PHASES)
