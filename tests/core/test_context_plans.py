"""Plans that divide prompts: which there are, when they are tried, and errors for the rest."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import explore, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.planning.layouts import plans
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.layout import Layout

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
def test_a_row_equals_the_single_call(name: str, phase: str) -> None:
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


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "mamba_2_8b",
        {"context_parallel": 2},
        r"recurrent or compressed layers .*got \[2\]",
    ),
    ("llama2_7b", {"context_parallel": 3}, r"must divide devices \(\[8\]\), got \[3\]; .* is [24]"),
    ("llama2_7b", {"context_parallel": 0}, "context_parallel must be a whole number .*got 0"),
    ("llama2_7b", {"context_parallel": []}, "context_parallel must hold at least one"),
]


@pytest.mark.parametrize(("name", "given", "message"), WRONG, ids=[str(row[:2]) for row in WRONG])
def test_errors_help(name: str, given: dict[str, Any], message: str) -> None:
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
def test_layouts_the_model_cannot_have(name: str, widths: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_layout(architecture(find_model(name)), **({"tp": 1, "pp": 1, "ep": 1} | widths))
