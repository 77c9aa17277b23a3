"""Encoders: attention to all of a text, no cache, and nothing generated. By hand from BERT."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import llmcalc_core as lc
from llmcalc_core import ModelConfig
from tests.core.layers.test_work import work

BERT = ModelConfig(
    model="bert", vocab_size=30522, hidden_size=768, num_decoder_layers=12, num_attention_heads=12,
    intermediate_size=3072, num_ffi=1, attention="bidirectional", tie_word_embeddings=True,
    max_model_len=512,
)  # fmt: skip
MATRICES = 12 * (4 * 768**2 + 2 * 768 * 3072)


def test_a_prefill_scores_the_whole_square() -> None:
    # BERT, arXiv:1810.04805, section 3: every token attends to all 512; 4 n^2 d for each head.
    found = work(BERT, decode=False, batch=3, tokens=(512, 1))
    attention = 3 * 12 * 12 * 4 * 512**2 * 64
    head = 2 * 30522 * 768 * 3
    assert found["attention_prefill"]["flops"] == pytest.approx(attention, rel=1e-12)
    matrices = 2 * MATRICES * 512 * 3
    assert found["all"]["flops"] == pytest.approx(matrices + attention + head, rel=1e-12)


def test_a_window_is_of_both_sides() -> None:
    # 512 tokens, 64 on either side: 512 x 129 less the 64 x 65 that lie outside of the text.
    local = ModelConfig.from_fields(
        {**_fields(BERT), "layer_types": ("sliding_attention",), "sliding_window": 129}
    )
    found = work(local, decode=False, tokens=(512, 1))
    pairs = 512 * 129 - 64 * 65
    assert found["attention_prefill"]["flops"] == pytest.approx(12 * 12 * 4 * pairs * 64, rel=1e-12)


def _fields(config: ModelConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in ModelConfig.__slots__}


def test_it_keeps_no_cache() -> None:
    # Weights, activations and the engine's reserve are those of any prompt of one step.
    long = lc.estimate_prefill_performance(BERT, 8, 512, "H100_80GB")
    short = lc.estimate_prefill_performance(BERT, 8, 256, "H100_80GB")
    assert BERT.bytes_per_token == 0
    assert long["fits"]
    assert short["memory_bytes"] == long["memory_bytes"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: lc.estimate_decode_performance(BERT),
        lambda: lc.estimate_end_to_end_performance(BERT),
        lambda: lc.estimate_serving_performance(BERT),
        lambda: lc.simulate(BERT, "H100_80GB"),
        lambda: lc.explore(BERT, "H100_80GB"),
        lambda: lc.explore(BERT, "H100_80GB", phase="serving"),
        lambda: lc.load_curve(BERT, "H100_80GB"),
        lambda: lc.explore_disaggregated(BERT, "H100_80GB", tpot_limit_s=0.1, ttft_limit_s=1.0),
        lambda: lc.get_best_parallelization_strategy("decode", BERT),
        lambda: lc.estimate_decode_performance(
            "llama2_7b",
            speculative_tokens=2,
            acceptance_rate=0.5,
            draft_model=replace(BERT, vocab_size=32000),
        ),
    ],
)
def test_what_generates_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="bert is an encoder: it reads prompts and generates"):
        ask()


def test_plans_of_a_prefill_have_a_first_time_alone() -> None:
    found = lc.explore(BERT, "H100_80GB", 1, phase="prefill", input_tokens=512, batch=8)
    plan = found.iloc[0]
    assert plan["rejected_for"] == ""  # an answer has no tokens, so 512 of 512 positions do
    assert plan["kv_cache_bytes"] == 0
    assert plan["e2e_latency_s"] == plan["ttft_s"]
    assert math.isnan(plan["tpot_s"])


def test_a_prefix_is_not_kept() -> None:
    with pytest.raises(ValueError, match="an encoder, which keeps no cache"):
        lc.estimate_prefill_performance(BERT, 8, 512, "H100_80GB", prefix_hit_rate=0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"attention": "both"}, "attention"),
        ({"layer_types": ("none", "full_attention")}, "bidirectional attention must be of"),
        ({"mtp_layers": 1}, "mtp_layers must be 0"),
    ],
)
def test_parts_that_read_one_way_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_fields({**_fields(BERT), **fields})
