"""Files as transformers 5 writes them again: the same layers in other words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.config import ModelConfig
from tests.core.vision_configs import MOON_2

# Fields of MiMoV2FlashConfig and KimiLinearConfig of transformers 5.23.0, read 2026-11-23: no lists
# of numbers, no heads of the sliding layers (the model has twice the key and value heads there).
MIMO: dict[str, Any] = {
    "model_type": "mimo_v2_flash", "vocab_size": 152576, "hidden_size": 4096,
    "intermediate_size": 16384, "num_hidden_layers": 48, "num_attention_heads": 64,
    "num_key_value_heads": 4, "head_dim": 192, "v_head_dim": 128, "moe_intermediate_size": 2048,
    "num_experts_per_tok": 8, "n_routed_experts": 256, "sliding_window": 129,
    "attention_value_scale": 0.707, "max_position_embeddings": 262144,
}  # fmt: skip
KINDS = [
    "full_attention" if layer == 0 or layer % 6 == 5 else "sliding_attention" for layer in range(48)
]
LINEAR: dict[str, Any] = {
    "model_type": "kimi_linear", "vocab_size": 163840, "hidden_size": 7168,
    "num_hidden_layers": 93, "num_attention_heads": 96, "num_key_value_heads": 96,
    "intermediate_size": 33792, "moe_intermediate_size": 3072, "num_experts": 896,
    "num_experts_per_token": 16, "num_shared_experts": 2, "head_dim": 64, "kv_lora_rank": 512,
    "q_lora_rank": 1536, "qk_head_dim": 192, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "mla_use_nope": True, "model_max_length": 1048576,
    "mlp_layer_types": ["dense"] + ["sparse"] * 92, "num_nextn_predict_layers": 0,
    "layer_types": [*["linear_attention", "linear_attention", "linear_attention",
                      "full_attention"] * 23, "full_attention"],
    "linear_num_heads": 96, "linear_head_dim": 128, "linear_conv_kernel_dim": 4,
    "mla_use_output_gate": True, "attn_res_block_size": 12, "routed_expert_hidden_size": 3584,
    "latent_moe_use_norm": True,
}  # fmt: skip
NUMBERED = {
    "kda_layers": [layer for layer in range(1, 93) if layer % 4],
    "full_attn_layers": [*range(4, 93, 4), 93],
    "num_heads": 96, "head_dim": 128, "short_conv_kernel_size": 4, "use_full_rank_gate": True,
}  # fmt: skip


def plain(config: ModelConfig, **more: Any) -> ModelConfig:
    return replace(config, model="read again", precision=None, **more)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"layer_types": KINDS, "mlp_layer_types": ["dense"] + ["sparse"] * 47},
        {"sliding_window_size": 128, "attention_chunk_size": 128,
         "hybrid_layer_pattern": [int(kind != "full_attention") for kind in KINDS]},
    ],
    ids=["defaults", "names", "numbers"],
)  # fmt: skip
def test_mimo_without_lists_is_the_same(more: dict[str, Any]) -> None:
    read = read_hf_config({**MIMO, **more})
    window = more.get("sliding_window_size", 129)
    assert plain(read) == plain(find_model("mimo_v2_flash"), sliding_window=window)


def test_kimi_k3_is_the_same_in_both_spellings() -> None:
    whole = {"model_type": "kimi_k3", "vision_config": MOON_2, "tie_word_embeddings": False}
    expected = plain(find_model("kimi_k3"))
    numbered = {key: value for key, value in LINEAR.items() if key != "layer_types"}
    for text in ({**LINEAR, "linear_attn_config": NUMBERED},
                 {**numbered, "linear_attn_config": NUMBERED}):  # fmt: skip
        assert plain(read_hf_config({**whole, "text_config": text})) == expected
    alone = {"model_type": "kimi_k3", "text_config": LINEAR}
    with pytest.raises(ValueError, match="linear_attn_config must say how the output"):
        read_hf_config(alone)
    gated = replace(find_model("kimi_k3"), linear_full_rank_gate=False, vision=None)
    assert plain(read_hf_config(LINEAR)) == plain(gated)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (MIMO, {"layer_types": ["full_attention"] * 3}, "layer_types must be full_attention or slid"),
    (MIMO, {"moe_layer_freq": [0, 2] * 24}, "moe_layer_freq must be 0 or 1 for each of 48"),
    (MIMO, {"hybrid_layer_pattern": [0] * 48, "layer_types": KINDS}, "as hybrid_layer_pattern "),
    (MIMO, {"attention_chunk_size": 64}, "attention_chunk_size .* 129, got 64"),
    (LINEAR, {"layer_types": None}, "layer_types must name each layer"),
    (LINEAR, {"layer_types": ["mamba"] * 93}, "layer_types must be linear_attention or full"),
    (LINEAR, {"layer_types": ["full_attention"] * 93, "linear_attn_config": NUMBERED},
     "layer_types can only be described as linear_attn_config says"),
    (LINEAR, {"mlp_layer_types": ["sparse", "dense"]}, "mlp_layer_types can only .* 1 dense"),
    (LINEAR, {"num_nextn_predict_layers": 1}, "num_nextn_predict_layers .* got 1"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "more", "message"), REFUSED)
def test_what_contradicts_itself_is_refused(values, more, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config({**values, **more})
