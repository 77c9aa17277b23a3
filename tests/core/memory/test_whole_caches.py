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
    return llm.estimate_serving_performance(**(ASKED | changes))["memory_bytes"]


def test_a_windowed_layer_keeps_every_token_with_tensorrt_llm():
    more = _held(engine="trtllm") - _held(engine="vllm")
    assert more == pytest.approx(18 * BYTES_PER_TOKEN * (8000 - WINDOW), rel=1e-6)


def test_so_fewer_requests_fit():
    most = {
        engine: llm.estimate_serving_performance(**(ASKED | {"engine": engine}))["max_concurrency"]
        for engine in ("vllm", "trtllm")
    }
    assert most["trtllm"] < 0.6 * most["vllm"]


def test_a_chunked_layer_does_too():
    long = {"model": "llama4_scout", "system_name": "B200_180GB", "bits": "fp8",
            "input_tokens": 15_000}  # fmt: skip
    assert _held(**long, engine="trtllm") > _held(**long, engine="vllm")
    short = long | {"input_tokens": 7000}  # within a chunk of 8,192
    assert _held(**short, engine="trtllm") == _held(**short, engine="vllm")


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_others_keep_what_is_seen(engine):
    assert _held(engine=engine) == _held(engine="vllm")


def test_a_search_counts_it_as_a_single_estimate_does():
    one = llm.explore("gpt_oss_120b", "H200_141GB", devices=2, batch=64, input_tokens=7000,
                      output_tokens=1000, phase="serving", engine="trtllm")  # fmt: skip
    row = one[(one["tp"] == 2) & (one["replicas"] == 1)].iloc[0]
    own = _held(engine="trtllm", concurrency=64, tensor_parallel=2)
    assert row["device_memory_bytes"] == pytest.approx(own)
