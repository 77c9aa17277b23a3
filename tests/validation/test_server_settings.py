"""How a row's requests come, and what its server was told."""

from __future__ import annotations

import pytest

from llmcalc_core.validation import closed_loop, published
from tests.validation.measured_rows import (
    B200,
    DEEPSEEK,
    GPT_OSS,
    SWEPT,
    closed_loop_row,
    published_row,
)

MINIMAX = "MiniMaxAI/MiniMax-M2.5"
SHORT = {"input_tokens": "1024", "output_tokens": "1024"}
ONE, EIGHT = {"tensor_parallel": "1"}, {"tensor_parallel": "8"}

# From InferenceX's scripts, named in validation/inferencex.py: TensorRT-LLM's
# batch_wait_timeout_iters (16 requests of 922 tokens: 0.347 end and 0.347 come in 20 steps, which
# wait 10 of them); half of SGLang's scheduler-recv-interval, and its stream-interval.
HELD = [
    ({"engine": "trtllm", **SHORT}, pytest.approx((20 + 0.347 * 10) / 1.347, rel=1e-3)),
    (
        {
            "engine": "trtllm",
            "engine_version": "1.2.0",
            "model": DEEPSEEK,
            "hardware": B200,
            "concurrency": "64",
            **SHORT,
        },
        pytest.approx((40 + 2.777 * 20) / 3.777, rel=1e-3),
    ),
    ({"engine": "trtllm", "engine_version": "1.1.0", "model": DEEPSEEK, **SHORT}, 0.0),
    ({"engine": "trtllm", **SHORT, **EIGHT}, 0.0),
    ({"engine": "trtllm", "output_tokens": "8192"}, 0.0),
    ({"engine": "vllm", **SHORT}, 0.0),
    ({"engine": "trtllm", "model": GPT_OSS, **SHORT, **ONE}, 0.0),
    (
        {
            "engine": "sglang",
            "model": DEEPSEEK,
            "hardware": B200,
            "concurrency": "8",
            "weights": "fp4",
        },
        15.0,
    ),
    (
        {
            "engine": "sglang",
            "model": DEEPSEEK,
            "hardware": B200,
            "concurrency": "16",
            "weights": "fp4",
        },
        25.0,
    ),
    ({"engine": "sglang", "model": DEEPSEEK, "hardware": B200, "concurrency": "8"}, 5.0),
    ({"engine": "sglang", "model": DEEPSEEK}, 10.0),
    ({"engine": "sglang", "model": DEEPSEEK, "engine_version": "0.5.9"}, 0.0),
    (
        {
            "engine": "sglang",
            "model": DEEPSEEK,
            "engine_version": "0.5.9",
            "hardware": B200,
            "concurrency": "8",
        },
        5.0,
    ),
    ({"engine": "sglang", "model": "Qwen/Qwen3.5-397B-A17B", "hardware": B200}, 15.0),
    ({"engine": "sglang", "model": "Qwen/Qwen3.5-397B-A17B"}, 0.0),
    ({"engine": "sglang", "model": "zai-org/GLM-5"}, 0.0),
]


@pytest.mark.parametrize(("changes", "steps"), HELD, ids=str)
def test_a_server_holds_prompts_back_as_it_was_told(changes, steps):
    arrivals = closed_loop.read_case(closed_loop_row(**changes)).arrivals
    assert (arrivals.held_steps, arrivals.fixed_lengths) == (steps, False)


# --kv-cache-dtype of the same scripts; 16 bits where they say none.
CACHES = [
    ({"engine": "vllm", **SHORT}, "fp8"),
    ({"engine": "vllm", "hardware": B200}, "fp8"),
    ({"engine": "vllm", "model": MINIMAX, "hardware": B200}, "fp8"),
    ({"engine": "vllm", "model": MINIMAX}, "bf16"),
    ({"engine": "sglang", "model": "Qwen/Qwen3.5-397B-A17B"}, "fp8"),
    ({"engine": "sglang", "model": "Qwen/Qwen3.5-397B-A17B", "hardware": B200}, "bf16"),
]


