"""Makers of hybrids with a family each: Falcon-H1, Ling 3 (inclusionAI), LongCat, Lara Mini.

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
    delta_shape,
    layer_kinds,
    mixtures,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_DELTA = "kimi_delta_attention"


@dialect("falcon_h1")
def _falcon_h1(fields: Fields) -> dict[str, Any]:
    """Read Falcon-H1: attention and Mamba-2 side by side in every layer."""
    fields.require("mamba_conv_bias", expected=True)
    fields.require("mamba_proj_bias", expected=False)
    fields.require("projectors_bias", expected=False)
    fields.ignore("mamba_norm_before_gate", "mlp_expansion_factor", "num_logits_to_keep")
    fields.ignore("mamba_use_mlp", "attn_layer_indices", "mlp_multipliers", "ssm_multipliers")
    fields.ignore("mamba_d_head")
    base = decoder_fields(fields, needs=(KV,))
    heads = fields.number("mamba_n_heads", least=1)
    inner = fields.optional("mamba_d_ssm")
    if inner is None:
        inner = fields.number("mamba_expand", default=2) * base["hidden_size"]
    return {
        **base,
        **attention_bias(fields),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "parallel_mixer": "mamba2",
        "mamba_num_heads": heads,
        "mamba_head_dim": inner // heads,
        "mamba_n_groups": fields.number("mamba_n_groups"),
        "mamba_d_state": fields.number("mamba_d_state"),
        "mamba_d_conv": fields.number("mamba_d_conv", default=4),
        "mamba_gate_norm": fields.flag("mamba_rms_norm", default=False),
        "recurrent_state_bits": 16,
    }


def _latent(fields: Fields) -> dict[str, Any]:
    """Read the ranks and widths of latent attention."""
    return {
        "q_lora_rank": fields.optional("q_lora_rank"),
        "kv_lora_rank": fields.number("kv_lora_rank"),
        "qk_nope_head_dim": fields.number("qk_nope_head_dim"),
        "qk_rope_head_dim": fields.number("qk_rope_head_dim"),
        "v_head_dim": fields.number("v_head_dim"),
    }


@dialect("bailing_hybrid")
def _bailing_hybrid(fields: Fields) -> dict[str, Any]:
    """Read Ling 3: Kimi delta attention in five of six layers, latent attention in the last."""
    fields.require("attention_bias", expected=False)
    fields.ignore("kda_lower_bound", "kda_safe_gate", "head_dim", "qk_head_dim")
    fields.ignore("num_experts_per_token", "num_key_value_heads")
    layers = fields.number("num_hidden_layers")
    period = fields.number("layer_group_size", default=6, least=1)
    regular = tuple(FULL if (layer + 1) % period == 0 else _DELTA for layer in range(layers))
    named = layer_kinds(fields, {"linear_attention": _DELTA, FULL: FULL}, layers)
    heads, width = fields.number("linear_num_heads"), fields.number("linear_head_dim")
    count = fields.number("n_routed_experts", "num_experts", "num_local_experts")
    channels = mixtures(fields, layers)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": layers,
        "num_attention_heads": fields.number("num_attention_heads"),
        "intermediate_size": fields.number("intermediate_size"),
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        **_latent(fields),
        "layer_types": named or regular,
        "attn_gate_per_head": True,
        "linear_num_key_heads": heads,
        "linear_num_value_heads": heads,
        "linear_key_head_dim": width,
        "linear_value_head_dim": width,
        "linear_conv_kernel_dim": fields.number("linear_conv_kernel_dim", default=4),
        "linear_full_rank_decay": True,
        "linear_full_rank_gate": True,
        "num_experts": count,
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("n_shared_experts", "num_shared_experts", default=0),
        "first_k_dense_replace": fields.number("first_k_dense_replace"),
        **({"mlp_layer_types": channels} if channels else {}),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("longcat_flash")
def _longcat_flash(fields: Fields) -> dict[str, Any]:
    """Read LongCat-Flash: a layer has two of attention and feed-forward, and experts beside.

    The experts start beside the first feed-forward part, which is the expert that all tokens use.
    Some of the experts that a token chooses do nothing: in the mean their share of all.
    """
    fields.require("attention_bias", expected=False)
    fields.require("router_bias", expected=False)
    fields.ignore("head_dim", "qk_head_dim", "num_key_value_heads", "mla_scale_kv_lora")
    fields.ignore("mla_scale_q_lora", "zero_expert_type", "attention_method")
    layers = fields.number("num_layers", "num_hidden_layers")
    experts, nothing = fields.number("n_routed_experts"), fields.number("zero_expert_num")
    chosen = fields.number("moe_topk", "num_experts_per_tok")
    dense = fields.number("ffn_hidden_size", "intermediate_size")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": 2 * layers,
        "num_attention_heads": fields.number("num_attention_heads"),
        "intermediate_size": dense,
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        **_latent(fields),
        "mlp_layer_types": ("sparse", "dense"),
        "num_experts": experts,
        "zero_experts": nothing,
        "expert_top_k": max(round(chosen * experts / (experts + nothing)), 1),
        "moe_intermediate_size": fields.number("expert_ffn_hidden_size", "moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": dense,
        "router_bias": True,
    }


_LINEAR = "linear_attention"
_LARA = (_LINEAR, SLIDING, _LINEAR, FULL, SLIDING)


@dialect("lara_mini")
def _lara_mini(fields: Fields) -> dict[str, Any]:
    """Read Lara Mini: gated delta nets, windows and full attention, with experts in every layer."""
    base = decoder_fields(fields, width=0, needs=(KV, "head_dim"))
    named = {_LINEAR: _LINEAR, SLIDING: SLIDING, FULL: FULL}
    return {
        **base,
        **attention_bias(fields),
        **delta_shape(fields),
        "layer_types": layer_kinds(fields, named, base["num_decoder_layers"]) or _LARA,
        "sliding_window": fields.number("sliding_window"),
        "qk_norm": True,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
    }
