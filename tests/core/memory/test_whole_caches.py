"""Caches of layers that see a part of the context, in engines that keep all of it."""

from __future__ import annotations

import pytest

import llmcalc_core as llm

# gpt-oss 120B: 36 layers, every other with a window of 128, 8 KV heads of 64, in 16 bits.
BYTES_PER_TOKEN = 2 * 8 * 64 * 2
WINDOW = 128
ASKED = {"model": "gpt_oss_120b", "system_name": "H200_141GB", "input_tokens": 7000,
         "output_tokens": 1000, "concurrency": 1}  # fmt: skip


def _held(**changes):
    asked = ASKED | changes
    frame = llm.explore(
        asked["model"], asked["system_name"], devices=asked.get("tensor_parallel", 1),
        batch=asked["concurrency"], input_tokens=asked["input_tokens"],
        output_tokens=asked["output_tokens"], precision=asked.get("bits", "checkpoint"),
        engine=asked["engine"],
    )  # fmt: skip
    row = frame[(frame["replicas"] == 1) & (frame["pp"] == 1) & (frame["ep"] == 1)].iloc[0]
    return row["kv_cache_bytes"]


def test_a_windowed_layer_keeps_every_token_with_tensorrt_llm():
    more = _held(engine="trtllm") - _held(engine="lmdeploy")
    assert more == pytest.approx(18 * BYTES_PER_TOKEN * (8000 - WINDOW), rel=1e-6)


def test_so_fewer_requests_fit():
    most = {
        engine: llm.estimate_serving_performance(**(ASKED | {"engine": engine}))["max_concurrency"]
        for engine in ("vllm", "trtllm")
    }
    assert most["trtllm"] < 0.7 * most["vllm"]


def test_a_chunked_layer_does_too():
    long = {"model": "llama4_scout", "system_name": "B200_180GB", "bits": "fp8",
            "input_tokens": 15_000}  # fmt: skip
    assert _held(**long, engine="trtllm") > _held(**long, engine="lmdeploy")
    short = long | {"input_tokens": 7000}  # within a chunk of 8,192
    assert _held(**short, engine="trtllm") == _held(**short, engine="lmdeploy")


def test_sglang_has_four_tokens_of_windows_for_five():
    """Its pools have 18 layers of 8,000 tokens, and 18 of 6,400 (swa_full_tokens_ratio 0.8)."""
    assert _held(engine="sglang") == pytest.approx(18 * BYTES_PER_TOKEN * 1.8 * 8000)


def test_vllm_lets_a_request_in_with_the_windows_of_its_whole_prompt():
    """438 blocks of 7,000 tokens twice; then 500 of 8,000, and of 128 tokens 143 / 16.

    18 layers of 2 x 8 heads of 64 in 16 bits have 589,824 bytes in a block of 16 tokens.
    """
    each = 18 * 16 * BYTES_PER_TOKEN
    assert _held(engine="vllm") == pytest.approx(2 * 438 * each)
    steady = (500 + 143 / 16) * each
    assert _held(engine="vllm", concurrency=3) == pytest.approx(2 * steady + 2 * 438 * each)


def test_a_search_counts_it_as_a_single_estimate_does():
    one = llm.explore("gpt_oss_120b", "H200_141GB", devices=2, batch=64, input_tokens=7000,
                      output_tokens=1000, phase="serving", engine="trtllm")  # fmt: skip
    row = one[(one["tp"] == 2) & (one["replicas"] == 1) & (one["ep"] == 1)].iloc[0]
    own = _held(engine="trtllm", concurrency=64, tensor_parallel=2)
    assert row["kv_cache_bytes"] == pytest.approx(own)
