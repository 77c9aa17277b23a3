"""More models of an encoder and a decoder: DeepSeek-VL, VideoLLaMA 3, Video-LLaVA, Ovis 2, Fuyu.

Counts are those of Hugging Face transformers 5.24.0: modeling_deepseek_vl.py,
modeling_video_llama_3.py, modeling_video_llava.py, modeling_ovis2.py, modeling_molmo2.py and
modeling_fuyu.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    attention_bias,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import reader_of, with_images
from llmcalc_core.model.vision import VisionTower


def _two_projections(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
    return {"projector_parameters": (encoder["hidden_size"] + 1) * text + (text + 1) * text}


@dialect("deepseek_vl")
def _deepseek_vl(fields: Fields) -> dict[str, Any]:
    return with_images(fields, _two_projections, encoder="siglip_vision_model", decoder="llama")


@dialect("video_llama_3")
def _video_llama_3(fields: Fields) -> dict[str, Any]:
    return with_images(fields, _two_projections, encoder="video_llama_3_vision", decoder="qwen2")


@dialect("video_llava")
def _video_llava(fields: Fields) -> dict[str, Any]:
    """Read Video-LLaVA: an encoder of images, and one of the same shape for videos."""
    described = with_images(fields, _two_projections, encoder="clip_vision_model", decoder="llama")
    if "vision" in described:
        seen: VisionTower = described["vision"]
        twice = 2 * seen.outside_parameters + seen.layers * seen.layer_parameters
        described["vision"] = replace(seen, outside_parameters=twice)
    return described


@dialect("ovis2")
def _ovis2(fields: Fields) -> dict[str, Any]:
    """Read Ovis 2, whose patches become shares of the entries of a table of visual words."""

    def worded(_: Fields, encoder: Encoder, __: int) -> dict[str, Any]:
        vision = fields.section("vision_config")
        vision.ignore_rest()
        words, scale = vision.number("vocab_size"), vision.number("hidden_stride", default=1)
        seen = words - vision.number("num_visual_indicator_tokens")
        head = encoder["hidden_size"] * scale * scale * seen + 2 * seen
        table = words * fields.number("hidden_size")
        return {"merge_size": scale, "projector_parameters": head + table}

    return with_images(fields, worded, encoder="ovis2_vision", decoder="qwen2")


@dialect("fuyu")
def _fuyu(fields: Fields) -> dict[str, Any]:
    """Read Fuyu, which has no encoder: a patch is projected, and is a token then."""
    text = fields.section("text_config")
    described = text_part(fields, text, reader_of(text, "persimmon"))
    patch = fields.number("patch_size", least=1)
    pixels = fields.number("num_channels", default=CHANNELS) * patch * patch
    fields.ignore_rest()
    return {**described, "outer_vector_size": (pixels + 1) * described["hidden_size"]}


_SIDE = 378
"""Side of the images of Molmo 2 [pixels]."""


@dialect("molmo2_text")
def _molmo2_text(fields: Fields) -> dict[str, Any]:
    """Read Molmo 2's decoder, a Qwen3 with further entries in its embedding."""
    fields.require("qk_norm_type", expected="qwen3")
    fields.require("norm_after", expected=False)
    base = decoder_fields(fields, needs=(KV, "head_dim"))
    further = fields.number("additional_vocab_size", default=0) * base["hidden_size"]
    return {**base, **attention_bias(fields), "qk_norm": True, "outer_vector_size": further}


@dialect("molmo2")
def _molmo2(fields: Fields) -> dict[str, Any]:
    """Read Molmo 2: features of several layers, attention that pools 2 x 2, a gated projector."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _molmo2_text)
    if vision:
        described["vision"] = _molmo2_vision(vision, fields.section("adapter_config"))
    fields.ignore_rest()
    return described


def _molmo2_vision(vision: Fields, adapter: Fields) -> VisionTower:
    vision.require("attention_bias", expected=True)
    adapter.require("attention_bias", expected=True)
    adapter.require("mlp_bias", expected=False)
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", "image_patch_size", least=1)
    square = (_SIDE // patch) ** 2
    places = vision.number("num_position_embeddings", "image_num_pos", default=square)
    taken = adapter.value("vision_feature_layer")
    heads = adapter.number("num_attention_heads") * adapter.number("head_dim")
    features = hidden * (len(taken) if isinstance(taken, list) else 2)
    pooled = 3 * (features + 1) * heads + (heads + 1) * adapter.number("hidden_size")
    wide, out = adapter.number("intermediate_size"), adapter.number("text_hidden_size")
    projector = 2 * adapter.number("hidden_size") * wide + wide * out
    adapter.ignore_rest()
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=2,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=(pixels + 1 + places) * hidden,
        projector_parameters=pooled + projector,
    )
