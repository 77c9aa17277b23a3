"""MiniMax-Text-01: lightning attention, in the words of both of its files."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core.hub.reader import read_hf_config

SHAPE: dict[str, Any] = {
    "vocab_size": 200064, "hidden_size": 6144, "intermediate_size": 9216, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "num_local_experts": 32,
    "num_experts_per_tok": 2, "rotary_dim": 64, "max_position_embeddings": 10_240_000,
}  # fmt: skip
NUMBERED = {
    **SHAPE, "model_type": "minimax_text_01", "attn_type_list": [*(0,) * 7, 1] * 10,
    "postnorm": True, "shared_intermediate_size": 0, "shared_moe_mode": "sigmoid",
    "layernorm_linear_attention_alpha": 3.5565588200778455,
}  # fmt: skip
NAMED = {
    **SHAPE, "model_type": "minimax",
    "full_attn_alpha_factor": 3.5565588200778455,
    "layer_types": [*("linear_attention",) * 7, "full_attention"] * 10,
}  # fmt: skip


@pytest.mark.parametrize("config", [NUMBERED, NAMED], ids=["MiniMax-Text-01", "its -hf"])
def test_parameters_and_cache_are_the_published_ones(config: dict[str, Any]) -> None:
    # 456 B parameters, 45.9 B of them active (arXiv:2501.08313, abstract; by transformers 5.24.0
    # 456,089,655,296, and embedding and head have 200,064 x 6,144 each); of 80 layers 10 keep keys
    # and values of 8 heads.
    read = read_hf_config(config)
    assert read.parameters == 456_089_655_296
    active = read.active_parameters - 2 * 200_064 * 6144
    assert active == pytest.approx(45.9e9, rel=2e-3)
    assert read.bytes_per_token == 10 * 2 * 8 * 128 * 2


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="attn_type_list must be 0 or 1 for each of 80"):
        read_hf_config({**NUMBERED, "attn_type_list": [2] * 80})


def test_shared_experts_are_refused() -> None:
    with pytest.raises(ValueError, match="shared_intermediate_size"):
        read_hf_config({**NUMBERED, "shared_intermediate_size": 9216})
