"""GLM: before and after norms, heads with norms, experts, latent and sparse attention.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import KV, common
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.mixture import deepseek_experts, deepseek_latent


def _glm(fields: Fields) -> dict[str, Any]:
    return {**common(fields), "qkv_bias": fields.flag("attention_bias", default=False)}


def _glm4(fields: Fields) -> dict[str, Any]:
    """Read GLM-4 0414, with norms before and after each part of a layer."""
    return {
        **common(fields, needs=(KV,)),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "norms_per_layer": 4,
    }


def _glm4_moe(fields: Fields) -> dict[str, Any]:
    """Read GLM-4.5, 4.6 and 4.7."""
    return {
        **common(fields, needs=(KV,)),
        **deepseek_experts(fields),
        "qkv_bias": fields.flag("attention_bias", default=False),
        "qk_norm": fields.flag("use_qk_norm", default=False),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


def _glm4_moe_lite(fields: Fields) -> dict[str, Any]:
    """Read GLM-4.7-Flash, which has latent attention."""
    fields.ignore("mlp_layer_types")
    latent = deepseek_latent(fields)
    dense = latent.get("first_k_dense_replace", 0)
    kinds = fields.entries("mlp_layer_types")
    if kinds:
        dense = kinds.count("dense")
        if kinds != ("dense",) * dense + ("sparse",) * (len(kinds) - dense):
            fields.refuse("mlp_layer_types", "can only be described with dense layers first")
    return {**latent, "first_k_dense_replace": dense, "router_bias": True}


def _chatglm(fields: Fields) -> dict[str, Any]:
    fields.require("apply_residual_connection_post_layernorm", expected=False)
    fields.ignore("vocab_size")
    all_biased = fields.flag("add_bias_linear", default=False)
    grouped = fields.flag("multi_query_attention", default=False)
    return {
        "vocab_size": fields.number("padded_vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": fields.optional("multi_query_group_num") if grouped else None,
        "head_dim": fields.optional("kv_channels"),
        "intermediate_size": fields.number("ffn_hidden_size"),
        "max_model_len": fields.optional("seq_length"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "qkv_bias": fields.flag("add_qkv_bias", default=False) or all_biased,
        "attention_output_bias": all_biased,
        "mlp_bias": all_biased,
        "norm": "rmsnorm" if fields.flag("rmsnorm", default=True) else "layernorm",
        "final_norm": fields.flag("post_layer_norm", default=True),
    }


GLM: dict[str, Dialect] = {
    "chatglm": _chatglm,
    "glm": _glm,
    "glm4": _glm4,
    "glm4_moe": _glm4_moe,
    "glm4_moe_lite": _glm4_moe_lite,
}
"""Dialects of GLM before sparse attention."""
