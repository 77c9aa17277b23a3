"""Mixtures of experts of further makers: K-EXAONE, Trinity, Solar, Mistral Small 4, Ling, Laguna.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.23.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import (
    FULL,
    KV,
    SLIDING,
    attention_bias,
    common,
    windows,
)
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.mixture import deepseek_experts, deepseek_latent

_DENSE, _SPARSE = "dense", "sparse"


def first_dense(fields: Fields, layers: int, *names: str, default: int = 0) -> int:
    """Read how many layers are dense, as a number or by the names of all; they are the first."""
    kinds = fields.entries("mlp_layer_types")
    dense = fields.number(*names, default=kinds.count(_DENSE) if kinds else default)
    if kinds and kinds != (_DENSE,) * dense + (_SPARSE,) * (layers - dense):
        fields.refuse("mlp_layer_types", f"can only be described with {dense} dense layers first")
    return dense


def _exaone_moe(fields: Fields) -> dict[str, Any]:
    """Read K-EXAONE, with one dense module of multi-token prediction."""
    fields.require("moe_layer_freq", expected=1)
    fields.ignore("is_moe_layer", "sliding_window_pattern", "rope_layers")
    base = common(fields, needs=(KV,))
    return {
        **base,
        **windows(fields, _pattern(fields)),
        "qk_norm": True,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "first_k_dense_replace": first_dense(
            fields, base["num_decoder_layers"], "first_k_dense_replace", default=1
        ),
        "router_bias": True,
        **_exaone_prediction(fields),
    }  # fmt: skip


def _exaone_prediction(fields: Fields) -> dict[str, Any]:
    """Read K-EXAONE's module, of full attention where nothing else is said.

    As in vLLM's exaone_moe_mtp.py and exaone_moe.py (055e47c) and in Megatron Bridge's
    exaone_moe_bridge.py; all read 2026-11-23. Several modules would share their matrix and norms.
    """
    fields.ignore("mtp_num_speculative_steps", "mtp_share_layers", "mtp_loss_scaling_factor")
    count = fields.number("num_nextn_predict_layers", default=0)
    kinds = fields.entries("mtp_layer_types") or (FULL,) * count
    own = fields.entries("mtp_sliding_windows")
    if not count:
        return {}
    if count > 1:
        fields.refuse("num_nextn_predict_layers", "can only be described as 0 or 1")
    if len(kinds) != 1 or kinds[0] not in (FULL, SLIDING):
        fields.refuse("mtp_layer_types", f"must be one of '{FULL}' and '{SLIDING}'")
    if kinds[0] == SLIDING and own != (fields.number("sliding_window"),):
        fields.refuse("mtp_sliding_windows", "can only be described where it is sliding_window")
    return {"mtp_layers": count, "mtp_layer": {"layer_type": kinds[0], "mlp_layer_type": _DENSE}}


def _pattern(fields: Fields) -> tuple[str, ...]:
    """Read windows as a text such as LLLG, or as the length of a period that ends in full."""
    pattern = fields.value("sliding_window_pattern")
    if isinstance(pattern, str):
        return tuple(FULL if letter == "G" else SLIDING for letter in pattern)
    period = fields.number("sliding_window_pattern", default=4)
    return (SLIDING,) * (period - 1) + (FULL,)


def _afmoe(fields: Fields) -> dict[str, Any]:
    """Read Trinity (Arcee): attention with a gate, four norms, windows in three of four."""
    fields.ignore("mup_enabled", "route_norm", "route_scale", "score_func", "load_balance_coeff")
    fields.ignore("num_expert_groups", "num_limited_groups", "use_grouped_mm")
    fields.number("sliding_window")
    period = fields.number("global_attn_every_n_layers", default=4)
    return {
        **common(fields, needs=(KV, "head_dim")),
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


def _solar_open(fields: Fields) -> dict[str, Any]:
    width = fields.number("moe_intermediate_size")
    fields.require("use_qk_norm", expected=False)
    return {
        **common(fields, width=width, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **deepseek_experts(fields),
        "router_bias": True,
    }


def _mistral4(fields: Fields) -> dict[str, Any]:
    """Read Mistral Small 4: latent attention, all layers with experts."""
    fields.ignore("rope_interleave", "qk_head_dim")
    return {**deepseek_latent(fields), "router_bias": False}


def _granitemoeshared(fields: Fields) -> dict[str, Any]:
    shared = fields.number("shared_intermediate_size", default=0)
    return {
        **common(fields, needs=(KV,)),
        **attention_bias(fields),
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "n_shared_experts": int(shared > 0),
        "shared_expert_intermediate_size": shared,
    }


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
        **common(fields, needs=(KV,)),
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


def _laguna(fields: Fields) -> dict[str, Any]:
    """Read Laguna (poolside): a gate for each head, more heads in the sliding layers."""
    fields.require("moe_apply_router_weight_on_input", expected=False)
    fields.ignore("mlp_only_layers", "decoder_sparse_step", "gating_types", "gating")
    fields.ignore("moe_router_logit_softcapping", "use_bidirectional_attention")
    if fields.value("gating") not in (None, True, "per-head"):
        fields.refuse("gating", "can only be described as a gate for each head")
    if set(fields.entries("gating_types")) - {"per_head"}:
        fields.refuse("gating_types", "can only be described as per_head in every layer")
    base = common(fields, needs=(KV, "head_dim"))
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
        "first_k_dense_replace": first_dense(fields, layers, "first_k_dense_replace", default=1),
        "router_bias": True,
    }


EXPERTS: dict[str, Dialect] = {
    "exaone_moe": _exaone_moe,
    "afmoe": _afmoe,
    "solar_open": _solar_open,
    "mistral4": _mistral4,
    "granitemoeshared": _granitemoeshared,
    "bailing_moe": _bailing_moe,
    "bailing_moe_v2": _bailing_moe,
    "laguna": _laguna,
}
"""Dialects of further mixtures of experts."""
