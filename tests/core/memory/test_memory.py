"""Memory of the fullest device, against arithmetic by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from llmcalc_core import (
    ModelConfig,
    estimate_decode_performance,
    find_hardware,
    find_model,
    parse_precision,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout


def memory(
    model: str | ModelConfig,
    layout: Layout | None = None,
    *,
    bits: str = "bf16",
    batch: int = 1,
    tokens: tuple[int, int] = (2000, 256),
    beams: int = 1,
) -> dict[str, float]:
    grid = make_grid(
        (layout or Layout(),),
        batches=(batch,),
        inputs=tokens[:1],
        outputs=tokens[1:],
        beams=beams,
        engine="lmdeploy",
    )
    found = device_memory(architecture(find_model(model)), parse_precision(bits), grid)
    return {
        "weights": found.weights.item(),
        "kv_cache": found.kv_cache.item(),
        "activations": found.activations.item(),
        "reserve": found.reserve,
        "total": found.total.item(),
    }


# Llama 2 7B: a layer has 4 x 4096^2 + 3 x 4096 x 11,008 = 202,375,168 parameters in projections
# and 2 x 4096 in norms; embedding and head 32,000 x 4096 = 131,072,000 each; a final norm.
LAYER, EMBEDDING, NORM = 202_375_168, 131_072_000, 4096
WEIGHTS: list[tuple[str, Layout, str, float]] = [
    ("whole", Layout(), "bf16", 13_476_831_232),  # 6,738,415,616 parameters of two bytes
    ("fp32", Layout(), "fp32", 26_953_662_464),
    # projections at one byte, the rest stays at two
    ("fp8", Layout(), "fp8", 32 * LAYER + 2 * (2 * EMBEDDING + 65 * NORM)),
    # 133/256 bytes: 4 bits, and 20 bits of scale and zero for each 128
    ("w4a16", Layout(), "w4a16", 32 * LAYER * 133 / 256 + 2 * (2 * EMBEDDING + 65 * NORM)),
    # everything but the norms is sharded
    ("tp 2", Layout(tp=2), "bf16", 32 * LAYER + 2 * (EMBEDDING + 65 * NORM)),
    ("tp 8", Layout(tp=8), "bf16", (32 * LAYER + 2 * EMBEDDING) / 4 + 2 * 65 * NORM),
    # sixteen layers and the embedding, or the head and the final norm
    ("pp 2", Layout(pp=2), "bf16", 2 * (16 * (LAYER + 2 * NORM) + EMBEDDING + NORM)),
    # stages of 11, 11 and 10 layers: the first has the embedding too
    ("pp 3", Layout(pp=3), "bf16", 2 * (11 * (LAYER + 2 * NORM) + EMBEDDING)),
    ("tp 2 pp 3", Layout(tp=2, pp=3), "bf16", 11 * (LAYER + 4 * NORM) + EMBEDDING),
]


@pytest.mark.parametrize(
    ("layout", "bits", "expected"), [row[1:] for row in WEIGHTS], ids=[row[0] for row in WEIGHTS]
)
def test_weights_of_llama(layout: Layout, bits: str, expected: float) -> None:
    assert memory("llama2_7b", layout, bits=bits)["weights"] == pytest.approx(expected, rel=1e-12)


# Bytes of cache for each token, from the configuration files
PER_TOKEN: list[tuple[str, str, Layout, str, float]] = [
    ("512 KiB", "llama2_7b", Layout(), "bf16", 2 * 32 * 32 * 128 * 2),
    ("in fp8", "llama2_7b", Layout(), "fp8", 2 * 32 * 32 * 128),
    ("w4a16 keeps 16 bits", "llama2_7b", Layout(), "w4a16", 2 * 32 * 32 * 128 * 2),
    ("sharded", "llama2_7b", Layout(tp=8), "bf16", 2 * 32 * 4 * 128 * 2),
    ("staged", "llama2_7b", Layout(pp=4), "bf16", 2 * 8 * 32 * 128 * 2),
    ("grouped queries", "llama2_70b", Layout(), "bf16", 2 * 80 * 8 * 128 * 2),
    ("one head each", "llama2_70b", Layout(tp=8), "bf16", 2 * 80 * 1 * 128 * 2),
    ("replicated heads", "llama2_70b", Layout(tp=16), "bf16", 2 * 80 * 1 * 128 * 2),
    # DeepSeek-V2, arXiv:2405.04434, section 2.1: 61 layers of rank 512 and 64 rotary elements
    ("latent", "deepseek_v3", Layout(), "bf16", 70_272),
    ("latent, on every rank", "deepseek_v3", Layout(tp=8), "bf16", 70_272),
    ("Kimi K2.5, as wide", "kimi_k2_5", Layout(tp=8), "bf16", 61 * (512 + 64) * 2),
    ("MiniMax M2.5", "minimax_m2_5", Layout(tp=4), "fp8", 2 * 62 * 2 * 128),
]


@pytest.mark.parametrize(
    ("name", "layout", "bits", "expected"),
    [row[1:] for row in PER_TOKEN],
    ids=[row[0] for row in PER_TOKEN],
)
def test_cache_of_a_token(name: str, layout: Layout, bits: str, expected: float) -> None:
    few, many = (
        memory(name, layout, bits=bits, tokens=(prompt, 16))["kv_cache"] for prompt in (1600, 3200)
    )
    assert (many - few) / 1600 == pytest.approx(expected, rel=1e-12)
    assert few == pytest.approx(1616 * expected, rel=1e-12)


# (prompt, generated, tokens held): the next multiple of 16 (PagedAttention, arXiv:2309.06180)
BLOCKS = [(2000, 256, 2256), (2000, 257, 2272), (1, 1, 16), (16, 0 + 1, 32), (15, 1, 16)]


@pytest.mark.parametrize(("prompt", "generated", "held"), BLOCKS)
def test_the_cache_comes_in_blocks(prompt: int, generated: int, held: int) -> None:
    assert memory("llama2_7b", tokens=(prompt, generated))["kv_cache"] == held * 524_288


def test_every_sequence_of_the_batch_is_held_whatever_the_stages() -> None:
    one = memory("llama2_7b")["kv_cache"]
    assert memory("llama2_7b", batch=24)["kv_cache"] == 24 * one
    assert memory("llama2_7b", Layout(pp=4), batch=24)["kv_cache"] == 6 * one


# (beams, tokens held): 1,024 of prompt once and 128 generated by each, not 1,152 by each
BEAMS = [(1, 1152), (2, 1280), (4, 1536)]


@pytest.mark.parametrize(("beams", "held"), BEAMS)
def test_beams_share_the_prompt(beams: int, held: int) -> None:
    found = memory("llama2_7b", tokens=(1024, 128), beams=beams)
    assert found["kv_cache"] == held * 524_288


def test_a_sliding_window_caps_the_cache() -> None:
    # Mistral 7B, arXiv:2310.06825: 32 layers, 8 KV heads of 128, window 4,096.
    per_token = 2 * 32 * 8 * 128 * 2
    assert memory("mistral_7b", tokens=(2000, 16))["kv_cache"] == 2016 * per_token
    assert memory("mistral_7b", tokens=(60_000, 16))["kv_cache"] == 4096 * per_token


def test_half_of_the_layers_with_a_window() -> None:
    # gpt-oss-120b, arXiv:2508.10925: 36 layers, 8 KV heads of 64, every second has a window of 128.
    per_token = 2 * 8 * 64 * 2
    found = memory("gpt_oss_120b", tokens=(8000, 16))["kv_cache"]
    assert found == 18 * (8016 + 128) * per_token


def test_a_recurrent_state_does_not_grow() -> None:
    # Mamba 2.8B: 64 layers of 5,120 channels with 16 states in 32 bits and 3 of a convolution
    # of 4 in 16 bits: 64 x 5,120 x (64 + 6) bytes for each sequence.
    expected = 64 * 5120 * 70
    assert memory("mamba_2_8b", tokens=(100, 10))["kv_cache"] == expected
    assert memory("mamba_2_8b", tokens=(100_000, 10))["kv_cache"] == expected
    assert memory("mamba_2_8b", batch=3, beams=2)["kv_cache"] == 6 * expected
    assert memory("mamba_2_8b", Layout(tp=2))["kv_cache"] == expected / 2


def test_weights_with_replicated_heads() -> None:
    # Llama 2 70B, 64 query and 8 KV heads of 128: at tp 16 each device has a whole KV head, so
    # 2 x 8192 x 128 parameters of each layer's keys and values instead of half of them.
    half, quarter = (memory("llama2_70b", Layout(tp=tp))["weights"] for tp in (8, 16))
    norms = 2 * 8192 * 161
    replicated = 2 * 80 * 2 * 8192 * 128
    assert quarter - norms - replicated == pytest.approx((half - norms - replicated) / 2, rel=1e-12)


def test_experts_over_devices() -> None:
    # Mixtral 8x7B: an expert has 3 x 4096 x 14,336 = 176,160,768 parameters, 32 layers.
    expert = 2 * 32 * 176_160_768
    whole = memory("mixtral_8x7b")["weights"]
    # Eight attention replicas: everything but seven of the eight experts is on every device.
    assert whole - memory("mixtral_8x7b", Layout(ep=8, attention_dp=8))["weights"] == 7 * expert
    # Inside the tensor parallel group an eighth of every expert weighs as much as one of eight.
    sliced, spread = (memory("mixtral_8x7b", Layout(tp=8, ep=ep))["weights"] for ep in (1, 8))
    assert sliced == spread


TINY: dict[str, Any] = {
    "vocab_size": 50_000, "hidden_size": 256, "num_decoder_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 512,
}  # fmt: skip


def test_a_tied_head_is_stored_once_until_the_stages_part() -> None:
    table = 2 * 50_000 * 256
    tied, own = (ModelConfig(**TINY, tie_word_embeddings=tie) for tie in (True, False))
    assert memory(own)["weights"] - memory(tied)["weights"] == table
    staged = Layout(pp=2)
    assert memory(own, staged)["weights"] == memory(tied, staged)["weights"]


@pytest.mark.parametrize("name", ["llama2_7b", "llama2_70b", "mixtral_8x7b", "deepseek_v2_lite"])
@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 2, 4, 8, 16])
def test_devices_together_hold_the_whole_model(name: str, stages: int, width: int) -> None:
    held = memory(name, Layout(tp=width, pp=stages))["weights"]
    assert held * width * stages >= 2 * architecture(find_model(name)).parameters * (1 - 1e-12)


def test_parts_sum_to_the_total() -> None:
    found = memory("llama2_70b", Layout(tp=4, pp=2), batch=8)
    assert found["reserve"] == 2**30
    assert found.pop("total") == pytest.approx(sum(found.values()), rel=1e-12)


def test_activations_of_a_chunk() -> None:
    # 2,000 tokens: three residual streams of 4,096 and 3 x 11,008 of the feed-forward layer, and
    # 32,000 logits twice, of two bytes each; from 8,192 tokens on the prompt goes in chunks.
    expected = 2 * (2000 * (3 * 4096 + 3 * 11_008) + 2 * 32_000)
    assert memory("llama2_7b")["activations"] == expected
    chunked = [memory("llama2_7b", tokens=(prompt, 1))["activations"] for prompt in (8192, 99_999)]
    assert chunked[0] == chunked[1]


@pytest.mark.parametrize("name", ["llama2_7b", "llama2_70b", "mixtral_8x7b", "deepseek_v3"])
def test_narrower_types_need_less(name: str) -> None:
    sizes = [memory(name, bits=bits)["total"] for bits in ("fp32", "bf16", "fp8", "fp4")]
    assert all(wide > narrow for wide, narrow in pairwise(sizes))


# FasterTransformer's GPT guide, memory column [GiB]: GPT-6.7B, GPT-1.3B and GPT-350M on one A100.
BUFFERED = [
    (4096, 32, 32, 64, 512, 32, 41.84),
    (4096, 32, 32, 1, 128, 8, 15.55),
    (2048, 24, 32, 32, 512, 32, 10.52),
    (1024, 24, 16, 64, 512, 32, 8.67),
]


@pytest.mark.parametrize("case", BUFFERED, ids=str)
def test_an_engine_that_reads_whole_prompts_needs_buffers(case: tuple[float, ...]) -> None:
    hidden, layers, heads, batch, inputs, outputs, measured = case
    model = ModelConfig(
        vocab_size=51_200, hidden_size=hidden, num_decoder_layers=layers,
        num_attention_heads=heads, intermediate_size=4 * hidden, num_ffi=1,
    )  # fmt: skip
    found = estimate_decode_performance(
        model, batch, 1, inputs, outputs, system_name="A100_80GB", engine="fastertransformer"
    )
    assert found["memory_bytes"] / 2**30 == pytest.approx(measured, rel=0.16)
    assert (
        found["memory_bytes"]
        > estimate_decode_performance(model, batch, 1, inputs, outputs, system_name="A100_80GB")[
            "memory_bytes"
        ]
    )


def test_a_budget_counts_as_its_engine_does() -> None:
    held = Memory(
        weights=np.array(50.0), kv_cache=np.array(30.0), activations=np.array(4.0), reserve=1.0,
        total=np.array(85.0), host_weights=7.0, host_kv_cache=3.0,
    )  # fmt: skip
    whole = MemoryBudget(device_bytes=85.0, host_bytes=10.0)
    assert (float(whole.counted(held)), float(whole.headroom(held))) == (85.0, 0.0)
    assert whole.fits(held)
    assert not replace(whole, device_bytes=84.9).fits(held)
    assert not replace(whole, host_bytes=9.9).fits(held)
    assert replace(whole, host_bytes=math.inf).fits(held)
    # of 100 bytes 55 are not the cache's, which gets 0.9 of the other 45
    free = MemoryBudget(device_bytes=90.0, cache_fraction=0.9)
    assert float(free.headroom(held)) == pytest.approx(0.9 * 45 - 30)


@pytest.mark.parametrize(("engine", "fraction"), [("vllm", None), ("trtllm", 0.8)])
def test_the_budget_of_an_engine(engine: str, fraction: float | None) -> None:
    device = find_hardware("A100_80GB").replace(host_memory_bytes=5e11)
    model = architecture(find_model("llama3_8b"))
    grid = make_grid(
        (Layout(),), batches=(1,), inputs=(9,), outputs=(9,), engine=device.engine(engine)
    )
    assert memory_budget(model, device, 0.8, grid) == MemoryBudget(
        device_bytes=0.8 * (81_559 * 2**20 - 0.5 * 2**30), host_bytes=5e11, cache_fraction=fraction
    )


def test_what_may_be_used_of_a_device_whose_engine_counts_what_is_free() -> None:
    # 0.9 of what the rest r leaves of M is the cache's, c <= 0.9 (M - r), so that all is at most
    # c + r <= 0.9 M + 0.1 r.
    found = estimate_decode_performance("llama3_8b", 8, 1, 1000, 200, "H100_80GB", engine="trtllm")
    held = found["memory_by_kind_bytes"]
    rest = held["weights"] + held["activations"] + held["reserve"]
    most = 0.9 * (81_559 * 2**20 - 0.47 * 2**30) + 0.1 * rest  # the driver keeps 0.47
    assert found["memory_capacity_bytes"] == pytest.approx(most, rel=1e-12)
