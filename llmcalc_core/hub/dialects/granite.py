"""Granite and Bamba (IBM): dense, mixtures, and hybrids of Mamba-2 with attention; Mamba-2 alone.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import FULL, KV, attention_bias, common, llama
from llmcalc_core.hub.dialects.fields import Dialect, Fields

_MAMBA = "mamba2"
_KINDS = {"mamba": _MAMBA, "linear_attention": _MAMBA, "attention": FULL, "full_attention": FULL}


def _granite(fields: Fields) -> dict[str, Any]:
    return llama(fields)


def _granitemoe(fields: Fields) -> dict[str, Any]:
    return {**common(fields, needs=(KV,)), **attention_bias(fields), **_experts(fields)}


def _experts(fields: Fields) -> dict[str, Any]:
    return {
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


def _mamba(fields: Fields, hidden: int) -> dict[str, Any]:
    """Read the Mamba-2 layers; a width of heads may follow from the others."""
    fields.require("mamba_conv_bias", expected=True)
    fields.require("mamba_proj_bias", expected=False)
    fields.ignore("mamba_chunk_size")
    heads, expand = fields.number("mamba_n_heads"), fields.number("mamba_expand", default=2)
    width = fields.value("mamba_d_head")
    return {
        "mamba_num_heads": heads,
        "mamba_head_dim": expand * hidden // heads if width in (None, "auto") else width,
        "mamba_n_groups": fields.number("mamba_n_groups"),
        "mamba_d_state": fields.number("mamba_d_state"),
        "mamba_d_conv": fields.number("mamba_d_conv", default=4),
    }


def _granitemoehybrid(fields: Fields) -> dict[str, Any]:
    """Read Granite 4: a shared feed-forward part in every layer, experts beside it in some."""
    named = fields.entries("layer_types") or fields.entries("layers_block_type")
    base = common(fields, needs=(KV,))
    if len(named) != base["num_decoder_layers"] or not set(named) <= set(_KINDS):
        fields.refuse("layer_types", f"must be one of {', '.join(_KINDS)} for every layer")
    width, shared = base["intermediate_size"], fields.number("shared_intermediate_size")
    described = {
        **base,
        **attention_bias(fields),
        **_mamba(fields, base["hidden_size"]),
        "layer_types": tuple(_KINDS[kind] for kind in named),
        "intermediate_size": shared,
    }
    if not fields.number("num_local_experts", default=0):
        fields.ignore("num_experts_per_tok")
        return described
    return {
        **described,
        **_experts(fields),
        "moe_intermediate_size": width,
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": shared,
    }


def _bamba(fields: Fields) -> dict[str, Any]:
    """Read Bamba: attention in the layers named by their number."""
    base = common(fields, needs=(KV,))
    attending = fields.entries("attn_layer_indices")
    layers = range(base["num_decoder_layers"])
    if not set(attending) <= set(layers):
        fields.refuse("attn_layer_indices", f"must be numbers of the {len(layers)} layers")
    return {
        **base,
        **attention_bias(fields),
        **_mamba(fields, base["hidden_size"]),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "layer_types": tuple(FULL if layer in attending else _MAMBA for layer in layers),
    }


def _mamba2(fields: Fields) -> dict[str, Any]:
    """Read a stack of Mamba-2 layers alone."""
    fields.require("use_bias", expected=False)
    fields.require("use_conv_bias", expected=True)
    fields.require("rms_norm", expected=True)
    fields.ignore("expand", "chunk_size", "time_step_rank", "norm_before_gate")
    heads = fields.number("num_heads")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": 1,
        "intermediate_size": 0,
        "layer_types": (_MAMBA,),
        "norms_per_layer": 1,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "mamba_d_state": fields.number("state_size"),
        "mamba_d_conv": fields.number("conv_kernel", default=4),
        "mamba_num_heads": heads,
        "mamba_head_dim": fields.number("head_dim"),
        "mamba_n_groups": fields.number("n_groups"),
    }


GRANITE: dict[str, Dialect] = {
    "granite": _granite,
    "granitemoe": _granitemoe,
    "granitemoehybrid": _granitemoehybrid,
    "bamba": _bamba,
    "mamba2": _mamba2,
}
"""Dialects of Granite, Bamba and Mamba-2."""
