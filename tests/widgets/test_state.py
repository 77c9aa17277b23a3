"""State without widgets, a runner that evaluates it, and widgets whose traits are those of it."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets
import pytest
from traitlets import TraitError

from llmcalc_core import EvaluationRequest, evaluate, make_request
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.runner.evaluations import EvaluationCache, Runner
from llmcalc_widgets.state import QueryState, SeveralDevicesState


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    yield made
    made.close()


def test_a_runner_puts_the_evaluation_into_the_state() -> None:
    state = QueryState(model="llama2_7b", hardware="A100_80GB", devices=2, phase="decode")
    runner = Runner(state)
    runner.submit()
    assert state.evaluation.request == make_request("llama2_7b", "A100_80GB", 2)
    assert state.shown == state.settings()
    before = state.evaluation
    state.devices = 4
    assert state.evaluation is before
    runner.submit()
    assert state.evaluation.request.devices == (4,)
    assert state.shown["devices"] == 4


class OddState(QueryState):
    """Settings whose request makes no sense where there are three devices."""

    def make_request(self) -> EvaluationRequest:
        if self.devices == 3:
            msg = "three are too many"
            raise ValueError(msg)
        return super().make_request()


def test_a_request_that_makes_no_sense_is_an_error_of_the_state() -> None:
    state = OddState(model="llama2_7b", devices=2)
    runner = Runner(state)
    runner.submit()
    good = state.evaluation
    state.devices = 3
    runner.submit()
    assert state.errors == {"": "three are too many"}
    assert state.error_words() == "three are too many"
    assert state.evaluation is good
    assert state.shown["devices"] == 2
    state.devices = 4
    runner.submit()
    assert state.errors == {}


def test_settings_that_contradict_are_refused_together() -> None:
    state = QueryState(batch_min=4, batch_max=16, phase="decode")
    with pytest.raises(TraitError, match="batch_min must be at most batch_max, which is 16"):
        state.batch_min = 32
    with state.hold_trait_notifications():
        state.batch_min, state.batch_max = 32, 64
    assert (state.batch_min, state.batch_max) == (32, 64)


def test_a_question_about_several_devices_starts_with_usual_ones() -> None:
    state = SeveralDevicesState()
    assert len(state.make_request().hardware) == len(state.hardware) > 5
    assert (state.phase, state.devices_min) == ("serving", 1)
    state.hardware = "h100"
    assert state.hardware == ("H100_80GB",)


def test_a_widget_has_the_traits_of_its_state_both_ways(explorer: ParetoExplorer) -> None:
    seen: list[tuple[object, str, int]] = []
    explorer.observe(
        lambda change: seen.append((change["owner"], change["name"], len(explorer.df))), "devices"
    )
    explorer.state.devices = 2
    assert explorer.devices == 2
    explorer.devices = 8
    assert explorer.state.devices == 8
    assert [(owner, name) for owner, name, _ in seen] == [(explorer, "devices")] * 2
    assert seen[-1][2] == len(explorer.df)  # told after the answer is there


def test_what_a_widget_holds_its_state_holds_too(explorer: ParetoExplorer) -> None:
    seen: list[int] = []
    explorer.observe(lambda change: seen.append(change["new"]), "batch_min")
    with explorer.hold_trait_notifications():
        explorer.batch_min = 512
        explorer.batch_max = 1024
        assert seen == []
    assert seen == [512]
    assert set(explorer.df["batch"]) == {512, 1024}
    with pytest.raises(TraitError, match="at most batch_max"):
        _set_together(explorer, devices=2, batch_min=2048)
    assert (explorer.devices, explorer.batch_min, explorer.state.batch_min) == (4, 512, 512)


def _set_together(explorer: ParetoExplorer, **settings: object) -> None:
    with explorer.hold_trait_notifications():
        for name, value in settings.items():
            setattr(explorer, name, value)


def test_a_cache_keeps_what_was_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[int] = []
    monkeypatch.setattr("llmcalc_widgets.runner.evaluations.MOST_KEPT", 2)
    monkeypatch.setattr(
        "llmcalc_widgets.runner.evaluations.evaluate",
        lambda request: count.append(request.devices[0]) or evaluate(request),
    )
    cache = EvaluationCache()
    one, two, three = (make_request("llama2_7b", "A100_80GB", n, batch=1) for n in (1, 2, 3))
    assert cache.evaluate(one) is cache.evaluate(one)
    for request in (two, one, three, one, two):
        cache.evaluate(request)
    assert count == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("trait", "widget", "value"),
    [
        ("model", ipywidgets.Dropdown(options=["llama2_7b", "llama2_13b"]), "llama2_13b"),
        ("hardware", ipywidgets.Text("H100_80GB"), "L40S"),
        ("tpot_limit_ms", ipywidgets.FloatText(20), 30.0),
        ("phase", ipywidgets.Dropdown(options=["decode", "serving"]), "serving"),
        ("x_axis", ipywidgets.Dropdown(options=["tpot", "ttft"]), "ttft"),
        ("workload", ipywidgets.Dropdown(options=["chat", "batch"]), "batch"),
        ("selected_row", ipywidgets.IntText(0), 2),
    ],
)
def test_scalar_traits_link_both_ways(
    trait: str, widget: ipywidgets.DOMWidget, value: object
) -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=2, phase="decode")
    first = widget.value
    link = ipywidgets.link((widget, "value"), (explorer, trait))
    assert getattr(explorer, trait) == first
    seen: list[object] = []
    explorer.observe(lambda change: seen.append(change["new"]), trait)
    setattr(explorer, trait, value)
    assert widget.value == value
    widget.value = first
    assert seen == [value, first]
    link.unlink()
    explorer.close()


def test_the_selected_row_selects_and_follows(explorer: ParetoExplorer) -> None:
    explorer.selected_row = 3
    assert explorer.selected.name == 3
    explorer.select(4)
    assert explorer.selected_row == 4
    with pytest.raises(TraitError, match="from 0 to"):
        explorer.selected_row = len(explorer.df)
    explorer.selected_row = None
    assert explorer.selected is None
