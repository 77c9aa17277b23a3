"""The code that an explorer writes: it runs, and gives what the explorer shows."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmcalc_core import (
    PHASES,
    EvaluationRequest,
    Precision,
    evaluate,
    explore,
    find_hardware,
    find_model,
    list_hardware,
    list_models,
    make_request,
)
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.axes import AXES
from llmcalc_widgets.chart.view import chart_view
from llmcalc_widgets.export.widget_code import explorer_code

NASTY = """it's "quoted" \\ with\nlines, é and Hardware("""


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - running it is the point
    return names


def check(explorer: ParetoExplorer) -> None:
    names = run(explorer.to_code())
    pd.testing.assert_frame_equal(names["df"], explorer.df)
    pd.testing.assert_frame_equal(names["front"], explorer.front)
    if explorer.selected is None:
        assert "selected" not in names
    else:
        pd.testing.assert_series_equal(names["selected"], explorer.selected)
    drawn = [other for other in explorer.outputs.compared if other.view is not None]
    assert len(names.get("fronts", ())) == len(drawn)
    for other, name in zip(drawn, names.get("fronts", ()), strict=True):
        pd.testing.assert_frame_equal(names["others"][name], other.view.frame)
        pd.testing.assert_frame_equal(names["fronts"][name], other.view.front_frame)


AXIS_PAIRS = st.lists(st.sampled_from(list(AXES)), min_size=2, max_size=2, unique=True)
STATES = st.fixed_dictionaries(
    {
        "model": st.sampled_from(list_models()),
        "hardware": st.sampled_from(list_hardware()),
        "devices": st.integers(1, 24),
        "phase": st.sampled_from(PHASES),
        "engine": st.sampled_from(["vllm", "trtllm", "sglang"]),
        "input_tokens": st.integers(1, 9000),
        "output_tokens": st.integers(1, 900),
        "batch_min": st.integers(1, 5),
        "batch_max": st.integers(5, 300),
        "precision": st.sampled_from(["checkpoint", "bf16", "fp8", "w4a16"]),
        "memory_fraction": st.sampled_from([0.5, 0.85, 0.9]),
        "tpot_limit_ms": st.sampled_from([None, 7.5, 33]),
        "ttft_limit_ms": st.sampled_from([None, 900]),
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=STATES, axes=st.none() | AXIS_PAIRS, row=st.none() | st.integers(0, 10**6))
def test_it_gives_what_is_on_the_screen_in_any_state(state, axes, row):
    across, up = axes or (None, None)
    explorer = ParetoExplorer(**state, x_axis=across, y_axis=up)
    if row is not None:
        explorer.select(row % len(explorer.df))
    check(explorer)
    explorer.close()


@pytest.mark.parametrize("y_axis", [None, "energy"])
def test_what_is_pinned_and_compared_is_in_the_code(y_axis: str | None) -> None:
    explorer = ParetoExplorer(
        model="llama2_7b", hardware="A100_80GB", devices=2, batch_max=16, y_axis=y_axis,
        compared=[{"hardware": "L4"}, {"prefix_hit_rate": 0.5}, {"phase": "prefill"}],
    )  # fmt: skip
    explorer.pin(NASTY)
    explorer.pin("2")
    explorer.update(precision="fp8", price_per_hour=1.5)
    check(explorer)
    assert list(run(explorer.to_code())["fronts"]) == [NASTY, "2", "L4", "2 (compared)"]
    assert "others = {" in explorer.outputs.reveal("Python code").code.value
    explorer.update(pins=(), compared=())
    assert "others" not in explorer.to_code()
    explorer.close()


def test_every_model_and_device_of_the_catalogue_is_found_by_name():
    for model, device in zip(list_models(), list_hardware() * 9, strict=False):
        request = make_request(model, device, 1, batch=1)
        code = explorer_code(chart_view(evaluate(request), None, None), None)
        assert code.startswith("from llmcalc_core import explore\n")


def test_what_has_no_name_is_written_out():
    model = find_model(
        {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "_name_or_path": NASTY,
            "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32,
            "num_hidden_layers": 16, "num_key_value_heads": 8, "vocab_size": 128256,
        }
    )  # fmt: skip
    explorer = ParetoExplorer(
        model=model,
        hardware=find_hardware("L4").replace(memory_bandwidth=4e11, name=NASTY),
        devices=2,
        precision=Precision(weights="fp8", activations="bf16", kv_cache="fp8"),
    )
    assert (
        "from llmcalc_core import Hardware, ModelConfig, Precision, explore" in explorer.to_code()
    )
    check(explorer)
    explorer.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": ["llama2_7b", "mixtral_8x7b"], "devices": [2, 4], "precision": ["fp8", "bf16"]},
        {"prefix_hit_rate": [0.0, 0.5], "lora_adapters": 4, "beam_size": 2},
        {"speculative_tokens": 3, "acceptance_rate": 0.7, "draft_model": "llama3.2_1b"},
        {"phase": "serving", "prefill_chunk_tokens": 2048, "context_parallel": [1, 2]},
        {"phase": "serving", "request_rate": [0.5, 3], "percentile": 0.9},
    ],
    ids=["axes", "techniques", "draft", "serving", "rates"],
)
def test_every_argument_of_a_request_is_written(arguments):
    given_ = {"model": "llama3_8b", "hardware": "H100_80GB", "devices": 4} | arguments
    request = make_request(**given_)
    names = run(explorer_code(chart_view(evaluate(request), None, None), 0))
    pd.testing.assert_frame_equal(names["df"], evaluate(request).frame)


def test_a_field_that_explore_lacks_would_be_seen():
    renamed = {
        "models": "model", "batches": "batch", "precisions": "precision",
        "request_rates": "request_rate",
    }  # fmt: skip
    fields = {renamed.get(name, name) for name in EvaluationRequest.__dataclass_fields__}
    assert fields <= set(signature(explore).parameters)
