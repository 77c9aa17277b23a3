"""Which layouts there are: every legal one, for every device count, and errors for the rest."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import ModelConfig, explore, find_model, get_various_parallelization
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.pipeline import stage_counts
from llmcalc_core.planning.layouts import layouts, plans
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.layout import Layout


def model_of(name: str) -> Model:
    return architecture(find_model(name))


# (model, heads, layers) of the configuration files
SHAPES = [("llama2_7b", 32, 32), ("llama2_13b", 40, 40), ("llama2_70b", 64, 80), ("gpt2", 12, 12)]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape[0] for shape in SHAPES])
@pytest.mark.parametrize("devices", range(1, 18))
def test_every_pair_whose_product_is_the_count(devices: int, shape: tuple[str, int, int]) -> None:
    name, heads, layers = shape
    both = product(range(1, devices + 1), repeat=2)
    expected = {(tp, pp) for tp, pp in both if tp * pp == devices and heads % tp == 0}
    expected = {(tp, pp) for tp, pp in expected if pp <= layers}
    assert get_various_parallelization(name, total_nodes=devices) == expected


BY_HAND = [
    ("llama2_7b", 1, {(1, 1)}),
    ("llama2_7b", 3, {(1, 3)}),
    ("llama2_7b", 6, {(1, 6), (2, 3)}),
    ("llama2_7b", 8, {(1, 8), (2, 4), (4, 2), (8, 1)}),
    ("llama2_13b", 5, {(1, 5), (5, 1)}),  # 40 heads divide by 5
    ("gpt2", 6, {(1, 6), (2, 3), (3, 2), (6, 1)}),  # 12 heads divide by 3 and 6
    ("gpt2", 13, set()),  # one stage more than layers
    # 40 heads divide by 4 and 5, 10 key and value heads by 5 alone, and 20 repeats each twice.
    ("phi_4", 20, {(1, 20), (2, 10), (5, 4), (10, 2), (20, 1)}),
]


@pytest.mark.parametrize(
    ("name", "devices", "pairs"), BY_HAND, ids=[f"{row[0]}-{row[1]}" for row in BY_HAND]
)
def test_pairs_by_hand(name: str, devices: int, pairs: set[tuple[int, int]]) -> None:
    assert get_various_parallelization(name, devices) == pairs


@pytest.mark.parametrize("name", ["llama2_7b", "gpt2", "mixtral_8x7b", "deepseek_v3"])
@pytest.mark.parametrize("devices", range(1, 18))
def test_any_count_has_plans_that_use_it_up(devices: int, name: str) -> None:
    model = model_of(name)
    found = plans(model, devices)
    assert found
    assert len(set(found)) == len(found)
    for plan in found:
        layout = plan.layout
        assert (
            plan.replicas * layout.tp * layout.attention_dp * layout.pp == plan.devices == devices
        )
        assert (
            check_layout(
                model, tp=layout.tp, pp=layout.pp, ep=layout.ep, attention_dp=layout.attention_dp
            )
            == layout
        )


def test_dense_models_have_no_expert_parallelism() -> None:
    assert {plan.layout.ep for plan in plans(model_of("llama2_7b"), 16)} == {1}


def test_expert_parallelism_of_a_mixture() -> None:
    # Eight experts over four devices without replicas and stages: experts inside the tensor
    # parallel group (ep divides tp), or attention replicas (tp divides ep = 4).
    found = {
        (plan.layout.tp, plan.layout.ep)
        for plan in plans(model_of("mixtral_8x7b"), 4)
        if plan.replicas == 1 and plan.layout.pp == 1
    }
    # Or of those the columns of all experts over all devices, or of whole ones over each pair.
    assert found == {(4, 1), (4, 2), (4, 4), (1, 4), (2, 4), (1, 1), (2, 1), (2, 2)}


# Layers of each stage, first to last in size: differ by one at most
SPLITS = [(5, 2, [3, 2]), (8, 3, [3, 3, 2]), (32, 6, [6, 6, 5, 5, 5, 5]), (4, 4, [1, 1, 1, 1])]


@pytest.mark.parametrize(("layers", "stages", "sizes"), SPLITS, ids=str)
def test_uneven_stages(layers: int, stages: int, sizes: list[int]) -> None:
    model = architecture(
        ModelConfig(
            vocab_size=10, hidden_size=8, num_decoder_layers=layers, num_attention_heads=4,
            intermediate_size=8,
        )
    )  # fmt: skip
    found = stage_counts(model, (stages,))[:, 0, :]
    first = next(row for row in found if row[-2] == 1)
    last = next(row for row in found if row[-1] == 1)
    assert (first[0], last[0]) == (sizes[0], sizes[-1])
    assert found[:, 0].max() == sizes[0]


def test_stages_of_a_model_with_two_kinds_of_layer() -> None:
    # Five layers, the first two dense, then three mixtures, over two stages: three and two.
    config = ModelConfig(
        vocab_size=10, hidden_size=8, num_decoder_layers=5, num_attention_heads=4,
        intermediate_size=8, num_experts=4, expert_top_k=2, first_k_dense_replace=2,
    )  # fmt: skip
    model = architecture(config)
    rows = stage_counts(model, (2,))[:, 0, :].tolist()
    # attention, feed-forward, norms, mixture; first and last part
    assert [type(part).__name__ for part in model.parts] == [
        "Attention", "FeedForward", "Norms", "MoE",
    ]  # fmt: skip
    assert sorted(rows) == [[2, 0, 4, 2, 0, 1], [3, 2, 6, 1, 1, 0]]


def test_layouts_are_sorted_and_whole() -> None:
    found = layouts(model_of("llama2_70b"), 16)
    assert list(found) == sorted(found)
    assert [layout.devices for layout in found] == [16] * 5


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("llama2_7b", {"tp": 3}, "tensor_parallel must divide the 32 attention heads .*got 3; .* is 2"),
    (
        "llama2_13b",
        {"tp": 6},
        "divide the 40 attention heads .*got 6; the nearest valid value is 5",
    ),
    ("phi_4", {"tp": 4}, "its 10 key and value heads or be a multiple of them, got 4; .* is 5"),
    ("llama2_7b", {"tp": 0}, "tensor_parallel must be a whole number .*got 0; .* value is 1"),
    ("llama2_7b", {"tp": 1.5}, "tensor_parallel .*got 1.5; the nearest valid value is 2"),
    ("llama2_7b", {"tp": "2"}, "tensor_parallel must be a whole number .*got '2'"),
    ("llama2_7b", {"pp": 33}, "pipeline_parallel must be at most the 32 layers .* value is 32"),
    ("llama2_7b", {"pp": -1}, "pipeline_parallel must be a whole number .*got -1"),
    ("llama2_7b", {"pp": math.nan}, "pipeline_parallel must be a whole number .*got nan"),
    ("llama2_7b", {"ep": 2}, "expert_parallel must be 1 .*no mixture of experts, got 2"),
    ("mixtral_8x7b", {"ep": 9}, "be at most the 8 experts .*got 9; the nearest valid value is 8"),
    ("mixtral_8x7b", {"tp": 4, "ep": 3}, r"divide tensor_parallel \(4\) or be a multiple.* is 2"),
    ("mixtral_8x7b", {"tp": 4, "ep": 16}, "got 16; the nearest valid value is 8"),
    (
        "mixtral_8x7b",
        {"tp": 2, "attention_dp": 4, "ep": 3},
        r"divide the 8 devices of a stage .*got 3; the nearest valid value is 2",
    ),
    ("llama2_7b", {"attention_dp": 2}, "attention_data_parallel must be 1 .*no mixture .*got 2"),
]


@pytest.mark.parametrize(
    ("name", "widths", "message"), WRONG, ids=[f"{row[0]}-{row[1]}" for row in WRONG]
)
def test_layouts_the_model_cannot_have(name: str, widths: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_layout(model_of(name), **({"tp": 1, "pp": 1, "ep": 1} | widths))


@pytest.mark.parametrize("count", [0, -8, 2.5, "8", None, math.nan, True, 5000])
def test_device_counts_that_make_no_sense(count: object) -> None:
    with pytest.raises(ValueError, match=r"total_nodes must be a whole number of at least 1"):
        get_various_parallelization("llama2_7b", count)


def test_a_whole_float_is_a_count() -> None:
    assert get_various_parallelization("llama2_7b", 8.0) == {(1, 8), (2, 4), (4, 2), (8, 1)}
    assert Layout(tp=2, pp=4).devices == 8


LONG = {"phase": "prefill", "input_tokens": 32_768, "output_tokens": 1, "batch": [1, 4]}


def test_plans_of_given_widths() -> None:
    llama = architecture(find_model("llama2_7b"))
    found = {
        (plan.layout.tp, plan.layout.pp, plan.layout.cp, plan.replicas)
        for plan in plans(llama, 4, (2,))
    }
    assert found == {(1, 1, 2, 2), (1, 2, 2, 1), (2, 1, 2, 1)}


def test_plans_of_a_mixture_divide_the_experts_over_all_groups() -> None:
    mixtral = architecture(find_model("mixtral_8x7b"))
    found = [plan.layout for plan in plans(mixtral, 4, (4,))]
    assert found == [Layout(cp=4, ep=4)]
    assert [check_layout(mixtral, tp=1, pp=1, ep=4, cp=4)] == found


@pytest.mark.parametrize("settings", [{}, {"phase": "prefill"}, {"input_tokens": 100_000}])
def test_prompts_are_not_divided_unless_they_are_long_and_all_there_is(
    settings: dict[str, Any],
) -> None:
    frame = explore("llama2_7b", "A100_80GB", 4, batch=1, **settings)
    assert "cp" not in frame
    asked = explore("llama2_7b", "A100_80GB", 4, batch=1, context_parallel=1, **settings)
    pd.testing.assert_frame_equal(frame, asked)


def test_a_long_prefill_is_divided_without_being_asked() -> None:
    frame = explore("llama3_70b", "H100_80GB", 8, precision="fp8", **LONG)
    assert set(frame["cp"]) == {1, 2, 4, 8}
    # Alone the others are as they are without it, to the last digit.
    others = explore("llama3_70b", "H100_80GB", 8, precision="fp8", context_parallel=1, **LONG)
    same = frame[frame["cp"] == 1].drop(columns=["cp", "on_front"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(same, others.drop(columns="on_front"))


@pytest.mark.parametrize("phase", llm.PHASES)
@pytest.mark.parametrize("name", ["llama2_7b", "deepseek_v2_lite"])
def test_a_row_of_a_divided_prompt_equals_the_single_call(name: str, phase: str) -> None:
    frame = explore(
        name, "H100_80GB", 8, phase=phase, context_parallel=[2, 4], batch=[2, 9],
        input_tokens=5000, output_tokens=30,
    )  # fmt: skip
    for row in frame.sample(8, random_state=1).to_dict("records"):
        widths = {
            "tensor_parallel": row["tp"], "pipeline_parallel": row["pp"],
            "expert_parallel": row["ep"], "context_parallel": row["cp"],
            "attention_data_parallel": row["attention_dp"],
        }  # fmt: skip
        if phase == "serving":
            if row["rejected_for"]:
                continue
            own = llm.estimate_serving_performance(
                name, row["batch"], 5000, 30, "H100_80GB", **widths
            )
            assert row["ttft_s"] == pytest.approx(own["ttft_ms"] / 1e3, rel=1e-9)
        elif phase == "prefill":
            own = llm.estimate_prefill_performance(name, row["batch"], 5000, "H100_80GB", **widths)
            assert row["ttft_s"] == pytest.approx(own["latency"] / 1e3, rel=1e-9)
        else:
            own = llm.estimate_decode_performance(
                name, row["batch"], 1, 5000, 30, "H100_80GB", **widths
            )
            assert row["tpot_s"] == pytest.approx(own["latency"] / 1e3, rel=1e-9)
        assert row["devices"] == row["replicas"] * own["devices"]
        assert own["devices"] == row["tp"] * row["pp"] * row["cp"]


def test_a_long_prompt_is_quickest_divided_between_nodes() -> None:
    # Of a layer's 8 KV heads 2 x 8 x 128 elements of a token are gathered, of its hidden size
    # 4 x 8,192 are summed: between nodes prompts are divided, not matrices.
    frame = explore("llama3_70b", "H100_80GB", 16, precision="fp8", **(LONG | {"batch": 1}))
    fits = frame[frame["rejected_for"] == ""]
    best = fits.loc[fits["ttft_s"].idxmin()]
    assert best["cp"] > 1
    assert best["tp"] <= 8
    assert best["replicas"] == 1
    undivided = fits[fits["cp"] == 1]["ttft_s"].min()
    assert best["ttft_s"] < 0.8 * undivided


WRONG_CONTEXTS: list[tuple[str, dict[str, Any], str]] = [
    (
        "mamba_2_8b",
        {"context_parallel": 2},
        r"recurrent or compressed layers .*got \[2\]",
    ),
    ("llama2_7b", {"context_parallel": 3}, r"must divide devices \(\[8\]\), got \[3\]; .* is [24]"),
    ("llama2_7b", {"context_parallel": 0}, "context_parallel must be a whole number .*got 0"),
    ("llama2_7b", {"context_parallel": []}, "context_parallel must hold at least one"),
]


@pytest.mark.parametrize(
    ("name", "given", "message"), WRONG_CONTEXTS, ids=[str(row[:2]) for row in WRONG_CONTEXTS]
)
def test_errors_of_context_widths_help(name: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore(name, "A100_80GB", 8, **given)


ILLEGAL: list[tuple[str, dict[str, Any], str]] = [
    (
        "mamba_2_8b",
        {"cp": 2},
        "context_parallel must be 1 .*recurrent or compressed.*got 2",
    ),
    ("qwen3_5_397b_a17b", {"cp": 2}, "context_parallel must be 1 for"),
    ("llama2_7b", {"cp": 1.5}, "context_parallel must be a whole number"),
    ("mixtral_8x7b", {"cp": 4, "ep": 3}, r"divide tensor_parallel x context_parallel \(4\) or"),
]


@pytest.mark.parametrize(("name", "widths", "message"), ILLEGAL, ids=[str(r[:2]) for r in ILLEGAL])
def test_contexts_the_model_cannot_have(name: str, widths: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_layout(architecture(find_model(name)), **({"tp": 1, "pp": 1, "ep": 1} | widths))


def test_one_long_prompt_of_several_is_enough_to_divide_them() -> None:
    request = llm.make_request("llama2_7b", "A100_80GB", 4, phase="prefill",
                               input_tokens=[100, 32_768])  # fmt: skip
    assert request.contexts == (1, 2, 4)


def test_a_quarter_more_slots_than_experts_is_just_allowed() -> None:
    # 16 experts in 10 groups of two slots are 20; of 5 groups four slots each are as many.
    model = architecture(ModelConfig(
        vocab_size=100, hidden_size=2048, num_decoder_layers=2, num_attention_heads=16,
        intermediate_size=2048, num_experts=16, expert_top_k=2, moe_intermediate_size=2048,
    ))  # fmt: skip
    found = {
        (plan.layout.tp, plan.layout.ep)
        for plan in plans(model, 10)
        if (plan.replicas, plan.layout.pp) == (1, 1) and plan.layout.attention_dp > 1
    }
    assert found == {(1, 10), (2, 10), (2, 5)}
