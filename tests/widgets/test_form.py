"""The form without a browser: what a control says becomes a setting, or a message under it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.form.form import RARE
from llmcalc_widgets.settings.registry import DEFAULTS, PRICES, SETTINGS, TECHNIQUES


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    made.form.reveal(RARE)
    yield made
    made.close()


def typed(explorer: ParetoExplorer, name: str, text: str) -> str:
    """Type into a field and return the message under it."""
    field = explorer.form.fields[name]
    field.text.value = text
    return str(field.message.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("devices", "16", 16),
        ("devices", "13", 13),
        ("input_tokens", "32,000", 32000),
        ("memory_fraction", "0.85", 0.85),
        ("ttft_limit_ms", "12.5", 12.5),
        ("ttft_limit_ms", "2 s", 2000),
        ("tpot_limit_ms", "50ms", 50),
        ("input_tokens", "2k", 2000),
        ("output_tokens", "1M", 1_000_000),
        ("memory_fraction", "85 %", 0.85),
        ("batch_min", " 4 ", 4),
    ],
)
def test_what_is_typed_becomes_the_setting(
    explorer: ParetoExplorer, name: str, text: str, value: float
) -> None:
    assert typed(explorer, name, text) == ""
    assert getattr(explorer, name) == value
    assert explorer.request == explorer.make_request()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("devices", "0"),
        ("devices", "eight"),
        ("devices", ""),
        ("input_tokens", "-5"),
        ("output_tokens", "1e99"),
        ("memory_fraction", "190 %"),
        ("ttft_limit_ms", "fast"),
        ("batch_min", "512"),
        ("batch_max", "nan"),
    ],
)
def test_a_wrong_value_shows_at_its_field_and_keeps_the_last_good_result(
    explorer: ParetoExplorer, name: str, text: str
) -> None:
    frame, before = explorer.df, getattr(explorer, name)
    assert 'role="alert"' in typed(explorer, name, text)
    assert explorer.error.startswith(f"{name}: ")
    assert explorer.df is frame
    assert getattr(explorer, name) == before
    others = [field for key, field in explorer.form.fields.items() if key != name]
    assert not any(field.message.value for field in others)
    assert typed(explorer, name, f"{before or ''}") == ""
    assert explorer.error == ""


def test_batches_that_contradict_each_other_are_resolved_by_either(
    explorer: ParetoExplorer,
) -> None:
    assert "at most Batch to, which is 256, got 512" in typed(explorer, "batch_min", "512")
    assert typed(explorer, "batch_max", "1024") == ""
    assert (explorer.batch_min, explorer.batch_max, explorer.error) == (512, 1024, "")


def test_a_setting_made_by_code_shows_in_its_control(explorer: ParetoExplorer) -> None:
    typed(explorer, "devices", "none")
    explorer.update(devices=24, phase="prefill", precision="fp8", ttft_limit_ms=30)
    fields = explorer.form.fields
    assert fields["devices"].text.value == "24"
    assert fields["devices"].slider.value == 24
    assert fields["devices"].message.value == ""
    assert fields["phase"].buttons.value == "prefill"
    assert fields["precision"].dropdown.value == "fp8"
    assert fields["ttft_limit_ms"].text.value == "30"
    assert explorer.error == ""


def test_the_engine_is_chosen_by_the_name_people_know(explorer: ParetoExplorer) -> None:
    dropdown = explorer.form.fields["engine"].dropdown
    assert [label for label, _ in dropdown.options] == [
        "vLLM",
        "TensorRT-LLM",
        "SGLang",
        "llama.cpp",
    ]
    dropdown.label = "SGLang"
    assert explorer.request.engine == "sglang"
    explorer.engine = "lmdeploy"
    assert dropdown.label == "LMDeploy"


def test_a_message_is_text_not_markup(explorer: ParetoExplorer) -> None:
    message = typed(explorer, "devices", "<img src=x onerror=alert(1)>")
    assert "&lt;img" in message
    assert "<img" not in message


def test_every_setting_has_a_labelled_control(explorer: ParetoExplorer) -> None:
    rare = {name for name, one in SETTINGS.items() if one.rare}
    assert set(explorer.form.fields) == {*DEFAULTS, "workload"} - {*TECHNIQUES, *PRICES}
    assert rare == set(explorer.form.fields) - set(ParetoExplorer(phase="decode").form.fields)
    for title in explorer.form.folds:
        explorer.form.reveal(title)
    assert set(explorer.form.fields) == {*DEFAULTS, "workload"}
    for field in explorer.form.fields.values():
        control = next(
            getattr(field, name) for name in ("text", "dropdown", "buttons") if hasattr(field, name)
        )
        assert control.description


def test_a_slider_without_an_event_loop_takes_effect_at_once(explorer: ParetoExplorer) -> None:
    explorer.form.fields["devices"].slider.value = 8
    explorer.form.fields["devices"].slider.value = 6
    assert explorer.request.devices == (6,)


def test_a_dragged_slider_is_evaluated_first_and_last(explorer: ParetoExplorer) -> None:
    seen: list[tuple[int, ...]] = []
    explorer.observe(lambda change: seen.append(change["new"].devices), "request")

    async def drag() -> None:
        for count in (5, 6, 7, 8, 10):
            explorer.form.fields["devices"].slider.value = count
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)

    explorer._runner._next_s = 0.0
    asyncio.run(drag())
    assert seen == [(5,), (10,)]


def test_code_does_not_wait_for_a_dragged_slider(explorer: ParetoExplorer) -> None:
    async def drag_and_set() -> tuple[int, ...]:
        explorer.form.fields["devices"].slider.value = 8
        explorer.form.fields["devices"].slider.value = 16
        explorer.input_tokens = 500
        return explorer.request.devices + explorer.request.input_tokens

    assert asyncio.run(drag_and_set()) == (16, 500)


def test_a_slider_says_its_stops_with_their_unit(explorer: ParetoExplorer) -> None:
    for title in explorer.form.folds:
        explorer.form.reveal(title)
    said = {name: field.slider.label for name, field in explorer.form.fields.items()
            if getattr(field, "slider", None)}  # fmt: skip
    assert said["devices"] == "4 devices"
    assert said["input_tokens"] == "2,000 tokens"
    assert said["batch_min"] == "1 sequence"
    assert said["prefix_hit_rate"] == "0 %"
    assert said["lora_adapters"] == "0 adapters"