@pytest.mark.parametrize(("changes", "kept"), CACHES, ids=str)
def test_a_server_keeps_its_cache_as_it_was_told(changes, kept):
    case = closed_loop.read_case(closed_loop_row(**changes))
    assert case.precision.kv_cache == kept


def test_a_sweep_keeps_the_cache_that_its_engine_chooses():
    swept = closed_loop.read_case(closed_loop_row(id=SWEPT, engine="vllm"))
    assert swept.precision.kv_cache == "bf16"


@pytest.mark.parametrize(("changes", "groups"), [(EIGHT, 8), ({"tensor_parallel": "4"}, 1)])
def test_eighths_of_minimax_are_whole_experts(changes, groups):
    row = closed_loop_row(engine="vllm", model=MINIMAX, **changes)
    assert closed_loop.read_case(row).layout.ep == groups
    assert closed_loop.read_case(row | {"hardware": B200}).layout.ep == 1


def test_lengths_of_vendor_sweeps_and_saturated_runs_are_fixed():
    swept = closed_loop.read_case(closed_loop_row(engine="sglang", model=DEEPSEEK, hardware=B200,
                                                  id=SWEPT))  # fmt: skip
    assert (swept.arrivals.held_steps, swept.arrivals.fixed_lengths) == (0.0, True)
    queued = {"kind": "inflight_saturated", "stage_or_metric": "throughput_output_tok_s"}
    assert published.read_case(published_row(**queued)).arrivals.fixed_lengths
    assert not published.read_case(published_row()).arrivals.fixed_lengths


# vLLM's config of Llama 3.1 70B and gpt-oss, SGLang's --chunked-prefill-size, TensorRT-LLM's
# --max_num_tokens in the same scripts: release, tokens of a step, captured ones, Marlin.
LLAMA = {"engine": "vllm"}
TOLD = [
    (LLAMA, ("0.10.2", 8192, 512, False)),
    (LLAMA | {"hardware": B200}, ("0.10.2", 8192, 0, False)),
    (LLAMA | {"model": GPT_OSS, "engine_version": "0.18.0"}, ("0.18.0", 8192, 2048, True)),
    (LLAMA | {"model": GPT_OSS}, ("0.11.2", 8192, 2048, False)),
    (LLAMA | {"model": MINIMAX, "hardware": B200}, ("0.19", 8192, 512, False)),
    (
        LLAMA | {"model": MINIMAX, "hardware": B200, "engine_version": "0.19.0", **SHORT},
        ("0.19.0", 2048, 2048, False),
    ),
    (
        {"engine": "sglang", "model": "zai-org/GLM-5", "engine_version": "nightly-dev"},
        ("0.5.9", 8192, 0, False),
    ),
    ({"engine": "sglang", "model": DEEPSEEK}, ("0.5.9", 32768, 0, False)),
    ({"engine": "trtllm", "model": GPT_OSS}, ("1.3", 20000, 0, False)),
    # 16 + 1024 + 64 are 18 times 64 begun; 8,192 at least since 1.2
    ({"engine": "trtllm", "model": DEEPSEEK, **SHORT}, ("1.3", 1152, 0, False)),
    (
        {"engine": "trtllm", "model": DEEPSEEK, "engine_version": "1.2.0", **SHORT},
        ("1.2.0", 8192, 0, False),
    ),
    (
        {
            "engine": "trtllm",
            "model": DEEPSEEK,
            "hardware": B200,
            "engine_version": "1.2.0",
            "concurrency": "64",
            **SHORT,
        },
        ("1.2.0", 8192, 8192, False),
    ),
]


@pytest.mark.parametrize(("changes", "told"), TOLD, ids=str)
def test_a_server_makes_steps_as_it_was_told(changes, told):
    case = closed_loop.read_case(closed_loop_row(**changes))
    own = case.hardware.engine(case.serves)
    assert (own.version, own.token_budget, own.captured_tokens, own.marlin) == told


def test_asynchronous_scheduling_is_told_where_it_is_no_default():
    case = closed_loop.read_case(closed_loop_row(**LLAMA))
    assert case.serves.overlaps_host
    swept = closed_loop_row(id=SWEPT, **LLAMA, engine_version="0.10.2")
    assert not closed_loop.read_case(swept).serves.overlaps_host
