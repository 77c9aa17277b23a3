"""Figures edited without a browser: controls and code in, both answers out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import explore, find_hardware, find_model
from llmcalc_widgets import WhatIf
from llmcalc_widgets.form.editor import EditField

NASTY = "<img src=x onerror=alert(1)>"
BATCHES = [1, 2, 4, 8, 16]


@pytest.fixture
def what_if() -> Iterator[WhatIf]:
    made = WhatIf(model="llama3_8b", hardware="H100_80GB", devices=2, batch_max=16, phase="decode")
    yield made
    made.close()


def control(what_if: WhatIf, trait: str, label: str) -> EditField:
    what_if.folds[trait].reveal()
    fields = what_if.editors[trait].fields
    return next(field for field in fields if field.text.description == label)


def text_of(page: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def part(what_if: WhatIf, which: str) -> pd.DataFrame:
    frame = what_if.df
    return frame[frame["which"] == which].drop(columns="which").reset_index(drop=True)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Names are categories of one model each, which become texts where two are joined."""
    texts = dict.fromkeys(expected.select_dtypes("category"), "str")
    pd.testing.assert_frame_equal(found.astype(texts), expected.astype(texts))


def test_both_are_what_explore_gives(what_if: WhatIf) -> None:
    what_if.hardware_changes = {"memory_bandwidth": 6.7e12, "flops": {"bf16": 2e15}}
    what_if.model_changes = {"num_decoder_layers": 16}
    before = explore("llama3_8b", "H100_80GB", 2, batch=BATCHES)
    listed = find_hardware("H100_80GB")
    rates = tuple((dict(listed.flops) | {"bf16": 2e15}).items())
    device = listed.replace(memory_bandwidth=6.7e12, flops=rates)
    name = f"{find_model('llama3_8b').model} (edited)"
    model = replace(find_model("llama3_8b"), model=name, num_decoder_layers=16)
    assert (what_if.hardware_used, what_if.model_used) == (device, model)
    assert_same(part(what_if, "before"), before)
    assert_same(part(what_if, "after"), explore(model, device, 2, batch=BATCHES))


def test_nothing_edited_is_said_and_both_are_the_same(what_if: WhatIf) -> None:
    assert "Nothing is changed yet" in what_if.answer.value
    pd.testing.assert_frame_equal(part(what_if, "before"), part(what_if, "after"))
    assert what_if.hardware_used == find_hardware("H100_80GB")


def test_the_code_gives_the_same(what_if: WhatIf) -> None:
    what_if.hardware = find_hardware("L40S").replace(name="mine", price_per_hour=2)
    what_if.hardware_changes = {"flops": {"fp8": 1e15}, "price_per_hour": 1.0}
    what_if.model_changes = {"vocab_size": 64_000}
    scope: dict[str, Any] = {}
    exec(what_if.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], what_if.df)
    assert (scope["hardware"], scope["model"]) == (what_if.hardware_used, what_if.model_used)


def test_a_control_edits_and_its_button_brings_back(what_if: WhatIf) -> None:
    field = control(what_if, "hardware_changes", "Bandwidth [TB/s]")
    assert field.text.value == "3.352"  # as the catalogue has it
    assert field.reset.layout.visibility == "hidden"
    field.text.value = "6.7"
    assert what_if.hardware_changes == {"memory_bandwidth": pytest.approx(6.7e12)}
    assert "3.35 (+99.9 %)" in field.reset.description
    assert "Reset Bandwidth" in field.reset.tooltip
    assert what_if.folds["hardware_changes"].button.description == "Edit the device (1 set)"
    field.reset.click()
    assert what_if.hardware_changes == {}
    assert (field.text.value, field.reset.layout.visibility) == ("3.352", "hidden")


def test_sliders_offer_valid_figures_and_find_the_original(what_if: WhatIf) -> None:
    heads = control(what_if, "model_changes", "KV heads")
    offered = [value for _, value in heads.slider.options]
    assert offered == [2, 4, 8, 16, 32]  # of 8: what divides 32 query heads
    heads.slider.index = offered.index(4)
    assert what_if.model_changes == {"num_key_value_heads": 4}
    memory = control(what_if, "hardware_changes", "Memory [GB]")
    assert memory.slider.label == "85.5208 GB"  # 81,559 MiB
    start = memory.slider.index
    memory.slider.index = start + 1
    assert memory.reset.layout.visibility == "visible"
    memory.slider.index = start
    assert what_if.hardware_changes == {}


