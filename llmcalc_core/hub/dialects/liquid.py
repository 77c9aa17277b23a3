"""Liquid AI: LFM2 and LFM3, with short convolutions in place of attention in most layers.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    KV,
    SLIDING,
    decoder_fields,
    first_dense_layers,
    layer_kinds,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_CONVOLUTION = "short_convolution"
_KINDS = {"conv": _CONVOLUTION, FULL: FULL, SLIDING: SLIDING}


def _convolutions(fields: Fields, layers: int) -> dict[str, Any]:
    """Read which layers convolve, and over how many tokens."""
    kinds = layer_kinds(fields, _KINDS, layers)
    full = fields.value("full_attn_idxs")
    if not kinds:
        attending = set(range(layers) if full is None else fields.whole_numbers("full_attn_idxs"))
        kinds = tuple(FULL if layer in attending else _CONVOLUTION for layer in range(layers))
    return {
        "layer_types": kinds,
        "short_conv_kernel": fields.number("conv_L_cache", default=3),
        "short_conv_bias": fields.flag("conv_bias", default=False),
    }


def _adjusted(fields: Fields, width: int) -> int:
    """Give the width of the feed-forward part that a file's number stands for (modeling_lfm2.py).

    Two thirds of it, times a factor, rounded up to a multiple, unless the file says no.
    """
    multiple = fields.number("block_multiple_of", default=256, least=1)
    factor = fields.real("block_ffn_dim_multiplier", default=1.0)
    if not fields.flag("block_auto_adjust_ff_dim", default=True):
        return width
    return -(-int(factor * int(2 * width / 3)) // multiple) * multiple


@dialect("lfm2")
def _lfm2(fields: Fields) -> dict[str, Any]:
    fields.ignore("block_use_swiglu", "block_norm_eps", "block_dim", "block_ff_dim")
    fields.ignore("block_mlp_init_scale", "block_out_init_scale", "block_use_xavier_init")
    fields.ignore("conv_dim", "conv_dim_out", "conv_use_xavier_init", "num_heads")
    base = decoder_fields(fields, tied=True, needs=(KV,))
    width = fields.number("block_ff_dim", "intermediate_size")
    return {
        **base,
        **_convolutions(fields, base["num_decoder_layers"]),
        "intermediate_size": _adjusted(fields, width),
        "tie_word_embeddings": fields.flag(fields.given(*_TIES), default=True),
        "qk_norm": True,
    }


_TIES = ("tie_word_embeddings", "tie_embedding")


@dialect("lfm2_moe")
def _lfm2_moe(fields: Fields) -> dict[str, Any]:
    """Read LFM2 with experts in all layers but the first ones."""
    base = decoder_fields(fields, tied=True, needs=(KV,))
    layers = base["num_decoder_layers"]
    return {
        **base,
        **_convolutions(fields, layers),
        "tie_word_embeddings": fields.flag(fields.given(*_TIES), default=True),
        "qk_norm": True,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "first_k_dense_replace": first_dense_layers(fields, layers, "num_dense_layers", default=2),
        "router_bias": fields.flag("use_expert_bias", default=True),
    }


@dialect("lfm3")
def _lfm3(fields: Fields) -> dict[str, Any]:
    """Read LFM3: a gate for each head, windows, and norms after each part of a layer as well."""
    base = decoder_fields(fields, tied=True, needs=(KV,))
    return {
        **base,
        **_convolutions(fields, base["num_decoder_layers"]),
        "sliding_window": fields.number("sliding_window"),
        "qk_norm": True,
        "attn_gate_per_head": fields.flag("use_attention_gate", default=True),
        "norms_per_layer": 4 if fields.flag("use_sandwich_norm", default=True) else 2,
    }
