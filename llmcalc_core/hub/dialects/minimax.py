"""MiniMax: Text-01 and M1, with lightning attention, M3, with block-sparse attention, and images.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    KV,
    decoder_fields,
    encoder_layer,
    images,
    layer_kinds,
    local_experts,
    mixtures,
    text_part,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_LIGHTNING = "lightning_attention"
_SUMS = (
    "layernorm_full_attention_{}", "layernorm_linear_attention_{}", "layernorm_mlp_{}",
    "full_attn_{}_factor", "linear_attn_{}_factor", "mlp_{}_factor",
)  # fmt: skip
"""Numbers that the residual and a part's result are multiplied by before their sum."""
_SPARSE = "block_sparse_attention"
_KINDS = {FULL: FULL, "minimax_m3_sparse": _SPARSE}
_FLAT = {
    "index_n_heads": "sparse_num_index_heads", "index_head_dim": "sparse_index_dim",
    "index_block_size": "sparse_block_size", "index_topk_blocks": "sparse_topk_blocks",
}  # fmt: skip
"""Fields of the indexer, and what a section of their own calls them."""


@dialect("minimax", "minimax_text_01", "minimax_m1")
def _minimax(fields: Fields) -> dict[str, Any]:
    """Read MiniMax-Text-01 and M1: lightning attention, and softmax attention in some layers.

    Its older files number the layers' kinds, 0 being lightning attention; vLLM keeps its states in
    the width of the weights (``linear_attention_state_dtype``).
    """
    fields.require("shared_intermediate_size", expected=0)
    fields.ignore("block_size", "attn_type_list", "postnorm", "shared_moe_mode", "rotary_dim")
    fields.ignore(*(name.format(end) for name in _SUMS for end in ("alpha", "beta")))
    base = decoder_fields(fields, needs=(KV,))
    layers = base["num_decoder_layers"]
    kinds = layer_kinds(fields, {"linear_attention": _LIGHTNING, FULL: FULL}, layers)
    numbers = fields.whole_numbers("attn_type_list")
    if numbers and not kinds:
        if len(numbers) != layers or not set(numbers) <= {0, 1}:
            fields.refuse("attn_type_list", f"must be 0 or 1 for each of {layers} layers")
        kinds = tuple(FULL if number else _LIGHTNING for number in numbers)
    return {
        **base,
        **local_experts(fields),
        "layer_types": kinds or (FULL, _LIGHTNING),
        "recurrent_state_bits": 16,
    }


@dialect("minimax_m3_vl_text", "minimax_m3")
def _minimax_m3(fields: Fields) -> dict[str, Any]:
    """Read MiniMax-M3: some layers read blocks that an indexer chooses, some are dense."""
    fields.ignore("index_local_blocks", "swiglu_alpha", "swiglu_limit", "rotary_dim", "use_qk_norm")
    fields.ignore("qk_norm_type", "use_gemma_norm", "moe_layer_freq", "use_routing_bias")
    fields.ignore("num_mtp_modules", "mtp_transformer_layers", "use_mtp", "n_shared_experts")
    base = decoder_fields(fields, needs=(KV, "head_dim"))
    layers = base["num_decoder_layers"]
    attention = _attention(fields, layers)
    return {
        **base,
        **attention,
        "intermediate_size": fields.number("dense_intermediate_size"),
        "qk_norm": True,
        "num_experts": fields.number("num_local_experts", "num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": base["intermediate_size"],
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_intermediate_size"),
        "mlp_layer_types": mixtures(fields, layers) or _by_number(fields, layers),
        "router_bias": True,
    }


def _attention(fields: Fields, layers: int) -> dict[str, Any]:
    """Read which layers are sparse, and their indexer, here or in ``sparse_attention_config``."""
    kinds = layer_kinds(fields, _KINDS, layers)
    apart = fields.value("sparse_attention_config")
    section = fields.section("sparse_attention_config") if apart else None
    if section is not None:
        numbers = section.whole_numbers("sparse_attention_freq")
        if numbers and not kinds:
            kinds = tuple(_SPARSE if number else FULL for number in numbers)
        section.ignore_rest()
    shape = {
        flat: section.number(own, default=fields.number(flat))
        if section is not None
        else fields.number(flat)
        for flat, own in _FLAT.items()
    }
    if _SPARSE not in kinds:
        return {"layer_types": kinds}
    if len(kinds) != layers:
        fields.refuse("sparse_attention_config", f"must say of each of {layers} layers")
    return {
        "layer_types": kinds,
        "index_n_heads": shape["index_n_heads"],
        "index_head_dim": shape["index_head_dim"],
        "index_topk": shape["index_topk_blocks"] * shape["index_block_size"],
    }


def _by_number(fields: Fields, layers: int) -> tuple[str, ...]:
    """Read which layers have experts as 0 or 1 for each; all have where the file does not say."""
    numbers = fields.whole_numbers("moe_layer_freq")
    if numbers and (len(numbers) != layers or not set(numbers) <= {0, 1}):
        fields.refuse("moe_layer_freq", f"must be 0 or 1 for each of {layers} layers")
    return tuple("sparse" if number else "dense" for number in numbers) or ("sparse",)


@dialect("minimax_m3_vl")
def _minimax_m3_vl(fields: Fields) -> dict[str, Any]:
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _minimax_m3)
    if vision:
        inner = fields.number("projector_hidden_size", default=described["hidden_size"])
        described["vision"] = minimax_vision(vision, described["hidden_size"], inner)
    fields.ignore_rest()
    return described


def minimax_vision(vision: Fields, text_hidden: int, inner: int) -> VisionTower:
    """Read MiniMax-M3's encoder: a norm before it, and two projectors of two layers each."""
    hidden, width = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, merge = vision.number("patch_size", least=1), vision.number("spatial_merge_size")
    channels = vision.number("num_channels", default=CHANNELS)
    pixels = vision.number("temporal_patch_size", default=2) * channels * patch * patch
    joined = merge * merge * text_hidden
    first = (hidden + 1) * inner + (inner + 1) * text_hidden
    second = (joined + 1) * inner + (inner + 1) * text_hidden
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=width,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, width, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=pixels * hidden + 2 * hidden,
        projector_parameters=first + second,
    )
