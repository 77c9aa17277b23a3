"""What the form offers: workloads, ranges, names to search, and words that fit the phase."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from traitlets import TraitError

from llmcalc_core import explore
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.form.form import RARE
from llmcalc_widgets.settings.presets import WORKLOAD_SETTINGS, WORKLOADS


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="serving")
    yield made
    made.close()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_sets_its_lengths_and_limits(explorer: ParetoExplorer, name: str) -> None:
    seen: list[int] = []
    explorer.observe(lambda _: seen.append(1), "df")
    explorer.form.fields["workload"].dropdown.value = name
    request, workload = explorer.request, WORKLOADS[name]
    assert len(seen) == 1
    assert request.input_tokens + request.output_tokens == (
        workload.input_tokens,
        workload.output_tokens,
    )
    limit = None if workload.tpot_limit_ms is None else workload.tpot_limit_ms / 1e3
    assert request.tpot_limit_s == limit
    assert "assumed" in workload.about or "recalled" in workload.about
    assert workload.about[:20] in explorer.form.fields["workload"].note.value
    assert (
        ParetoExplorer(workload=name, phase="decode").settings()["input_tokens"]
        == workload.input_tokens
    )


def test_a_workload_is_named_while_its_numbers_hold(explorer: ParetoExplorer) -> None:
    chat = WORKLOADS["chat"]
    assert explorer.workload is None
    explorer.update(**chat.settings())
    assert explorer.workload == "chat"
    explorer.output_tokens = 7
    assert explorer.workload is None
    field = explorer.form.fields["workload"]
    assert (field.dropdown.label, field.note.layout.display) == ("own values", "none")
    field.dropdown.label = "Chat"
    assert explorer.output_tokens == chat.output_tokens
    field.dropdown.label = "own values"
    assert (explorer.workload, explorer.output_tokens) == (None, chat.output_tokens)
    explorer.update(workload="batch", input_tokens=5)
    assert (explorer.workload, explorer.input_tokens, explorer.output_tokens) == (None, 5, 500)
    with pytest.raises(TraitError, match="'chat'"):
        explorer.workload = "chatt"
    assert set(chat.settings()) == set(WORKLOAD_SETTINGS)


def test_device_counts_may_be_a_range(explorer: ParetoExplorer) -> None:
    explorer.update(devices=24, devices_min=6)
    expected = explore("llama2_7b", "A100_80GB", [6, 8, 16, 24], phase="serving")
    assert explorer.df.equals(expected)
    assert "6 to 24" in explorer.chart._head.value
    with pytest.raises(TraitError, match="devices_min must be at most devices, which is 24"):
        explorer.devices_min = 32
    explorer.form.reveal(RARE)
    text = explorer.form.fields["devices_min"].text
    text.value = "32"
    assert "at most devices" in explorer.form.fields["devices_min"].message.value
    explorer.form.fields["devices"].text.value = "48"
    assert (explorer.devices_min, explorer.devices, explorer.error) == (32, 48, "")
    text.value = ""
    assert explorer.devices_min is None
    assert set(explorer.df["devices"]) == {48}


@pytest.mark.parametrize(
    ("name", "typed", "near"), [("model", "llama2_71b", "llama2_70b"), ("hardware", "H10", "H100")]
)
def test_a_wrong_name_says_the_nearest_and_keeps_the_last_result(
    explorer: ParetoExplorer, name: str, typed: str, near: str
) -> None:
    field, frame, before = explorer.form.fields[name], explorer.df, getattr(explorer, name)
    assert len(field.text.options) > 50
    field.text.value = typed
    assert near in field.message.value
    assert explorer.df is frame
    assert getattr(explorer, name) == before
    field.text.value = before
    assert field.message.value == ""
    assert explorer.error == ""


def test_a_limit_may_be_typed_as_the_rate_of_a_user(explorer: ParetoExplorer) -> None:
    text = explorer.form.fields["tpot_limit_ms"].text
    text.value = "25 tokens/s"
    assert explorer.tpot_limit_ms == 40
    assert text.value == "40"
    text.value = "0/s"
    assert "above 0" in explorer.form.fields["tpot_limit_ms"].message.value


def test_the_form_speaks_of_what_is_in_flight_in_serving(explorer: ParetoExplorer) -> None:
    field = explorer.form.fields["batch_max"]
    assert field.text.description == field.slider.description == "Requests in flight to"
    explorer.phase = "prefill"
    assert field.text.description == field.slider.description == "Batch to"
    assert explorer.form.fields["tpot_limit_ms"].text.disabled
    explorer.tpot_limit_ms = 5
    assert (explorer.request.tpot_limit_s, explorer.request.ttft_limit_s) == (None, None)


def test_every_control_says_what_it_is_about(explorer: ParetoExplorer) -> None:
    for field in explorer.form.fields.values():
        assert len(field.message.tooltip) > 10
