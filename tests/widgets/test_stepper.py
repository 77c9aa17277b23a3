"""Steps along the front, and the line that says what is selected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.interaction import STEPS, key_script


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="serving")
    yield made
    made.close()


def test_buttons_step_along_the_front_from_the_recommended_plan(explorer: ParetoExplorer) -> None:
    buttons, front = explorer.chart.stepper.buttons, explorer.front.index.tolist()
    best = front.index(explorer.df.loc[front, "tokens_per_s_per_device"].idxmax())
    assert len(front) > 3
    assert "No plan selected" in explorer.chart._said.value
    buttons["next"].click()
    assert explorer.selected_row == front[best]
    buttons["last"].click()
    buttons["next"].click()
    assert explorer.selected_row == front[-1]
    assert f"{len(front)} of {len(front)} on the front" in explorer.chart._said.value
    buttons["previous"].click()
    assert explorer.selected_row == front[-2]
    buttons["first"].click()
    buttons["previous"].click()
    assert explorer.selected_row == front[0]
    off = next(row for row in explorer.df.index if row not in front)
    explorer.select(int(off))
    assert "not on the front" in explorer.chart._said.value
    buttons["clear"].click()
    assert explorer.selected_row is None


def test_steps_follow_the_axes(explorer: ParetoExplorer) -> None:
    explorer.update(x_axis="ttft", y_axis="cost")
    explorer.chart.stepper.step("first")
    assert explorer.selected_row == explorer.front["ttft_s"].idxmin()


def test_without_a_front_nothing_is_selected(explorer: ParetoExplorer) -> None:
    explorer.update(model="llama3_405b", devices=1)
    explorer.chart.stepper.step("next")
    assert explorer.selected_row is None


def test_every_key_has_its_button(explorer: ParetoExplorer) -> None:
    script = key_script()
    assert set(STEPS.values()) == set(explorer.chart.stepper.buttons)
    assert all(key in script.value for key in STEPS)
    assert "<script" not in script.value
    script.close()
