"""IBM: Granite, dense, with experts, with windows, and hybrids of Mamba-2 (Bamba).

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    KV,
    SLIDING,
    attention_bias,
    decoder_fields,
    local_experts,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.meta import llama

_MAMBA = "mamba2"
_EVERY_FOURTH = (FULL, SLIDING, SLIDING, SLIDING)
_KINDS = {"mamba": _MAMBA, "linear_attention": _MAMBA, "attention": FULL, "full_attention": FULL}


@dialect("granite")
def _granite(fields: Fields) -> dict[str, Any]:
    fields.require("normalization_function", expected="rmsnorm")
    return llama(fields)


@dialect("granite_swa")
def _granite_swa(fields: Fields) -> dict[str, Any]:
    """Read Granite with windows, whose files name the kind of every layer, and sinks."""
    fields.number("sliding_window")
    fields.ignore("layer_rope_theta")
    return {**llama(fields), **windows(fields, _EVERY_FOURTH), "attention_sinks": True}


@dialect("granitemoe_swa")
def _granitemoe_swa(fields: Fields) -> dict[str, Any]:
    """Read the same with experts, and with a shared one where its width is not 0."""
    fields.ignore("layer_rope_theta")
    base = _granitemoeshared(fields)
    return {**base, **windows(fields, _EVERY_FOURTH), "attention_sinks": True}


@dialect("granitemoe")
def _granitemoe(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV,)),
        **attention_bias(fields),
        **local_experts(fields),
    }


@dialect("granitemoeshared")
def _granitemoeshared(fields: Fields) -> dict[str, Any]:
    shared = fields.number("shared_intermediate_size", default=0)
    return {
        **decoder_fields(
            fields,
        ),
        **attention_bias(fields),
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "n_shared_experts": int(shared > 0),
        "shared_expert_intermediate_size": shared,
    }


def _mamba2_layers(fields: Fields, hidden: int) -> dict[str, Any]:
    """Read the Mamba-2 layers; a width of heads may follow from the others."""
    fields.require("mamba_conv_bias", expected=True)
    fields.require("mamba_proj_bias", expected=False)
    fields.ignore("mamba_chunk_size")
    heads = fields.number("mamba_n_heads", least=1)
    expand = fields.number("mamba_expand", default=2)
    width = fields.value("mamba_d_head")
    return {
        "mamba_num_heads": heads,
        "recurrent_state_bits": 16,
        "mamba_head_dim": expand * hidden // heads if width in (None, "auto") else width,
        "mamba_n_groups": fields.number("mamba_n_groups"),
        "mamba_d_state": fields.number("mamba_d_state"),
        "mamba_d_conv": fields.number("mamba_d_conv", default=4),
    }


@dialect("granitemoehybrid")
def _granitemoehybrid(fields: Fields) -> dict[str, Any]:
    """Read Granite 4: a shared feed-forward part in every layer, experts beside it in some."""
    fields.require("normalization_function", expected="rmsnorm")
    named = fields.entries("layer_types") or fields.entries("layers_block_type")
    base = decoder_fields(fields, needs=(KV,))
    if len(named) != base["num_decoder_layers"] or not set(named) <= set(_KINDS):
        given = fields.given("layer_types", "layers_block_type")
        fields.refuse(given, f"must be one of {', '.join(_KINDS)} for every layer")
    width, shared = base["intermediate_size"], fields.number("shared_intermediate_size")
    described = {
        **base,
        **attention_bias(fields),
        **_mamba2_layers(fields, base["hidden_size"]),
        "layer_types": tuple(_KINDS[kind] for kind in named),
        "intermediate_size": shared,
    }
    if not fields.number("num_local_experts", default=0):
        fields.ignore("num_experts_per_tok")
        return described
    return {
        **described,
        **local_experts(fields),
        "moe_intermediate_size": width,
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": shared,
    }


@dialect("bamba")
def _bamba(fields: Fields) -> dict[str, Any]:
    """Read Bamba: attention in the layers named by their number."""
    base = decoder_fields(fields, needs=(KV,))
    attending = fields.entries("attn_layer_indices")
    layers = range(base["num_decoder_layers"])
    if not set(attending) <= set(layers):
        fields.refuse("attn_layer_indices", f"must be numbers of the {len(layers)} layers")
    return {
        **base,
        **attention_bias(fields),
        **_mamba2_layers(fields, base["hidden_size"]),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "layer_types": tuple(FULL if layer in attending else _MAMBA for layer in layers),
    }