def test_rates_of_one_width_change_alike(what_if: WhatIf) -> None:
    control(what_if, "hardware_changes", "16-bit rate [TFLOP/s]").text.value = "2,000"
    rates = what_if.hardware_changes["flops"]
    assert rates == {"bf16": pytest.approx(2e15), "fp16": pytest.approx(2e15)}
    assert dict(what_if.hardware_used.flops)["fp8"] == dict(find_hardware("H100_80GB").flops)["fp8"]


def test_controls_show_what_applies() -> None:
    mixture = WhatIf(
        model="mixtral_8x7b", hardware="H100_80GB", devices=2, batch_max=4, phase="decode"
    )
    assert control(mixture, "model_changes", "Experts").layout.display is None
    assert control(mixture, "hardware_changes", "8-bit rate [TFLOP/s]").layout.display is None
    assert control(mixture, "hardware_changes", "4-bit rate [TFLOP/s]").layout.display == "none"
    mixture.model = "llama2_7b"
    assert control(mixture, "model_changes", "Experts").layout.display == "none"
    mixture.close()


def test_wrong_figures_are_said_at_the_control_and_change_nothing(what_if: WhatIf) -> None:
    before = what_if.df
    heads = control(what_if, "model_changes", "KV heads")
    heads.text.value = "7"
    assert "KV heads must divide Query heads (32), got 7" in heads.message.value
    assert "nearest valid value is 8" in what_if.error
    layers = control(what_if, "model_changes", "Layers")
    layers.text.value = "1000000"
    assert "at most 1,000" in layers.message.value
    layers.text.value = "many"
    assert "Must be a number above 0, got &#x27;many&#x27;" in layers.message.value
    assert what_if.df is before
    control(what_if, "model_changes", "Vocabulary").text.value = "64,000"
    assert heads.text.value == "7"
    assert "KV heads must divide" in what_if.error
    control(what_if, "model_changes", "Query heads").text.value = "56"
    assert what_if.model_changes == {
        "vocab_size": 64_000, "num_attention_heads": 56, "num_key_value_heads": 7,
    }  # fmt: skip
    assert "KV heads" not in what_if.error
    what_if.reset_all()
    assert what_if.error == ""
    assert (heads.text.value, layers.text.value) == ("8", "32")


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("hardware_changes", {"memory": 1e9}, "memory_bytes"),
        ("hardware_changes", {"memory_bytes": -1}, "memory_bytes must be"),
        ("hardware_changes", {"flops": 3}, "flops must be a dict"),
        ("hardware_changes", 3, "changes must be a dict"),
        ("model_changes", {"layers": 3}, "no field 'layers'"),
        ("model_changes", {"num_key_value_heads": 7}, "nearest valid value is 8"),
    ],
)
def test_wrong_changes_raise(what_if: WhatIf, trait: str, value: Any, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        setattr(what_if, trait, value)
    assert getattr(what_if, trait) == {}


def test_wrong_changes_leave_no_widget_behind() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    with pytest.raises(TraitError, match="memory_bytes must be"):
        WhatIf(hardware_changes={"memory_bytes": -1}, phase="decode")
    assert set(ipywidgets.widgets.widget._instances) == before


def test_what_differs_between_layers_is_no_one_number() -> None:
    with pytest.raises(TraitError, match="differs between layers"):
        WhatIf(model="gemma4_26b_a4b", model_changes={"num_key_value_heads": 2}, phase="decode")


def test_another_device_starts_without_changes(what_if: WhatIf) -> None:
    what_if.hardware_changes = {"memory_bytes": 1e11}
    what_if.model_changes = {"vocab_size": 1000}
    what_if.hardware = "L40S"
    assert what_if.hardware_changes == {}
    assert what_if.model_changes == {"vocab_size": 1000}
    assert control(what_if, "hardware_changes", "Bandwidth [TB/s]").text.value == "0.864"


def test_no_plan_before_is_said_so() -> None:
    what_if = WhatIf(model="llama2_70b", hardware="L40S", devices=1, batch_max=4, phase="decode")
    what_if.hardware_changes = {"memory_bytes": 50e9}
    assert "No plan fits and keeps the limits, before or after" in what_if.answer.value
    what_if.hardware_changes = {"memory_bytes": 200e9}
    assert "is there after the change only" in what_if.answer.value
    assert "no plan" in text_of(what_if.answer.value)
    what_if.close()


def test_names_are_text(what_if: WhatIf) -> None:
    what_if.hardware = find_hardware("H200_141GB").replace(name=NASTY, memory_bandwidth=9e12)
    what_if.hardware_changes = {"memory_bytes": 2e11}
    assert "<img" not in what_if.answer.value
