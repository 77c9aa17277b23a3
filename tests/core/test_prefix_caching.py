"""Prefix caching: what a prefill leaves out, by hand, and that more hits never hurt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.simulation.load import load_of
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import DRAWN
from tests.core.random_cases import QUICK, ROUNDING, Case, cases

HALF = Techniques(prefix_hit_rate=0.5)
AT_ONCE = Behaviour(
    first_token_s=0.0, first_token_steps=0.0, prefill_first=0.0, overlaps=0.0, captured_tokens=0.0
)
"""An engine in which nobody waits for steps of others."""


def work(config: ModelConfig, techniques: Techniques, *, prompt: int) -> list[Operation]:
    """Operations of one layer in the prefill of two prompts."""
    grid = make_grid(
        (Layout(),), batches=(2,), inputs=(prompt,), outputs=(1,), techniques=techniques
    )
    step = make_pass(architecture(config).hidden, grid, Precision(), decode=False)
    return list(sections(architecture(config), step)[0].operations)


def config(**fields: Any) -> ModelConfig:
    given: dict[str, Any] = {
        "vocab_size": 1000, "hidden_size": 512, "num_decoder_layers": 1,
        "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 1024,
    }  # fmt: skip
    return ModelConfig(**(given | fields))


def kernel(config: ModelConfig, techniques: Techniques, *, prompt: int = 1000) -> Operation:
    """Give the attention kernel."""
    return next(one for one in work(config, techniques, prompt=prompt) if one.kind == "attention")


def test_a_prefill_of_the_second_half_by_hand() -> None:
    first = work(config(), HALF, prompt=1000)[0]
    # Queries, keys and values of 2 x 500 new tokens: 2 x 1000 x 512 x (8 + 2 x 2) x 64 FLOP.
    assert first.flops == 2 * 1000 * 512 * 768
    found = kernel(config(), HALF)
    # All pairs are 1000²/2 = 500,000 a prompt, those among the cached 500 are 125,000: 375,000
    # are left, each of 2 x 8 heads x (64 + 64) FLOP.
    assert found.flops == 2 * 375_000 * 2 * 8 * 128
    # Keys and values of all 2,000 tokens, 2 x 2 heads x 64 elements x 2 bytes each; queries and
    # results of the 1,000 new ones, 2 x 8 heads x 64 elements x 2 bytes each.
    assert found.moved == 2000 * 512 + 1000 * 2048


def test_windows_and_chunks_by_hand() -> None:
    window = config(sliding_window=100, layer_types=["sliding_attention"])
    found = kernel(window, HALF)
    # Every one of the 500 new tokens sees 100; of the cached ones the last 100 are read.
    assert found.flops == 2 * 500 * 100 * 2 * 8 * 128
    assert found.moved == 2 * (500 + 100) * 512 + 1000 * 2048
    # The first 500 fill one chunk of 400 and 100 of the next: of 2 x 400²/2 + 200²/2 = 180,000
    # pairs 400²/2 + 100²/2 = 85,000 are cached.
    chunks = config(attention_chunk_size=400, layer_types=["chunked_attention"])
    assert kernel(chunks, HALF).flops == 2 * (180_000 - 85_000) * 2 * 8 * 128


def test_latent_attention_unpacks_what_was_cached() -> None:
    latent = config(
        q_lora_rank=None, kv_lora_rank=128, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64,
        num_key_value_heads=8,
    )  # fmt: skip
    unpacked = {
        share: work(latent, Techniques(prefix_hit_rate=share), prompt=1000)[1].flops
        for share in (0.0, 0.5)
    }
    # Keys and values of all 2 x 1000 tokens come from 128 latent elements, cached or not.
    assert unpacked == dict.fromkeys((0.0, 0.5), 2 * 2000 * 128 * 8 * (64 + 64))


def test_the_last_token_is_always_computed() -> None:
    everything = Techniques(prefix_hit_rate=1.0)
    assert work(config(), everything, prompt=1000)[0].flops == 2 * 2 * 512 * 768
    assert kernel(config(), everything).flops == pytest.approx(2 * 999.5 * 2 * 8 * 128)


def test_what_is_computed_fills_steps() -> None:
    # 50 requests on each of two replicas leave 8,142 tokens of 8,192: of 20,000 computed tokens
    # that are three chunks, of half of them two, of a tenth one.
    for share, chunks, tokens in ((0.0, 3, 20_000 / 3), (0.5, 2, 5000), (0.9, 1, 2000)):
        grid = make_grid(
            (Layout(tp=2, attention_dp=2, ep=4),), batches=(100,), inputs=(20_000,),
            outputs=(1001,), techniques=Techniques(prefix_hit_rate=share),
        )  # fmt: skip
        load = load_of(grid, mixes=1.0, arrivals=DRAWN, behaviour=AT_ONCE)
        assert (load.requests, load.room) == (50, 8142)
        assert (load.chunks, load.chunk_tokens) == (chunks, pytest.approx(tokens))
        # A request is in flight while its prompt is read and while it decodes; or, at 50 x 20,000
        # tokens, while those of all are read.
        assert load.steps == pytest.approx(chunks + 1000)


def test_cached_tokens_take_their_memory() -> None:
    model, layout = architecture(llm.find_model("llama3_8b")), (Layout(),)
    asked: dict[str, Any] = {
        "batches": (1,), "inputs": (6000,), "outputs": (200,), "engine": "sglang",
    }  # fmt: skip
    usual, found = (
        device_memory(model, Precision(), make_grid(layout, **asked, techniques=techniques))
        for techniques in (Techniques(), HALF)
    )
    assert found.kv_cache == usual.kv_cache
    assert found.activations < usual.activations  # only what is computed is alive


@QUICK
@given(cases())
def test_no_hits_are_no_caching(case: Case) -> None:
    found = case.with_work(techniques=Techniques(prefix_hit_rate=0.0)).estimate()
    usual = case.estimate()
    assert found.times.latency_s == usual.times.latency_s
    assert found.memory.total == usual.memory.total


@QUICK
@given(cases(), st.floats(0, 1), st.floats(0, 1))
def test_more_hits_are_never_slower(case: Case, one: float, other: float) -> None:
    case = replace(case, phase="prefill")
    few, many = (
        case.with_work(techniques=Techniques(prefix_hit_rate=share))
        for share in sorted((one, other))
    )
    assert many.latency() <= few.latency() * ROUNDING
    assert many.memory() <= few.memory() * ROUNDING


@pytest.mark.parametrize("name", ["llama3_70b", "mixtral_8x7b", "deepseek_v3", "jamba_v0_1"])
def test_serving_gains_by_hits(name: str) -> None:
    asked: dict[str, Any] = {
        "model": name, "concurrency": 64, "input_tokens": 6000, "system_name": "H200_141GB",
        "tensor_parallel": 8, "bits": "fp8",
    }  # fmt: skip
    shares = [0.0, 0.2, 0.5, 0.9, 0.99, 1.0]
    found = [llm.estimate_serving_performance(**asked, prefix_hit_rate=one) for one in shares]
    assert found[0] == llm.estimate_serving_performance(**asked)
    for metric in ("ttft_ms", "ttft_burst_ms", "tpot_ms"):
        times = [one[metric] for one in found]
        assert times == sorted(times, reverse=True)
        assert times[-1] < times[0]


@pytest.mark.parametrize("phase", llm.PHASES)
def test_an_axis_is_a_column(phase: str) -> None:
    asked: dict[str, Any] = {"devices": 2, "batch": [1, 8], "phase": phase, "precision": "fp8"}
    frame = llm.explore("llama3_8b", "H100_80GB", **asked, prefix_hit_rate=[0, 0.75])
    assert list(frame.columns)[:4] == ["model", "hardware", "precision", "prefix_hit_rate"]
    for share, rows in frame.groupby("prefix_hit_rate"):
        alone = llm.explore("llama3_8b", "H100_80GB", **asked, prefix_hit_rate=share)
        alone["prefix_hit_rate"] = share
        pd.testing.assert_frame_equal(
            rows.reset_index(drop=True), alone[rows.columns], check_dtype=False
        )
    plain = llm.explore("llama3_8b", "H100_80GB", **asked)
    assert "prefix_hit_rate" not in plain
    assert (frame["ttft_s"].to_numpy()[: len(plain)] == plain["ttft_s"].to_numpy()).all()


def test_a_row_equals_the_single_call() -> None:
    frame = llm.explore("llama3_8b", "H100_80GB", 1, batch=4, phase="prefill", prefix_hit_rate=0.3)
    found = llm.estimate_prefill_performance("llama3_8b", 4, 2000, "H100_80GB", prefix_hit_rate=0.3)
    assert frame["ttft_s"].item() * 1e3 == pytest.approx(found["latency"], rel=1e-12)
    # Throughput counts all that was asked, also what was found.
    assert frame["tokens_per_s"].item() == pytest.approx(4 * 2000 / frame["ttft_s"].item())
    best = llm.get_best_parallelization_strategy(
        "prefill", "llama3_8b", 1, 4, 1, 2000, 256, "H100_80GB", prefix_hit_rate=0.3
    )
    assert best["Latency(ms)"].item() == pytest.approx(found["latency"], rel=1e-12)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"prefix_hit_rate": 1.2}, ValueError, "prefix_hit_rate must .* 0 to 1, got 1.2; .* is 1"),
        ({"prefix_hit_rate": "half"}, ValueError, "prefix_hit_rate must be .*got 'half'"),
        ({"prefix_hit_rate": []}, ValueError, "prefix_hit_rate must hold at least one value"),
        ({"prefix_hitrate": 0.5}, TypeError, "'prefix_hitrate'; did you mean 'prefix_hit_rate'"),
    ],
)
def test_errors_help(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        llm.explore("llama3_8b", "H100_80GB", **given)
    if given["prefix_hitrate" if error is TypeError else "prefix_hit_rate"] != []:
        with pytest.raises(error, match=message):
            llm.estimate_serving_performance("llama3_8b", **given)
