"""Mistral AI: Mistral, Mixtral, Ministral, and those that see images.

Defaults are those of the configuration classes in Hugging Face transformers. The encoder of images
is that of modeling_pixtral.py and modeling_mistral3.py there.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    decoder_fields,
    encoder_layer,
    images,
    local_experts,
    text_part,
    windows,
)
from llmcalc_core.hub.dialects.deepseek import deepseek_latent
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_WINDOW = 4096  # where a file of Mistral does not speak of a window at all


@dialect("mistral")
def _mistral(fields: Fields) -> dict[str, Any]:
    fields.ignore("attention_sink_size")
    absent = _WINDOW if fields.absent("sliding_window") else None
    return {**decoder_fields(fields, needs=(KV,)), **windows(fields, absent=absent)}


@dialect("mixtral")
def mixtral(fields: Fields) -> dict[str, Any]:
    """Read Mixtral."""
    return {**decoder_fields(fields, needs=(KV,)), **windows(fields), **local_experts(fields)}


@dialect("ministral", "ministral3")
def _ministral(fields: Fields) -> dict[str, Any]:
    """Read Ministral; a whole file that is called like its text part sees images."""
    if fields.stated("text_config"):
        return _mistral3(fields.of_type("mistral3"))
    fields.ignore("query_pre_attn_scalar", "llama_4_scaling_beta")
    return {**decoder_fields(fields, needs=(KV,)), **windows(fields)}


@dialect("mistral4")
def _mistral4(fields: Fields) -> dict[str, Any]:
    """Read Mistral Small 4: latent attention, all layers with experts."""
    fields.ignore("rope_interleave", "qk_head_dim")
    return {**deepseek_latent(fields), "router_bias": False}


@dialect("mistral3")
def _mistral3(fields: Fields) -> dict[str, Any]:
    readers = {"mistral": _mistral, "ministral3": _ministral, "mistral4": _mistral4}
    text = fields.section("text_config")
    kind = str(text.value("model_type"))
    if kind not in readers:
        text.refuse("model_type", f"can only be described as {', '.join(readers)}")
    fields.require("multimodal_projector_bias", expected=False)
    vision, described = images(fields), text_part(fields, text, readers[kind])
    if vision:
        merge = fields.number("spatial_merge_size", default=2)
        described["vision"] = pixtral_vision(vision, described["hidden_size"], merge)
    fields.ignore_rest()
    return described


def pixtral_vision(vision: Fields, text_hidden: int, merge: int) -> VisionTower:
    """Read Pixtral as Mistral Small 3 uses it: gated layers, a merger and two projections."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    channels = vision.number("num_channels", default=CHANNELS)
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, inner, gated=True, biased=False, norms=2 * hidden),
        outside_parameters=channels * patch * patch * hidden + hidden,
        projector_parameters=hidden
        + merge * merge * hidden * hidden
        + hidden * text_hidden
        + text_hidden * text_hidden,
        num_ffi=2,
    )
