"""Mixtures of experts: Mixtral, Qwen MoE, DeepSeek, Kimi, MiniMax, gpt-oss, Phi MoE, DBRX.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import (
    FULL,
    KV,
    SLIDING,
    attention_bias,
    common,
    qwen_windows,
    windows,
)
from llmcalc_core.hub.dialects.fields import Dialect, Fields


def _local_experts(fields: Fields) -> dict[str, Any]:
    return {
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


def _mixtral(fields: Fields) -> dict[str, Any]:
    return {**common(fields, needs=(KV,)), **windows(fields), **_local_experts(fields)}


def _minimax_m2(fields: Fields) -> dict[str, Any]:
    """Read MiniMax-M2, whose norm of query and key is over all their heads at once.

    The modules of prediction that its files count are in none of its published checkpoints
    (MiniMax-AI/MiniMax-M2.7, issue 16, 2026-04-18; read 2026-11-23).
    """
    fields.require("qk_norm_type", expected="per_layer")
    fields.ignore("use_mtp", "num_mtp_modules", "mtp_transformer_layers", "attn_type_list")
    if set(fields.entries("attn_type_list")) - {1}:
        fields.refuse("attn_type_list", "can only be described where every layer is 1 (full)")
    return {
        **common(fields, needs=(KV, "head_dim")),
        **_local_experts(fields),
        "qk_norm": fields.flag("use_qk_norm", default=True),
        "qk_norm_wide": True,
        "router_bias": fields.flag("use_routing_bias", default=True),
    }


def _gpt_oss(fields: Fields) -> dict[str, Any]:
    fields.ignore("experts_per_token")
    return {
        **common(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **windows(fields, (SLIDING, FULL)),
        **_local_experts(fields),
        "attention_sinks": True,
        "mlp_bias": True,
        "router_bias": True,
    }


def _phimoe(fields: Fields) -> dict[str, Any]:
    return {
        **_mixtral(fields),
        **attention_bias(fields),
        "lm_head_bias": fields.flag("lm_head_bias", default=False),
        "norm": "layernorm",
    }


def _qwen_experts(fields: Fields) -> dict[str, Any]:
    step = fields.number("decoder_sparse_step", default=1)
    dense = fields.entries("mlp_only_layers")
    experts: dict[str, Any] = {
        "num_experts": fields.number("num_experts", "num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
    }
    if not dense:
        return {**experts, "moe_layer_freq": step, "moe_layer_offset": step - 1}
    if step != 1 or dense != tuple(range(len(dense))):
        fields.refuse("mlp_only_layers", "can only be described as the first layers")
    return {**experts, "first_k_dense_replace": len(dense)}


def _qwen2_moe(fields: Fields) -> dict[str, Any]:
    return {
        **common(fields, needs=(KV,)),
        **qwen_windows(fields),
        **_qwen_experts(fields),
        "qkv_bias": fields.flag("qkv_bias", default=True),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "shared_expert_gate": True,
    }


def _qwen3_moe(fields: Fields) -> dict[str, Any]:
    return {
        **common(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **qwen_windows(fields),
        **_qwen_experts(fields),
        "qk_norm": True,
    }


def deepseek_experts(fields: Fields) -> dict[str, Any]:
    """Read routed and shared experts, and the dense layers before them; none without any."""
    fields.require("moe_layer_freq", expected=1)
    experts = fields.number("n_routed_experts", default=0)
    balanced_by_bias = fields.value("topk_method") == "noaux_tc"
    if not experts:
        fields.ignore("moe_intermediate_size", "num_experts_per_tok", "n_shared_experts")
        fields.ignore("first_k_dense_replace")
        return {}
    return {
        "num_experts": experts,
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("n_shared_experts", default=0),
        "first_k_dense_replace": fields.number("first_k_dense_replace", default=0),
        "router_bias": balanced_by_bias,
    }


def _deepseek(fields: Fields) -> dict[str, Any]:
    return {**common(fields), **attention_bias(fields), **deepseek_experts(fields)}


def deepseek_latent(fields: Fields) -> dict[str, Any]:
    """Read latent attention, which makes no use of key and value heads of its own."""
    fields.require("attention_bias", expected=False)
    fields.ignore("qk_head_dim")
    return {
        **common(fields),
        "num_key_value_heads": None,
        "head_dim": None,
        **deepseek_experts(fields),
        "q_lora_rank": fields.optional("q_lora_rank"),
        "kv_lora_rank": fields.number("kv_lora_rank"),
        "qk_nope_head_dim": fields.number("qk_nope_head_dim"),
        "qk_rope_head_dim": fields.number("qk_rope_head_dim"),
        "v_head_dim": fields.number("v_head_dim"),
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


def _deepseek_sparse(fields: Fields) -> dict[str, Any]:
    """Read latent attention with an indexer in every layer."""
    fields.ignore("indexer_rope_interleave")
    if set(fields.entries("layer_types")) - {"indexed_attention"}:
        fields.refuse("layer_types", "can only be described where every layer has an indexer")
    if set(fields.entries("indexer_types")) - {"full"}:
        fields.refuse("indexer_types", "can only be described where every layer is full")
    latent = deepseek_latent(fields)
    dense = latent.get("first_k_dense_replace", 0)
    mixed = latent["num_decoder_layers"] - dense
    kinds = fields.entries("mlp_layer_types")
    if kinds and kinds != ("dense",) * dense + ("sparse",) * mixed:
        fields.refuse("mlp_layer_types", "can only be described as first_k_dense_replace says")
    return {
        **latent,
        "q_lora_rank": fields.number("q_lora_rank"),
        "index_n_heads": fields.number("index_n_heads"),
        "index_head_dim": fields.number("index_head_dim"),
        "index_topk": fields.number("index_topk"),
    }


def _dbrx(fields: Fields) -> dict[str, Any]:
    """Read DBRX; its layer norms have no bias, so they count as RMS norms."""
    attention, experts = fields.section("attn_config"), fields.section("ffn_config")
    experts.ignore("moe_normalize_expert_weights", "moe_loss_weight", "moe_jitter_eps")
    experts.ignore("ffn_act_fn", "uniform_expert_assignment")
    attention.ignore("clip_qkv", "attn_pdrop")
    width = experts.number("ffn_hidden_size")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("d_model"),
        "num_decoder_layers": fields.number("n_layers"),
        "num_attention_heads": fields.number("n_heads"),
        "num_key_value_heads": attention.number("kv_n_heads"),
        "intermediate_size": width,
        "num_experts": experts.number("moe_num_experts"),
        "expert_top_k": experts.number("moe_top_k"),
        "max_model_len": fields.optional("max_seq_len"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
    }


MIXTURE: dict[str, Dialect] = {
    "mixtral": _mixtral,
    "phimoe": _phimoe,
    "qwen2_moe": _qwen2_moe,
    "qwen3_moe": _qwen3_moe,
    "deepseek": _deepseek,
    "deepseek_v2": deepseek_latent,
    "deepseek_v3": deepseek_latent,
    "deepseek_v32": _deepseek_sparse,
    "glm_moe_dsa": _deepseek_sparse,
    "minimax_m2": _minimax_m2,
    "gpt_oss": _gpt_oss,
    "dbrx": _dbrx,
}
"""Dialects of mixtures of experts."""
