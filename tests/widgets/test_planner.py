"""The memory planner without a browser: settings in, bars and the largest that fits out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import explore, find_model, memory_budget
from llmcalc_widgets import MemoryPlanner
from llmcalc_widgets.apps.memory_planner import WIDEST

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def planner() -> Iterator[MemoryPlanner]:
    made = MemoryPlanner(model="llama2_70b", hardware="H100_80GB", devices=4, batch=24)
    yield made
    made.close()


def test_bars_are_what_explore_gives_for_the_layout(planner: MemoryPlanner) -> None:
    batches = planner.df["batch"].tolist()
    assert {1, 2, 4, 24, planner.largest, 2 * planner.largest} <= set(batches)
    expected = explore("llama2_70b", "H100_80GB", 4, batch=batches)
    expected = expected[expected["tp"] == 4].reset_index(drop=True)
    pd.testing.assert_frame_equal(planner.df, expected)
    bars, _, budget = planner.chart.value.partition("<tbody>")[2].partition("<tbody>")
    assert bars.count("<tr>") - 1 == len(expected)  # and the head of the budget
    assert budget.count("<tr>") == len(planner.budget) - 1


def test_the_budget_at_start_up_is_in_the_words_of_the_log(planner: MemoryPlanner) -> None:
    found = planner.budget.set_index("part")["value"]
    assert found["concurrency"] >= 1
    assert "Available KV cache memory" in planner.chart.value
    asked = memory_budget(
        "llama2_70b", "H100_80GB", tensor_parallel=4, max_model_len=2256
    )  # fmt: skip
    pd.testing.assert_frame_equal(planner.budget, asked)


@pytest.mark.parametrize(("axis", "field"), [("batch", "batch"), ("input_tokens", "input_tokens")])
def test_the_largest_is_the_last_that_fits(planner: MemoryPlanner, axis: str, field: str) -> None:
    planner.axis = axis
    frame = planner.df
    fitting = frame[frame["memory_headroom_bytes"] >= 0]
    assert fitting[field].max() == planner.largest
    assert len(fitting) < len(frame)
    request = {"batch": 24, "input_tokens": 2000} | {field: [planner.largest, planner.largest + 1]}
    alone: Any = explore("llama2_70b", "H100_80GB", 4, **request)
    assert (alone[alone["tp"] == 4]["memory_headroom_bytes"] >= 0).tolist() == [True, False]
    assert f"{planner.largest:,}" in planner.chart.value
    assert ">largest</text>" in planner.chart.value


def test_controls_and_code_set_the_same(planner: MemoryPlanner) -> None:
    before = planner.largest
    planner.form.fields["input_tokens"].text.value = "8,000"
    assert planner.input_tokens == 8000
    assert planner.largest < before
    planner.form.fields["layout"].dropdown.value = "TP 2 \N{MULTIPLICATION SIGN} PP 2"
    assert planner.df[["tp", "pp"]].drop_duplicates().to_numpy().tolist() == [[2, 2]]
    planner.memory_fraction = 0.5
    assert planner.form.fields["memory_fraction"].text.value == "0.5"


def test_the_code_gives_the_same(planner: MemoryPlanner) -> None:
    planner.layout, planner.axis = "TP 2 \N{MULTIPLICATION SIGN} PP 2", "input_tokens"
    scope: dict[str, Any] = {}
    exec(planner.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], planner.df)
    assert scope["largest"] == planner.largest > 0
    planner.devices, planner.layout = 1, WIDEST
    exec(planner.to_code(), scope)  # noqa: S102 - as above
    assert scope["largest"] == planner.largest == 0


def test_a_layout_that_the_devices_lack_is_said(planner: MemoryPlanner) -> None:
    planner.layout = "TP 2 \N{MULTIPLICATION SIGN} PP 2"
    planner.devices = 3
    assert planner.error.startswith(
        "layout: TP 2 \N{MULTIPLICATION SIGN} PP 2 is no layout of these"
    )
    assert planner.form.fields["layout"].message.layout.display != "none"
    assert planner.df[["tp", "pp", "replicas"]].iloc[0].tolist() == [1, 3, 1]  # 3 divides no heads
    planner.layout = WIDEST
    assert planner.error == ""


def test_nothing_fits_in_words() -> None:
    planner = MemoryPlanner(model="llama2_70b", hardware="L40S", devices=1)
    assert planner.largest == 0
    assert "Nothing fits in this layout" in planner.chart.value
    assert (planner.df["memory_headroom_bytes"] < 0).all()
    assert "Bars are cut off" in planner.chart.value
    planner.close()


def test_wrong_values_raise_and_change_nothing(planner: MemoryPlanner) -> None:
    frame = planner.df
    wrong: list[tuple[str, Any, str]] = [
        ("batch", 0, "batch must be"),
        ("model", "lama2_70b", "unknown model"),
        ("axis", "devices", "axis"),
        ("memory_fraction", 2, "memory_fraction must be"),
    ]
    for name, value, message in wrong:
        with pytest.raises(TraitError, match=message):
            setattr(planner, name, value)
    with pytest.raises(
        TypeError, match="MemoryPlanner has no setting 'modle'; did you mean 'model'"
    ):
        MemoryPlanner(modle="llama2_70b")  # type: ignore[call-arg]
    assert planner.df is frame
    planner.form.fields["batch"].text.value = "many"
    assert "whole number" in planner.error


def test_names_are_text(planner: MemoryPlanner) -> None:
    planner.model = find_model({**SMALL, "_name_or_path": NASTY})
    assert NASTY not in planner.chart.value


def test_closing_leaves_nothing_behind() -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    planner = MemoryPlanner(model="mixtral_8x7b")
    planner.devices = 2
    planner.close()
    assert set(registry) == before


SMALL = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
}
