"""``ModelConfig``: what it fills in, what it counts, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from llmcalc_core import ModelConfig, find_model
from llmcalc_core.architecture.model import architecture

TINY: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 64, "num_decoder_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 256,
}  # fmt: skip
EXPERTS = {"num_experts": 8, "expert_top_k": 2}
LATENT = {"kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16}
INDEX = {"index_n_heads": 2, "index_head_dim": 16, "index_topk": 128}
DELTA = {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16,
         "linear_value_head_dim": 32}  # fmt: skip
LINEAR = DELTA | {"layer_types": ("linear_attention",)}
MAMBA = {"layer_types": ("mamba",), "mamba_d_state": 16, "mamba_dt_rank": 4}


def parameters(**fields: Any) -> int:
    return architecture(ModelConfig(**(TINY | fields))).parameters


def test_what_follows_from_other_fields() -> None:
    config = ModelConfig(**TINY)
    assert (config.num_key_value_heads, config.head_dim) == (4, 16)
    assert config.layer_types == ("full_attention",) * 4
    shared = ModelConfig(**TINY, **EXPERTS, n_shared_experts=1)
    assert shared.moe_intermediate_size == shared.shared_expert_intermediate_size == 256


def test_a_pattern_repeats() -> None:
    pattern = ("sliding_attention", "full_attention", "full_attention")
    config = ModelConfig(**TINY, layer_types=pattern, sliding_window=128)
    assert config.layer_types == (*pattern, "sliding_attention")
    assert ModelConfig(**TINY, sliding_window=128).layer_types == ("sliding_attention",) * 4


def test_whole_floats_become_whole_numbers() -> None:
    config = ModelConfig(**(TINY | {"hidden_size": 64.0}))
    assert type(config.hidden_size) is int
    assert config == ModelConfig(**TINY)
    assert hash(config) == hash(ModelConfig(**TINY))


def test_a_list_of_layer_types_is_hashable() -> None:
    assert hash(ModelConfig(**TINY, layer_types=["full_attention"])) == hash(ModelConfig(**TINY))


# By hand, for hidden 64, 4 layers, 4 heads of 16, width 256, vocabulary 1000:
# embedding and head 2 x 64,000; final norm 64; a layer: attention 4 x 64 x 64 = 16,384,
# feed-forward 3 x 64 x 256 = 49,152, norms 128; in all 128,064 + 4 x 65,664 = 390,720.
WHOLE = 390_720
DIFFERENCES = [
    ("plain", {}, 0),
    ("tied", {"tie_word_embeddings": True}, -64_000),
    # keys and values of one head instead of four: 2 x 64 x 48 less in each layer
    ("multi-query", {"num_key_value_heads": 1}, -4 * 2 * 64 * 48),
    ("wide heads", {"head_dim": 32}, 4 * 16_384),
    ("plain feed-forward", {"num_ffi": 1}, -4 * 64 * 256),
    ("layer norm", {"norm": "LayerNorm"}, 4 * 128 + 64),
    ("qkv bias", {"qkv_bias": True}, 4 * 3 * 64),
    ("output bias", {"attention_output_bias": True}, 4 * 64),
    ("mlp bias", {"mlp_bias": True}, 4 * (2 * 256 + 64)),
    ("head bias", {"lm_head_bias": True}, 1000),
    ("qk norm", {"qk_norm": True}, 4 * 2 * 16),
    ("wide qk norm", {"qk_norm": True, "qk_norm_wide": True}, 4 * 2 * 64),
    ("wide qk norm, one kv head",
     {"qk_norm": True, "qk_norm_wide": True, "num_key_value_heads": 1},
     4 * (64 + 16 - 2 * 64 * 48)),
    # the last layer has neither keys and values nor the norm of keys
    ("wide qk norm, one layer without a cache",
     {"qk_norm": True, "qk_norm_wide": True, "num_kv_shared_layers": 1},
     4 * 2 * 64 - 64 - 2 * 64 * 64),
    ("sinks", {"attention_sinks": True}, 4 * 4),
    ("four norms", {"norms_per_layer": 4}, 4 * 2 * 64),
    ("no final norm", {"final_norm": False}, -64),
    ("positions", {"learned_positions": 512}, 512 * 64),
    # seven more experts and a router of 8 x 64 in each layer
    ("mixture", EXPERTS, 4 * (7 * 49_152 + 512)),
    ("mixture after 1", EXPERTS | {"first_k_dense_replace": 1}, 3 * (7 * 49_152 + 512)),
    ("every second", EXPERTS | {"moe_layer_freq": 2, "moe_layer_offset": 1},
     2 * (7 * 49_152 + 512)),
    ("shared expert", EXPERTS | {"n_shared_experts": 1}, 4 * (8 * 49_152 + 512)),
    ("narrow experts", EXPERTS | {"moe_intermediate_size": 32}, 4 * (8 * 6_144 - 49_152 + 512)),
    ("router bias", EXPERTS | {"router_bias": True}, 4 * (7 * 49_152 + 512 + 8)),
    ("router scale", EXPERTS | {"router_scale": True}, 4 * (7 * 49_152 + 512 + 64 + 8)),
    ("gate of a shared expert", EXPERTS | {"n_shared_experts": 1, "shared_expert_gate": True},
     4 * (8 * 49_152 + 512 + 64)),
    ("biases of experts", EXPERTS | {"mlp_bias": True}, 4 * (7 * 49_152 + 512 + 8 * 576)),
    # eight experts of 3 x 16 x 256 and a way of 64 x 16 there and back
    ("latent experts", EXPERTS | {"moe_latent_size": 16},
     4 * (8 * 12_288 - 49_152 + 512 + 2 * 1024)),
    # queries and gate of four heads of 16: one more 64 x 64
    ("gate", {"attn_output_gate": True}, 4 * 4_096),
    ("gate with bias", {"attn_output_gate": True, "qkv_bias": True}, 4 * (4_096 + 4 * 64)),
    # keys 2 x 16, values 4 x 32: in 64 x (2 x 32 + 2 x 128), out 128 x 64, beta and dt 64 x 8,
    # convolution 192 x 4, A and dt 8, norm 32
    ("delta net", LINEAR, 4 * (20_480 + 8_192 + 512 + 768 + 8 + 32 - 16_384)),
    # latent: queries 64 x 96, down 64 x 40 + norm 32, up 4 x 32 x 32, output 64 x 64
    ("latent", LATENT, 4 * (6_144 + 2_560 + 32 + 4_096 + 4_096 - 16_384)),
    # through rank 24: 64 x 24 + norm 24 + 24 x 96 instead of 64 x 96
    ("latent queries", LATENT | {"q_lora_rank": 24},
     4 * (1_536 + 24 + 2_304 + 2_560 + 32 + 4_096 + 4_096 - 16_384)),
    # and an indexer: queries 24 x 32, keys 64 x 16 and their layer norm 32, weights 64 x 2
    ("indexer", LATENT | INDEX | {"q_lora_rank": 24},
     4 * (1_536 + 24 + 2_304 + 2_560 + 32 + 4_096 + 4_096 - 16_384 + 768 + 1_024 + 32 + 128)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "difference"), [row[1:] for row in DIFFERENCES], ids=[row[0] for row in DIFFERENCES]
)
def test_parameters_by_hand(fields: dict[str, Any], difference: int) -> None:
    assert parameters(**fields) == WHOLE + difference


def test_active_parameters_of_a_mixture() -> None:
    # Mixtral of Experts, arXiv:2401.04088, section 1: 47B in all, 13B active per token.
    model = architecture(find_model("mixtral_8x7b"))
    assert model.parameters == pytest.approx(47e9, rel=0.01)
    assert model.active_parameters == pytest.approx(13e9, rel=0.02)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("zero width", {"hidden_size": 0}, "hidden_size must be .*at least 1, got 0; .* is 1"),
    ("negative", {"vocab_size": -5}, "vocab_size must be .*got -5; the nearest valid value is 1"),
    ("fraction", {"num_decoder_layers": 2.4}, "num_decoder_layers .*got 2.4; .* value is 2"),
    ("nan", {"intermediate_size": math.nan}, "intermediate_size must be .*got nan"),
    ("infinite", {"hidden_size": math.inf}, "hidden_size must be .*got inf"),
    ("text", {"hidden_size": "64"}, "hidden_size must be .*got '64'"),
    ("truth", {"num_attention_heads": True}, "num_attention_heads must be .*got True"),
    ("none", {"vocab_size": None}, "vocab_size must be .*got None"),
    ("huge", {"vocab_size": 10**400}, "vocab_size must be "),
    ("no name", {"model": ""}, "model must be a name, got ''"),
    ("number as name", {"model": 3}, "model must be a name, got 3"),
    ("heads", {"num_attention_heads": 5}, "multiple of num_attention_heads .*got 64 and 5"),
    ("kv heads", {"num_key_value_heads": 3}, r"must divide .* \(4\), got 3; .* value is 2"),
    ("many kv heads", {"num_key_value_heads": 8}, "got 8; the nearest valid value is 4"),
    ("norm", {"norm": "layrnorm"}, "norm must be one of .*did you mean 'layernorm'"),
    ("norms", {"norms_per_layer": -1}, "norms_per_layer must be .*got -1"),
    ("norms text", {"norms_per_layer": "two"}, "norms_per_layer must be .*got 'two'"),
    ("truth text", {"tie_word_embeddings": "no"}, "tie_word_embeddings must be .*got 'no'"),
    ("truth number", {"qkv_bias": 3}, "qkv_bias must be .*got 3"),
    ("up projections", {"num_ffi": 3}, "num_ffi must be .*at most 2, got 3; .* value is 2"),
    ("top k", EXPERTS | {"expert_top_k": 9}, r"at most num_experts \(8\), got 9"),
    ("empty experts", EXPERTS | {"moe_intermediate_size": 0}, "moe_intermediate_size must be"),
    ("offset", EXPERTS | {"moe_layer_freq": 2, "moe_layer_offset": 2}, "moe_layer_offset must be"),
    ("never mixed", EXPERTS | {"first_k_dense_replace": 4}, "first_k_dense_replace must be"),
    ("layer type", {"layer_types": ("full_atention",)}, "did you mean 'full_attention'"),
    ("window", {"layer_types": ("sliding_attention",)}, "sliding_attention need sliding_window"),
    ("mamba", {"layer_types": ("mamba",)}, "need mamba_d_state, mamba_dt_rank as well"),
    ("chunk", {"layer_types": ("chunked_attention",)}, "need attention_chunk_size as well"),
    (
        "delta net",
        {"layer_types": ("linear_attention",), "linear_num_key_heads": 2},
        "need linear_num_value_heads, linear_key_head_dim, linear_value_head_dim as well",
    ),
    ("value heads", LINEAR | {"linear_num_value_heads": 5}, r"\(2\), got 5; .* value is 4"),
    ("index", LATENT | {"index_topk": 128}, "needs q_lora_rank, index_n_heads, index_head_dim"),
    ("index without rank", INDEX, r"needs kv_lora_rank, q_lora_rank as well"),
    ("latent", {"kv_lora_rank": 32, "v_head_dim": 16}, "needs qk_nope_head_dim, qk_rope_head_dim"),
]


@pytest.mark.parametrize(
    ("fields", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_what_it_refuses(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**(TINY | fields))


def test_fields_from_a_dict() -> None:
    assert ModelConfig.from_fields(dict(TINY)) == ModelConfig(**TINY)
    with pytest.raises(ValueError, match=r"no field 'hiden_size'; did you mean 'hidden_size'"):
        ModelConfig.from_fields(TINY | {"hiden_size": 64})
    with pytest.raises(ValueError, match="needs vocab_size, intermediate_size as well"):
        ModelConfig.from_fields(
            {"hidden_size": 64, "num_decoder_layers": 4, "num_attention_heads": 4}
        )


def test_replace_checks_again() -> None:
    with pytest.raises(ValueError, match="num_key_value_heads must divide"):
        replace(ModelConfig(**TINY), num_key_value_heads=3)


def test_recurrent_layers_need_no_feed_forward() -> None:
    # Mamba, arXiv:2312.00752, its reference code: inner 128; in 64 x 256, convolution 128 x 5,
    # x 128 x 36, dt 4 x 128 + 128, A 128 x 16, D 128, out 128 x 64; one norm: 64.
    layer = 16_384 + 640 + 4_608 + 640 + 2_048 + 128 + 8_192 + 64
    found = parameters(**MAMBA, intermediate_size=0, norms_per_layer=1)
    assert found == 128_000 + 64 + 4 * layer
