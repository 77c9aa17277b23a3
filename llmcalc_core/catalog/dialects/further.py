"""More decoders: GLM-4, Seed-OSS, OLMo, Command R, StarCoder 2, GPT-NeoX, Phi, and others.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.catalog.dialects.dense import KV, attention_bias, common, windows
from llmcalc_core.catalog.dialects.fields import Dialect, Fields

_PLAIN = {"num_ffi": 1, "norm": "layernorm"}
"""Feed-forward layers with one projection up, and layer norms, as before Llama."""


def _biased(*, biased: bool) -> dict[str, bool]:
    return {"qkv_bias": biased, "attention_output_bias": biased, "mlp_bias": biased}


def _glm4(fields: Fields) -> dict[str, Any]:
    """Read GLM-4-0414, which normalises before and after both parts of a layer."""
    biased = fields.flag("attention_bias", default=False)
    return {**common(fields, needs=(KV,)), "qkv_bias": biased, "norms_per_layer": 4}


def _glm4_moe(fields: Fields) -> dict[str, Any]:
    """Read GLM-4.5 to 4.7: a mixture with a corrected router after the first layers."""
    return {
        **common(fields, needs=(KV, "head_dim")),
        "qkv_bias": fields.flag("attention_bias", default=False),
        "qk_norm": fields.flag("use_qk_norm", default=False),
        "num_experts": fields.number("n_routed_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("n_shared_experts", default=0),
        "first_k_dense_replace": fields.number("first_k_dense_replace", default=0),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


def _seed_oss(fields: Fields) -> dict[str, Any]:
    fields.require("attention_out_bias", expected=False)
    fields.require("mlp_bias", expected=False)
    biased = fields.flag("attention_bias", default=True)
    return {**common(fields, needs=(KV, "head_dim")), "qkv_bias": biased}


def _olmo2(fields: Fields) -> dict[str, Any]:
    """Read OLMo 2, whose norm of query and key is over all their heads at once."""
    normed = {"qk_norm": True, "qk_norm_wide": True}
    return {**common(fields), **attention_bias(fields), **normed}


def _olmoe(fields: Fields) -> dict[str, Any]:
    return {
        **_olmo2(fields),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


def _cohere(fields: Fields) -> dict[str, Any]:
    """Read Command R: both parts of a layer side by side after one norm, which has no bias."""
    fields.require("use_qk_norm", expected=False)
    return {**common(fields, tied=True), **attention_bias(fields), "norms_per_layer": 1}


def _starcoder2(fields: Fields) -> dict[str, Any]:
    fields.require("norm_type", expected="layer_norm")
    fields.require("mlp_type", expected="default")
    fields.ignore("norm_epsilon", "embedding_dropout")
    biased = fields.flag("use_bias", default=True)
    decoder = {**common(fields, tied=True, needs=(KV,)), **windows(fields)}
    return {**decoder, **_PLAIN, **_biased(biased=biased)}


def _gpt_neox(fields: Fields) -> dict[str, Any]:
    fields.ignore("use_parallel_residual", "hidden_dropout", "classifier_dropout")
    biased = fields.flag("attention_bias", default=True)
    return {**common(fields), **_PLAIN, **_biased(biased=biased), "mlp_bias": True}


def _phi(fields: Fields) -> dict[str, Any]:
    """Read Phi-1 to 2: both parts of a layer side by side after one norm, and a bias everywhere."""
    fields.require("qk_layernorm", expected=False)
    one = {"norms_per_layer": 1, "lm_head_bias": True}
    return {**common(fields), **_PLAIN, **_biased(biased=True), **one}


def _smollm3(fields: Fields) -> dict[str, Any]:
    """Read SmolLM 3, which leaves rotary positions out in every fourth layer."""
    fields.ignore("no_rope_layers", "no_rope_layer_interval", "layer_types", "sliding_window")
    fields.require("use_sliding_window", expected=False)
    fields.require("mlp_bias", expected=False)
    return {**common(fields, tied=True, needs=(KV,)), **attention_bias(fields)}


def _granite(fields: Fields) -> dict[str, Any]:
    """Read Granite, whose multipliers of embedding, attention and residual have no weights."""
    fields.ignore("attention_multiplier", "embedding_multiplier", "residual_multiplier")
    biased = fields.flag("mlp_bias", default=False)
    return {**common(fields, tied=True), **attention_bias(fields), "mlp_bias": biased}


def _bloom(fields: Fields) -> dict[str, Any]:
    """Read BLOOM; the norm after its embedding is left out."""
    fields.require("apply_residual_connection_post_layernorm", expected=False)
    fields.ignore("attention_softmax_in_fp32", "masked_softmax_fusion", "hidden_dropout")
    hidden = fields.number("hidden_size", "n_embed")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers", "n_layer"),
        "num_attention_heads": fields.number("num_attention_heads", "n_head"),
        "intermediate_size": fields.number("n_inner", default=4 * hidden),
        "max_model_len": fields.optional("seq_length"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        **_PLAIN,
        **_biased(biased=True),
    }


FURTHER: dict[str, Dialect] = {
    "glm4": _glm4,
    "glm4_moe": _glm4_moe,
    "seed_oss": _seed_oss,
    "olmo2": _olmo2,
    "olmoe": _olmoe,
    "cohere": _cohere,
    "starcoder2": _starcoder2,
    "gpt_neox": _gpt_neox,
    "phi": _phi,
    "smollm3": _smollm3,
    "granite": _granite,
    "bloom": _bloom,
}
"""Dialects of further decoders."""
