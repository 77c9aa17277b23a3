"""``explain``: its parts sum to the estimate, by kind and by bound, and no part beats physics."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import TIME_COLUMNS, Evaluation, evaluate, explain, list_models, make_request

KINDS = dict(
    zip(("gemm", "attention", "communication", "memory", "overhead"), TIME_COLUMNS, strict=True)
)
CASES: dict[str, dict[str, Any]] = {
    "dense": {"model": "llama2_70b", "hardware": "H100_80GB", "devices": [8, 16]},
    "mixture": {"model": "deepseek_v3", "hardware": "H200_141GB", "devices": 16},
    "delta net": {"model": "qwen3_5_397b_a17b", "hardware": "H200_141GB", "devices": 8},
    "hybrid": {"model": "nemotron_3_nano_30b_a3b", "hardware": "H100_80GB", "devices": 2},
    "windows": {"model": "gemma3_27b", "hardware": "MI300X", "devices": 4},
    "own drafts": {
        "model": "deepseek_v3", "hardware": "H200_141GB", "devices": 16, "precision": "fp8",
        "speculative_tokens": 1, "acceptance_rate": 0.8,
    },
    "offload": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 4, "weights_offload": 0.2,
        "kv_offload": 0.5,
    },
    "no calibration": {"model": "falcon_mamba_7b", "hardware": "TPUv4", "devices": 2},
    "divided prompts": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 8, "context_parallel": 2,
    },
    "techniques": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 8, "precision": "fp8",
        "prefix_hit_rate": 0.5, "speculative_tokens": 3, "acceptance_rate": 0.7,
        "draft_model": "llama2_7b", "lora_adapters": 4,
    },
}  # fmt: skip
PHASES = ("prefill", "decode", "serving")
NEAR = 0.01
"""Steps that read prompts are estimated from a table, and listed each by itself."""


def asked(case: str, phase: str, **changes: Any) -> Evaluation:
    common = {"batch": [1, 3, 64], "input_tokens": [700], "phase": phase}
    return evaluate(make_request(**{**CASES[case], **common, **changes}))


def tables(found: Evaluation) -> list[tuple[Any, pd.DataFrame]]:
    """Some plans of an evaluation and what explains them."""
    rows = found.frame.sample(min(12, len(found.frame)), random_state=7)
    return [(plan, explain(found.request, plan)) for _, plan in rows.iterrows()]


@cache
def explained(case: str, phase: str) -> tuple[Evaluation, list[tuple[Any, pd.DataFrame]]]:
    """Evaluate a case once for all tests that look at it, and explain some of its plans."""
    found = asked(case, phase)
    return found, tables(found)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("case", CASES)
def test_times_sum_to_the_estimate_by_kind(case: str, phase: str) -> None:
    found, plans = explained(case, phase)
    for plan, table in plans:
        near = NEAR if phase == "serving" else 1e-12
        assert table["time_s"].sum() == pytest.approx(plan[found.latency_column], rel=near)
        assert table["share"].sum() == pytest.approx(1.0, rel=1e-12)
        kinds = table.groupby("kind")["time_s"].sum()
        for kind, column in KINDS.items():
            assert kinds.get(kind, 0.0) == pytest.approx(
                plan[column], rel=max(near, 1e-9), abs=near * plan[found.latency_column]
            ), column
        assert (table["time_s"] > 0).all()
        assert table["time_s"].is_monotonic_decreasing


def test_prompts_in_parts_sum_too() -> None:
    for plan, table in tables(asked("dense", "serving", prefill_chunk_tokens=256)):
        assert table["time_s"].sum() == pytest.approx(plan["tpot_s"], rel=NEAR)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("case", CASES)
def test_without_a_pipeline_a_latency_is_one_pass(case: str, phase: str) -> None:
    given = {"techniques": 1 + 0.7 + 0.7**2 + 0.7**3, "own drafts": 1 + 0.8}  # tokens of a step
    times = 1 / given.get(case, 1.0) if phase == "decode" else 1.0
    for plan, table in explained(case, phase)[1]:
        runs = table["count"] * table["run_s"] * times
        if plan["pp"] == 1:
            assert table["time_s"].tolist() == pytest.approx(runs.tolist(), rel=1e-12)
            assert "pipeline" not in table["part"].tolist()
        else:
            hops = table[table["operation"] == "hand-over between stages"]
            assert hops["count"].tolist() == [plan["pp"] - 1]


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("case", CASES)
def test_the_bound_is_what_takes_most(case: str, phase: str) -> None:
    for plan, table in explained(case, phase)[1]:
        launched = (table["launch_s"] / table["run_s"] * table["time_s"]).to_numpy()
        bounds = {"overhead": launched.sum()}
        computing = table["flops_per_byte"] * table["most_bytes_per_s"] > table["most_flops_per_s"]
        busy = table["time_s"] - launched
        link = table["kind"] == "communication"
        streamed = table["operation"] == "reading from the host"
        bounds["host link"] = busy[streamed].sum()
        bounds["link"] = busy[link & ~streamed].sum()
        # What sums over the inner size of a product take is arithmetic, below the roof as it is.
        multiplying = computing | (table["bound_by"] == "compute")
        bounds["compute"] = busy[~link & multiplying].sum()
        bounds["memory bandwidth"] = busy[~link & ~multiplying].sum()
        assert max(bounds, key=bounds.__getitem__) == plan["bound_by"]
        long = table[launched < 0.4 * table["time_s"]]
        assert (long["bound_by"] != "overhead").all()
        assert (long.loc[~link & computing, "bound_by"] == "compute").all()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_above_its_roof(case: str, phase: str) -> None:
    for _, table in explained(case, phase)[1]:
        own = table[table["flops"] > 0]
        roof = np.minimum(own["most_flops_per_s"], own["flops_per_byte"] * own["most_bytes_per_s"])
        assert (own["flops_per_s"] <= roof * (1 + 1e-9)).all()
        assert (own["most_flops_per_s"] <= own["peak_flops_per_s"]).all()
        assert (own["most_bytes_per_s"] <= own["peak_bytes_per_s"]).all()
        others = table[table["kind"].isin(["communication", "overhead"])]
        assert others[["flops_per_byte", "flops_per_s", "most_bytes_per_s"]].isna().all(axis=None)


def test_a_decode_step_multiplies_every_weight_once() -> None:
    """Two FLOPs per weight but for embedding and norms; QK and PV over the mean context.

    Llama 2 7B: 6,738,415,616 weights, of them 32,000 x 4,096 of the embedding and 65 norms of
    4,096. The 20 steps after 100 tokens see 101 to 120, 110.5 in the mean: 4 x 4,096 FLOP each in
    each of 32 layers.
    """
    found = evaluate(
        make_request("llama2_7b", "A100_80GB", 1, batch=1, input_tokens=100, output_tokens=20)
    )
    table = explain(found.request, found.frame.iloc[0])
    total = table["count"] * table["flops"]
    weights = 6_738_415_616 - 32_000 * 4_096 - 65 * 4_096
    kernel = table["operation"] == "attention"
    assert total[~kernel].sum() == 2 * weights
    assert total[kernel].sum() == 110.5 * 4 * 4_096 * 32
    gemm = table["kind"] == "gemm"
    assert (table["count"] * table["memory_bytes"])[gemm].sum() == pytest.approx(
        2 * weights, rel=0.01
    )


def test_messages_are_between_devices() -> None:
    found = evaluate(make_request("llama2_7b", "A100_80GB", [1, 2], batch=8))
    for plan, table in tables(found):
        sent = table[table["kind"] == "communication"].groupby("operation")["count"].sum()
        layers = {"all-reduce": 64.0, "all-gather of logits": 1.0} if plan["tp"] == 2 else {}
        hops = {"hand-over between stages": 1.0} if plan["pp"] == 2 else {}
        assert sent.to_dict() == layers | hops


@pytest.mark.parametrize(("engine", "phase"), [("vllm", "mixed"), ("sglang", "prefill")])
def test_serving_is_steps_that_decode_and_steps_that_read(engine: str, phase: str) -> None:
    served = asked("dense", "serving", engine=engine)
    decoded = asked("dense", "decode", engine=engine)
    for row in served.frame.sample(8, random_state=2).index:
        table = explain(served.request, served.frame.loc[row])
        alone = served.frame.loc[row, "batch"] == 1
        assert set(table["phase"]) == ({"decode"} if alone else {"decode", phase})
        if alone:  # there is no prompt beside
            pd.testing.assert_frame_equal(
                table, explain(decoded.request, decoded.frame.loc[row]), check_exact=False
            )
        added = served.frame.loc[row, "tpot_s"] - table["time_s"].sum()
        assert abs(added) <= (0 if alone else NEAR) * served.frame.loc[row, "tpot_s"] + 1e-12


def test_a_step_that_reads_beside_decoding_has_every_kernel_once() -> None:
    found = evaluate(make_request("llama2_7b", "A100_80GB", 1, batch=64, phase="serving"))
    table = explain(found.request, found.frame.iloc[0])
    decode, mixed = (
        table[table["phase"] == phase].groupby("operation")["count"].sum()
        for phase in ("decode", "mixed")
    )
    assert mixed["attention"] == mixed["attention of prompts"] == decode["attention"] == 32
    # Kernels that are captured with the step cost the host nothing; others are started.
    extra = {"starting kernels", "attention of prompts"}
    assert set(mixed.index) - set(decode.index) == extra
    same = mixed.drop([*extra, "work per sequence"])
    assert same.to_dict() == {name: decode[name] for name in same.index}
    # Its weights are read once, and its products are of all tokens.
    products = table[table["operation"] == "gate and up projection"].set_index("phase")
    read = products["memory_bytes"]
    weights = 2 * 4096 * 2 * 11_008
    assert weights < read["decode"] < read["mixed"] < 2 * weights
    assert products.loc["mixed", "flops"] > products.loc["decode", "flops"]


@pytest.mark.parametrize("model", list_models())
def test_every_operation_of_every_model_has_a_name_of_its_own(model: str) -> None:
    found = evaluate(make_request(model, "B200_180GB", 1, batch=4, phase="serving"))
    table = explain(found.request, found.frame.iloc[0])
    assert not table.duplicated(["phase", "part", "operation"]).any()
    assert (table["operation"] != "").all()
    assert table["time_s"].sum() == pytest.approx(found.frame["tpot_s"].iloc[0], rel=NEAR)


def test_kinds_of_layers_have_their_names() -> None:
    found = evaluate(make_request("gemma3_27b", "H100_80GB", 1, batch=1))
    counts = explain(found.request, found.frame.iloc[0])
    kernels = counts[counts["operation"] == "attention"].set_index("part")["count"]
    # 62 layers, every sixth of them global (config.json: sliding_window_pattern 6)
    assert kernels.to_dict() == {"sliding-window attention": 52.0, "attention": 10.0}
