"""Continuous batching: what has to hold whatever the constants, memory, engines and questions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmcalc_core import (
    ENGINES,
    Precision,
    estimate_decode_performance,
    estimate_serving_performance,
    explore,
    find_engine,
    find_hardware,
    find_model,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.constants import fitted, specs
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.concurrency import concurrency_beside_buffers
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

# A request of 1,000 and 200 tokens: 75 blocks of 16 tokens, no rounding.
ASKED = {"input_tokens": 1000, "output_tokens": 200, "system_name": "H100_80GB"}
# Model, precision and layout that fit: dense, latent attention with ranks, hybrid, a pipeline.
PLANS: dict[str, dict[str, Any]] = {
    "dense": {"model": "llama3_8b"},
    "tensor parallel": {"model": "llama3_70b", "tensor_parallel": 4, "bits": "fp8",
                        "max_num_seqs": 2048},
    "pipeline": {"model": "llama3_70b", "tensor_parallel": 2, "pipeline_parallel": 2},
    "expert parallel": {"model": "mixtral_8x7b", "tensor_parallel": 4, "expert_parallel": 4,
                        "max_num_seqs": 2048},
    "attention ranks": {"model": "deepseek_v3", "bits": "fp8", "expert_parallel": 16,
                        "attention_data_parallel": 16},
    "hybrid": {"model": "jamba_v0_1", "tensor_parallel": 4, "max_num_seqs": 8192},
}  # fmt: skip
PLANNED = pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))


def served(concurrency: int, plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return estimate_serving_performance(**(ASKED | plan | changes), concurrency=concurrency)


def ranks_of(plan: dict[str, Any]) -> int:
    return int(plan.get("attention_data_parallel", 1))


@PLANNED
def test_alone_there_is_no_queue(plan: dict[str, Any]) -> None:
    found = served(ranks_of(plan), plan)  # one request on each attention replica
    if ranks_of(plan) == 1:  # else prompts that come at once share the experts
        assert found["ttft_ms"] == pytest.approx(found["ttft_burst_ms"], rel=1e-12)
        assert found["ttft_ms"] == pytest.approx(found["ttft_steady_ms"], rel=1e-12)
        asked = {name: value for name, value in plan.items() if name != "max_num_seqs"}
        alone = estimate_decode_performance(**(ASKED | asked), batch_size=1)
        assert found["tpot_ms"] == pytest.approx(alone["latency"], rel=1e-12)


@PLANNED
def test_more_requests_take_longer_and_yield_more(plan: dict[str, Any]) -> None:
    most = served(1, plan)["max_concurrency"]
    counts = [ranks_of(plan) * 2**power for power in range(12)]
    found = [served(count, plan) for count in counts if count <= most]
    assert len(found) > 3
    for name in ("tpot_ms", "ttft_ms", "ttft_burst_ms", "e2e_latency_ms", "tokens_per_s"):
        values = np.array([one[name] for one in found])
        # Once prompts wait for room in the budget, more in flight gain nothing.
        slack = 0.06 if name == "tokens_per_s" else 0.0
        assert (values[1:] >= values[:-1] * (1 - slack)).all(), name
        assert values[0] < values[-1], name


@PLANNED
@pytest.mark.parametrize("concurrency", [1, 16, 100, 5000])
@pytest.mark.parametrize("outputs", [1, 200])
def test_nothing_is_lost(plan: dict[str, Any], concurrency: int, outputs: int) -> None:
    found = served(concurrency, plan, output_tokens=outputs)
    # Requests in flight or waiting = rate x time that each spends here (Little's law).
    spent = found["e2e_latency_ms"] / 1e3
    assert found["requests_per_s"] * spent == pytest.approx(concurrency, rel=1e-9)
    whole = found["ttft_ms"] + (outputs - 1) * found["tpot_ms"]
    assert found["e2e_latency_ms"] == pytest.approx(whole, rel=1e-9)
    assert found["tokens_per_s"] == pytest.approx(found["requests_per_s"] * outputs, rel=1e-12)
    per_device = found["tokens_per_s"] / found["devices"]
    assert found["tokens_per_s_per_device"] == pytest.approx(per_device, rel=1e-12)
    assert found["tokens_per_s_per_user"] == pytest.approx(1e3 / found["tpot_ms"], rel=1e-12)
    by_kind = sum(found["time_by_kind_ms"].values())
    assert by_kind == pytest.approx(found["tpot_ms"], rel=1e-9)


@PLANNED
def test_bands_contain_the_value(plan: dict[str, Any]) -> None:
    for device in ("H100_80GB", "A100_80GB", "MI300X", "TPUv6e"):
        found = served(8, plan, system_name=device)
        for name in ("ttft_ms", "tpot_ms"):
            assert 0 < found[f"{name}_low"] < found[name] < found[f"{name}_high"]


@PLANNED
@pytest.mark.parametrize("concurrency", [1, 16, 100])
def test_prefills_in_one_piece_are_never_faster(plan: dict[str, Any], concurrency: int) -> None:
    for engine in ("vllm", "trtllm", "sglang"):
        chunked = served(concurrency, plan, engine=engine)
        whole = served(concurrency, plan, engine=engine, chunked_prefill=False)
        if engine == "sglang" or concurrency <= ranks_of(plan):
            # It reads first in any case; and alone nobody decodes beside.
            assert whole["tpot_ms"] == chunked["tpot_ms"]
        else:
            assert whole["tpot_ms"] > chunked["tpot_ms"]


@PLANNED
def test_a_burst_waits_longest(plan: dict[str, Any]) -> None:
    found = served(64, plan)
    assert found["ttft_burst_ms"] > found["ttft_ms"]
    assert found["ttft_burst_ms"] >= found["ttft_steady_ms"]


def test_arrivals_are_asked_for() -> None:
    usual, held, fixed = (
        served(64, PLANS["dense"], engine="sglang", **changes)
        for changes in ({}, {"held_steps": 10}, {"fixed_lengths": True})
    )
    # Ten steps more in which a request is in flight, and others are read.
    assert held["ttft_ms"] - usual["ttft_ms"] == pytest.approx(10 * held["tpot_ms"], rel=0.05)
    assert held["tpot_ms"] == pytest.approx(usual["tpot_ms"], rel=0.05)
    # In step: rounds are bursts, and what is read in one doesn't stop those that decode.
    assert fixed["ttft_ms"] == pytest.approx(fixed["ttft_burst_ms"], rel=1e-9)
    assert usual["ttft_ms"] < fixed["ttft_ms"]
    assert fixed["tpot_ms"] < usual["tpot_ms"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"fixed_lengths": "yes"}, "fixed_lengths must be True or False, got 'yes'"),
    ({"held_steps": -1}, "held_steps must be .* got -1"),
])  # fmt: skip
def test_arrivals_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        served(8, PLANS["dense"], **changes)


def test_how_many_requests_fit_by_hand() -> None:
    # Llama 3 8B in bf16: 8,030,261,248 parameters are 16,060,522,496 bytes. A token's cache has
    # keys and values of 8 heads of 128 elements in each of 32 layers: 131,072 bytes; 1,200
    # tokens 157,286,400. 92 % of what CUDA sees (since 0.21), less what vLLM finds beside: the peak
    # of a sampler of 1,024 requests, 14 bytes for each of 128,256 tokens; 0.13 GiB outside of
    # PyTorch and 0.6 of graphs.
    found = served(64, PLANS["dense"])
    memory = device_memory(
        architecture(find_model("llama3_8b")), Precision(),
        make_grid((Layout(),), batches=(64,), inputs=(1000,), outputs=(200,)),
    )  # fmt: skip
    assert memory.activations == 14 * 1024 * 128_256
    usable = 0.92 * find_hardware("H100_80GB").visible_bytes
    besides = 16_060_522_496 + 14 * 1024 * 128_256 + 0.73 * 2**30
    assert found["memory_capacity_bytes"] == pytest.approx(usable, rel=1e-12)
    assert found["max_concurrency"] == math.floor((usable - besides) / 157_286_400)
    held = besides + 64 * 157_286_400
    assert found["memory_bytes"] == pytest.approx(held, rel=1e-12)


def test_tensorrt_llm_fills_a_part_of_what_is_free() -> None:
    # Llama 3.1 70B in FP8 is 70.6 GB, on an H100 of 85.5: nine tenths of the whole leave room for a
    # few requests, nine tenths of what is free for twice as many and more, and 911.6 tokens/s were
    # measured (TensorRT-LLM 0.17, perf-overview.md at 258c7540; read 2026-11-23).
    narrow = Precision(weights="fp8", activations="fp8", kv_cache="fp8")
    plan = {"model": "llama3.1_70b", "bits": narrow, "input_tokens": 128, "output_tokens": 2048}
    usual, found = (served(500, plan, engine=engine) for engine in ("vllm", "trtllm"))
    most = found["max_concurrency"]
    assert usual["max_concurrency"] < most / 2  # beside a sampler and graphs
    assert found["tokens_per_s"] == pytest.approx(911.6, rel=0.3)
    full, over = (served(count, plan, engine="trtllm") for count in (most, most + 1))
    assert (full["fits"], over["fits"]) == (True, False)
    assert full["memory_bytes"] <= full["memory_capacity_bytes"]
    assert over["memory_bytes"] > over["memory_capacity_bytes"]
    whole = find_hardware("H100_80GB").visible_bytes
    for count, enough in ((most, True), (most + 1, False)):
        memory = device_memory(
            architecture(find_model("llama3.1_70b")), narrow,
            make_grid(
                (Layout(),), batches=(count,), inputs=(128,), outputs=(2048,), engine="trtllm"
            ),
        )  # fmt: skip
        # A cached token is 80 layers x 2 x 8 heads x 128 elements of a byte.
        assert memory.kv_cache == count * 2176 * 163_840
        free = whole - (memory.total - memory.kv_cache)
        assert (memory.kv_cache <= 0.9 * free) == enough
    table = explore(
        "llama3.1_70b", "H100_80GB", 1, batch=[most, most + 1], phase="serving", precision=narrow,
        engine="trtllm", input_tokens=128, output_tokens=2048,
    ).set_index("batch")  # fmt: skip
    assert (table["rejected_for"] == "").to_dict() == {most: True, most + 1: False}
    assert table["memory_headroom_bytes"].between(-1e9, 1e9).all()


@PLANNED
def test_what_runs_fits_and_one_more_does_not(plan: dict[str, Any]) -> None:
    # Without a sampler of so many, and a share that leaves room beside attention replicas.
    plan = plan | {"max_num_seqs": 10**6, "engine": "sglang", "memory_fraction": 0.9}
    most = served(1, plan)["max_concurrency"]
    full, over = served(most, plan), served(most + 1, plan)
    assert (full["fits"], over["fits"]) == (True, False)
    # Buffers grow with the requests, but what fits is the same wherever the search begins.
    assert {served(asked, plan)["max_concurrency"] for asked in (64, 3000, 10**6)} == {most}
    assert full["memory_bytes"] <= full["memory_capacity_bytes"] < over["memory_bytes"]
    assert (full["running"], over["running"]) == (most, over["max_concurrency"])
    assert most % ranks_of(plan) == 0


@PLANNED
def test_what_does_not_fit_waits(plan: dict[str, Any]) -> None:
    # Without a sampler of so many, and a share that leaves room beside attention replicas.
    plan = plan | {"max_num_seqs": 10**6, "engine": "sglang", "memory_fraction": 0.9}
    found = served(50_000, plan)
    running = found["running"]
    assert running == found["max_concurrency"] < 50_000
    assert not found["fits"]
    usual = served(running, plan)
    assert found["tpot_ms"] == usual["tpot_ms"]
    assert found["tokens_per_s"] == usual["tokens_per_s"]
    # Each of those that wait stands for a request that is in flight before it is let in.
    waiting = (50_000 - running) / running * usual["e2e_latency_ms"]
    for name in ("ttft_ms", "ttft_burst_ms", "e2e_latency_ms"):
        assert found[name] == pytest.approx(usual[name] + waiting, rel=1e-9)


def test_less_memory_lets_fewer_in() -> None:
    whole, part = (served(64, PLANS["dense"], memory_fraction=share) for share in (1.0, 0.3))
    assert part["max_concurrency"] < 64 < whole["max_concurrency"]
    assert part["running"] == part["max_concurrency"]


def test_a_model_that_does_not_fit_at_all() -> None:
    found = served(4, {"model": "llama3_70b"})
    assert (found["max_concurrency"], found["running"], found["fits"]) == (0, 0, False)


def test_a_state_of_fixed_size_counts_per_request() -> None:
    memory = device_memory(
        architecture(find_model("jamba_v0_1")), Precision(),
        make_grid((Layout(tp=4),), batches=(10,), inputs=(1000,), outputs=(200,)),
    )  # fmt: skip
    grid = make_grid((Layout(tp=4),), batches=(10,), inputs=(1000,), outputs=(200,))
    besides = memory.total.item() - memory.kv_cache.item()
    each = memory.kv_cache.item() / 10
    rooms = {besides + (count + 0.5) * each: count for count in (0, 1, 7, 123)}
    for room, count in (rooms | {besides + 7 * each: 7, besides - 1: 0}).items():
        budget = MemoryBudget(device_bytes=room)
        assert concurrency_beside_buffers(memory, grid, budget) == count


def test_attention_ranks_share_the_requests() -> None:
    plan = PLANS["attention ranks"]
    grid = make_grid(
        (Layout(ep=16, attention_dp=16),), batches=(40,), inputs=(1000,), outputs=(200,)
    )
    model = architecture(find_model("deepseek_v3"))
    memory = device_memory(model, Precision(weights="fp8", activations="fp8", kv_cache="fp8"), grid)
    besides = memory.total.item() - memory.kv_cache.item()
    each = memory.kv_cache.item() / 3  # 40 requests over 16 ranks: the fullest has three
    budget = MemoryBudget(device_bytes=besides + 5.5 * each)
    assert concurrency_beside_buffers(memory, grid, budget) == 5 * 16
    # Ranks read their prompts side by side: 16 at once take far less than one after the other.
    alone = served(16, plan)["ttft_steady_ms"]
    assert alone <= served(16, plan)["ttft_burst_ms"] < 16 / 2 * alone
    assert served(32, plan)["ttft_burst_ms"] > served(16, plan)["ttft_burst_ms"]
    assert served(16, plan)["devices"] == 16


@pytest.mark.parametrize("engine", [one for one in ENGINES if find_engine(one).joins_batches])
def test_engines_by_name(engine: str) -> None:
    found = served(8, PLANS["dense"], engine=engine.upper())
    assert found["engine"] == engine
    assert found["tpot_ms"] > 0


def test_engines_by_other_spellings() -> None:
    assert served(8, PLANS["dense"], engine=" TensorRT-LLM ") == served(
        8, PLANS["dense"], engine="trtllm"
    )


@pytest.mark.parametrize("name", ["memory_time", "compute_time", "step_overhead_s"])
def test_slower_constants_are_slower(name: str) -> None:
    known = fitted()
    value = next(number for one, scope, number in known.entries if one == name and not scope)
    slower = known.replace({(name, ""): specs()[name].moved(value, 0.5)})
    usual, late = (served(16, PLANS["dense"], constants=one) for one in (known, slower))
    assert usual == served(16, PLANS["dense"])
    assert late["e2e_latency_ms"] > usual["e2e_latency_ms"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "vlm"}, "engine must be one of vllm, .* got 'vlm'; did you mean 'vllm'"),
        ({"concurrency": 0}, "concurrency must be a whole number .* got 0; .* value is 1"),
        ({"concurrency": [1, 2]}, r"concurrency must be a whole number .* got \[1, 2\]"),
        ({"attention_data_parallel": 2}, "attention_data_parallel must be 1 for .*, got 2"),
        ({"tensor_parallel": 3}, "tensor_parallel must divide the 32 .* value is 2"),
        ({"memory_fraction": 1.5}, "memory_fraction must be a number above 0 and at most 1"),
    ],
)
def test_questions_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    asked = {**ASKED, **PLANS["dense"], "concurrency": 8}
    with pytest.raises(ValueError, match=message):
        estimate_serving_performance(**(asked | changes))
