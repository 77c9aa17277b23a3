"""The best plans found for deployments that are well known are those that people run."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from llmcalc_core import explore, explore_disaggregated

BATCHES = [2**power for power in range(11)]


def serving(model: str, hardware: str, devices: int, precision: str) -> pd.DataFrame:
    found = explore(
        model, hardware, devices, phase="serving", precision=precision, batch=BATCHES,
        input_tokens=2000, output_tokens=1000,
    )  # fmt: skip
    return found[found["rejected_for"] == ""]


def quickest(rows: pd.DataFrame) -> Any:
    return rows.loc[rows["tpot_s"].idxmin()]


def busiest(rows: pd.DataFrame, limit_s: float) -> Any:
    """Give the plan with the most tokens per second and device within a time per output token."""
    within = rows[rows["tpot_s"] <= limit_s]
    return within.loc[within["tokens_per_s_per_device"].idxmax()]


@pytest.fixture(scope="module")
def deepseek() -> pd.DataFrame:
    return serving("deepseek_v3", "H200", 16, "fp8")


def test_deepseek_on_two_nodes_answers_quickest_in_tensor_parallel_nodes(
    deepseek: pd.DataFrame,
) -> None:
    # vLLM, recipes, DeepSeek-V3: tensor parallel is usually better for low latency and low load ...
    best = quickest(deepseek)
    assert (best["tp"], best["attention_dp"], best["pp"]) == (8, 1, 1)
    # At a moderate load the way from the one to the other has begun.
    best = busiest(deepseek, 0.025)
    assert best["tp"] >= 2
    assert best["attention_dp"] <= 8


def test_deepseek_on_two_nodes_serves_most_with_attention_replicas(deepseek: pd.DataFrame) -> None:
    # ... while data parallel attention with expert parallelism works better for high load: each
    # tensor parallel device would hold the whole compressed cache. Within a node, experts cut in
    # eight beat whole ones that no balancer moves (DeepSeek-V4 on eight MI355X, 6.97 requests/s
    # against 5.71 to 6.48: ROCm/ATOM, pull request 1210; other settings differ too).
    for limit in (0.1, 1.0):
        best = busiest(deepseek, limit)
        assert best["attention_dp"] >= 8
        assert best["pp"] == 1
        whole = deepseek["ep"] == deepseek["attention_dp"] * deepseek["tp"]
        parallel = busiest(deepseek[whole], limit)
        assert parallel["tokens_per_s_per_device"] > 0.85 * best["tokens_per_s_per_device"]
    # No plan of the front that serves many sums over the network.
    front = deepseek[deepseek["on_front"] & (deepseek["batch"] >= 128)]
    assert (front["tp"] <= 8).all()


def test_deepseek_on_a_rack_spreads_its_experts_widely() -> None:
    # LMSYS, Deploying DeepSeek on GB200 NVL72 with PD and Large Scale EP (2025): more than eight
    # devices share the experts, attention is data parallel; over NVLink no node is a boundary.
    found = serving("deepseek_v3", "GB200", 72, "fp8")
    best = busiest(found, 0.03)
    assert best["ep"] > 8
    assert best["attention_dp"] >= best["ep"] / 2
    # Whether one device or two share the attention of a request decides a few per cent.
    alone = busiest(found[found["tp"] == 1], 0.03)
    assert alone["attention_dp"] == alone["ep"] > 8
    assert alone["tokens_per_s_per_device"] > 0.95 * best["tokens_per_s_per_device"]
    narrow = found[found["ep"] <= 8]
    assert best["tokens_per_s_per_device"] > 1.03 * busiest(narrow, 0.03)["tokens_per_s_per_device"]


def test_llama_405b_on_two_nodes_splits_layers_between_nodes() -> None:
    # 810 GB of weights in 16 bits: one replica over both nodes. vLLM, docs/serving/
    # parallelism_scaling.md: tensor parallel inside a node, pipeline parallel between them.
    found = serving("llama3_405b", "H100_80GB", 16, "bf16")
    assert (found["replicas"] == 1).all()
    best = busiest(found, 0.1)
    assert (best["tp"], best["pp"]) == (8, 2)
    # A single request is quickest on all devices at once, though sums cross the network.
    assert (quickest(found)["tp"], quickest(found)["pp"]) == (16, 1)


def test_llama_405b_in_eight_bits_has_a_replica_in_each_node() -> None:
    best = busiest(serving("llama3_405b", "H100_80GB", 16, "fp8"), 0.05)
    assert (best["tp"], best["pp"], best["replicas"]) == (8, 1, 2)


def test_llama_70b_reads_a_long_prompt_over_both_nodes() -> None:
    # Yang et al., arXiv:2411.01783: prefill scales nearly linearly with context parallel nodes.
    found = explore(
        "llama3_1_70b", "H100_80GB", 16, phase="prefill", precision="fp8", batch=1,
        input_tokens=131_000, output_tokens=1,
    )  # fmt: skip
    fits = found[(found["rejected_for"] == "") & (found["replicas"] == 1)]
    best = fits.loc[fits["ttft_s"].idxmin()]
    assert best["tp"] * best["cp"] == 16
    assert 2 <= best["cp"] <= 8
    summed = fits[(fits["tp"] == 16) & (fits["cp"] == 1)]["ttft_s"].min()
    assert best["ttft_s"] < summed / 1.5


def test_pools_of_a_rack_differ_as_their_work_does() -> None:
    # The same article: small groups read prompts, wide ones with attention replicas decode.
    found = explore_disaggregated(
        "deepseek_v3", "GB200", devices=72, precision="fp8", input_tokens=2000, output_tokens=1000,
        ttft_limit_s=3.0, tpot_limit_s=0.03,
    )  # fmt: skip
    best = found.iloc[0]
    assert best["serving"] == "disaggregated"
    size = {
        name: best[f"{name}_tp"] * best[f"{name}_pp"] * best[f"{name}_attention_dp"]
        for name in ("prefill", "decode")
    }
    assert size["decode"] > size["prefill"]
    assert best["decode_ep"] > 8
