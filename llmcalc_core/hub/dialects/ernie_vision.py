"""Baidu's ERNIE 4.5 VL: experts of words and others of images.

Counts are those of Hugging Face transformers 5.24.0: modeling_ernie4_5_vl_moe.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    biased_everywhere,
    decoder_fields,
    encoder_layer,
    first_dense_layers,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_GROUPS = 2
"""Experts of words, and of images."""


@dialect("ernie4_5_vl_moe_text")
def _ernie_text(fields: Fields) -> dict[str, Any]:
    """Read the experts of words; those of images have a width of their own."""
    base = decoder_fields(fields, tied=True, needs=(KV,))
    biased = fields.flag("use_bias", default=False)
    return {
        **base,
        **biased_everywhere(biased=biased),
        "num_experts": fields.number("moe_num_experts"),
        "expert_top_k": fields.number("moe_k"),
        "moe_intermediate_size": _widths(fields)[0],
        "n_shared_experts": fields.number("moe_num_shared_experts", default=0),
        "first_k_dense_replace": first_dense_layers(
            fields, base["num_decoder_layers"], "moe_layer_start_index", default=1
        ),
        "router_bias": True,
    }


def _widths(fields: Fields) -> tuple[int, ...]:
    found = fields.whole_numbers("moe_intermediate_size") or (1536, 512)
    if len(found) != _GROUPS:
        fields.refuse("moe_intermediate_size", "must be the widths of both groups of experts")
    return found


@dialect("ernie4_5_vl_moe")
def _ernie_vl(fields: Fields) -> dict[str, Any]:
    """Read both groups of experts; those of images, which words never use, are the encoder's."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _ernie_text)
    if vision is None:
        fields.refuse("vision_config", "must describe the encoder of images")
    layers = described["num_decoder_layers"] - described["first_k_dense_replace"]
    expert = (3 * _widths(text)[1] + 1) * described["hidden_size"] + 1
    beside = layers * described["num_experts"] * expert
    described["vision"] = _ernie_vision(vision, described["hidden_size"], beside)
    fields.ignore_rest()
    return described


def _ernie_vision(vision: Fields, out: int, beside: int) -> VisionTower:
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    merge, frames = vision.number("spatial_merge_size"), vision.number("temporal_merge_size")
    patch = vision.number("patch_size", least=1)
    pixels = vision.number("in_channels", default=CHANNELS) * patch * patch
    wide = hidden * merge * merge
    space, time = ((one * wide + 1) * wide + (wide + 1) * wide + 2 * wide for one in (1, frames))
    return VisionTower(
        layers=vision.number("depth"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=(pixels + 2) * hidden + beside,
        projector_parameters=space + time + (wide + 1) * out + out,
    )
