"""Makers with a mixture of experts or two: DBRX, dots.llm1, Laguna, Ling, MiniMax-M2, Trinity ...

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    KV,
    SLIDING,
    attention_bias,
    decoder_fields,
    first_dense_layers,
    local_experts,
    mixtures,
    windows,
)
from llmcalc_core.hub.dialects.deepseek import (
    deepseek_experts,
    deepseek_latent,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect


@dialect("dbrx")
def _dbrx(fields: Fields) -> dict[str, Any]:
    """Read DBRX; its layer norms have no bias, so they count as RMS norms."""
    attention, experts = fields.section("attn_config"), fields.section("ffn_config")
    experts.ignore("moe_normalize_expert_weights", "moe_loss_weight", "moe_jitter_eps")
    experts.ignore("ffn_act_fn", "uniform_expert_assignment", "hidden_size")
    attention.ignore("clip_qkv", "attn_pdrop")
    fields.ignore("num_key_value_heads")
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


@dialect("dots1")
def _dots1(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV,)),
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        **deepseek_experts(fields),
        "qk_norm": True,
        "router_bias": True,
    }


@dialect("laguna")
def _laguna(fields: Fields) -> dict[str, Any]:
    """Read Laguna (poolside): a gate for each head, more heads in the sliding layers."""
    fields.require("moe_apply_router_weight_on_input", expected=False)
    fields.ignore("mlp_only_layers", "decoder_sparse_step", "gating_types", "gating")
    fields.ignore("moe_router_logit_softcapping", "use_bidirectional_attention")
    if fields.value("gating") not in (None, True, "per-head"):
        fields.refuse("gating", "can only be described as a gate for each head")
    if set(fields.entries("gating_types")) - {"per_head"}:
        fields.refuse("gating_types", "can only be described as per_head in every layer")
    base = decoder_fields(fields, needs=(KV, "head_dim"))
    layers, shared = base["num_decoder_layers"], fields.number("shared_expert_intermediate_size")
    heads = fields.entries("num_attention_heads_per_layer")
    if heads and len(heads) != layers:
        fields.refuse("num_attention_heads_per_layer", f"must be a number for each of {layers}")
    return {
        **base,
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        "qk_norm": True,
        "attn_gate_per_head": True,
        "per_layer": {"num_attention_heads": heads} if heads else {},
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": shared,
        "first_k_dense_replace": first_dense_layers(
            fields, layers, "first_k_dense_replace", default=1
        ),
        "router_bias": True,
    }


@dialect("bailing_moe", "bailing_moe_v2")
def _bailing_moe(fields: Fields) -> dict[str, Any]:
    """Read Ling and Ring (Bailing MoE)."""
    fields.require("moe_layer_freq", expected=1)
    fields.ignore(
        "moe_router_enable_routed_scaling", "score_function", "router_dtype", "norm_head",
        "moe_router_enable_shared_expert", "moe_router_topk_scaling_factor", "norm_softmax",
        "output_dropout", "mtp_loss_scaling_factor", "embedding_dropout", "group_norm_size",
    )  # fmt: skip
    biased = fields.flag("use_qkv_bias", default=False)
    all_biased = fields.flag("use_bias", default=False)
    width = fields.number("moe_intermediate_size")
    return {
        **decoder_fields(fields, needs=(KV,)),
        "qkv_bias": biased or all_biased,
        "attention_output_bias": all_biased,
        "qk_norm": fields.flag("use_qk_norm", default=False),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": width,
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "shared_expert_intermediate_size": fields.number(
            "moe_shared_expert_intermediate_size", default=width
        ),
        "first_k_dense_replace": fields.number("first_k_dense_replace", default=0),
        "router_bias": fields.flag("moe_router_enable_expert_bias", default=False),
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("minimax_m2")
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
        **decoder_fields(fields, needs=(KV, "head_dim")),
        **local_experts(fields),
        "qk_norm": fields.flag("use_qk_norm", default=True),
        "qk_norm_wide": True,
        "router_bias": fields.flag("use_routing_bias", default=True),
    }


@dialect("solar_open")
def _solar_open(fields: Fields) -> dict[str, Any]:
    width = fields.number("moe_intermediate_size")
    fields.require("use_qk_norm", expected=False)
    return {
        **decoder_fields(fields, width=width, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **deepseek_experts(fields),
        "router_bias": True,
    }


@dialect("afmoe")
def _afmoe(fields: Fields) -> dict[str, Any]:
    """Read Trinity (Arcee): attention with a gate, four norms, windows in three of four."""
    fields.ignore("mup_enabled", "route_norm", "route_scale", "score_func", "load_balance_coeff")
    fields.ignore("num_expert_groups", "num_limited_groups", "use_grouped_mm")
    fields.number("sliding_window")
    period = fields.number("global_attn_every_n_layers", default=4)
    return {
        **decoder_fields(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **windows(fields, (SLIDING,) * (period - 1) + (FULL,)),
        "qk_norm": True,
        "attn_output_gate": True,
        "norms_per_layer": 4,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "first_k_dense_replace": fields.number("num_dense_layers", default=1),
        "router_bias": True,
    }


@dialect("aria_text")
def _aria_text(fields: Fields) -> dict[str, Any]:
    base = {**decoder_fields(fields), **attention_bias(fields)}
    return {
        **base,
        "num_experts": fields.number("moe_num_experts"),
        "expert_top_k": fields.number("moe_topk"),
        "n_shared_experts": fields.number("moe_num_shared_experts"),
    }


@dialect("mellum")
def _mellum(fields: Fields) -> dict[str, Any]:
    """Read Mellum 2 (JetBrains)."""
    base = decoder_fields(fields, needs=(KV,))
    return {
        **base,
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        "qk_norm": True,
        "num_experts": fields.number("num_experts", "num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "mlp_layer_types": mixtures(fields, base["num_decoder_layers"]) or ("sparse",),
    }


@dialect("kolibri1")
def _kolibri1(fields: Fields) -> dict[str, Any]:
    """Read Kolibri: four norms, windows in four of five layers, a shared expert."""
    width = fields.number("moe_intermediate_size")
    base = decoder_fields(fields, width=width, needs=(KV, "head_dim"))
    return {
        **base,
        **windows(fields, (*(SLIDING,) * 4, FULL)),
        "qk_norm": True,
        "norms_per_layer": 4,
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": width,
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "router_bias": True,
    }


@dialect("flint")
def _flint(fields: Fields) -> dict[str, Any]:
    """Read Flint: sinks in every layer, the first layers dense, a shared expert."""
    fields.require("decoder_sparse_step", expected=1)
    dense = fields.whole_numbers("mlp_only_layers")
    if dense != tuple(range(len(dense))):
        fields.refuse("mlp_only_layers", "can only be described as the first layers")
    return {
        **decoder_fields(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        "qk_norm": True,
        "attention_sinks": True,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "first_k_dense_replace": len(dense),
    }


@dialect("beam")
def _beam(fields: Fields) -> dict[str, Any]:
    """Read Beam: a gate as wide as the result, with a bias for each head, and four norms."""
    base = decoder_fields(fields, needs=(KV, "head_dim"))
    layers = base["num_decoder_layers"]
    return {
        **base,
        **windows(fields, (*(SLIDING,) * 5, FULL)),
        "qk_norm": True,
        "attn_output_gate": True,
        "layer_vector_size": base["num_attention_heads"],
        "norms_per_layer": 4,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "first_k_dense_replace": first_dense_layers(
            fields, layers, "first_k_dense_replace", default=3
        ),
        "router_bias": True,
    }


@dialect("axk1")
def _axk1(fields: Fields) -> dict[str, Any]:
    """Read A.X K1 (SK Telecom): latent attention, and a norm after each mixture."""
    latent = deepseek_latent(fields)
    layers = latent["num_decoder_layers"]
    dense = first_dense_layers(fields, layers, "first_k_dense_replace", default=1)
    norms = (*(2,) * dense, *(3,) * (layers - dense))
    return {
        **latent,
        "first_k_dense_replace": dense,
        "per_layer": {"norms_per_layer": norms},
        "router_bias": True,
    }


@dialect("cohere2_moe")
def _cohere2_moe(fields: Fields) -> dict[str, Any]:
    """Read Command A+ with experts: both parts of a layer after one norm without a bias."""
    fields.require("use_qk_norm", expected=False)
    fields.require("prefix_dense_intermediate_size", expected=None)
    fields.ignore("prefix_dense_sliding_window_pattern", "expert_selection_fn")
    fields.ignore("shared_expert_combination_strategy")
    base = decoder_fields(fields, tied=True)
    period = fields.number("sliding_window_pattern", default=4)
    return {
        **base,
        **attention_bias(fields),
        **windows(fields, (SLIDING,) * (period - 1) + (FULL,)),
        "norms_per_layer": 1,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "mlp_layer_types": mixtures(fields, base["num_decoder_layers"]) or ("sparse",),
    }
