"""Models that read pages: GOT-OCR 2, GLM-OCR, MiniCPM-V and MiniCPM-OCR.

Counts are those of Hugging Face transformers 5.24.0: modeling_got_ocr2.py, modeling_glm_ocr.py,
modeling_minicpmv4_6.py and modeling_minicpm_ocr.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import reader_of, with_images
from llmcalc_core.model.vision import VisionTower

_AREA = 9
"""Elements of a convolution of 3 x 3."""

_SHRINKS = 4
"""Patches along a side that two convolutions with a stride of two join."""


@dialect("got_ocr2")
def _got_ocr2(fields: Fields) -> dict[str, Any]:
    """Read GOT-OCR 2: SAM's encoder, a neck, and two convolutions that join patches."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, reader_of(text, "qwen2"))
    if vision:
        described["vision"] = sam_vision(vision, described["hidden_size"])
    fields.ignore_rest()
    return described


def sam_vision(vision: Fields, text: int) -> VisionTower:
    """Read SAM's encoder (arXiv:2304.02643): most layers attend in windows, by relative places."""
    vision.require("use_rel_pos", expected=True)
    vision.require("use_abs_pos", expected=True)
    vision.require("qkv_bias", expected=True)
    hidden, inner = vision.number("hidden_size"), vision.number("mlp_dim")
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    layers, whole = vision.number("num_hidden_layers"), vision.whole_numbers("global_attn_indexes")
    across, window = side // patch, vision.number("window_size", least=1)
    dim = hidden // vision.number("num_attention_heads", least=1)
    windowed = layers - len(whole)
    relative = 2 * dim * (windowed * (2 * window - 1) + len(whole) * (2 * across - 1))
    out = vision.number("output_channels")
    neck = hidden * out + _AREA * out * out + 4 * out
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    outside = (pixels + 1 + across * across) * hidden + relative + neck
    joined = _AREA * (out * 2 * out + 2 * out * text) + text * text + text
    return VisionTower(
        layers=layers,
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=_SHRINKS,
        windowed_layers=windowed,
        window_patches=window * window,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=outside,
        projector_parameters=joined,
        image_size=side,
    )


@dialect("glm_ocr_text")
def _glm_ocr_text(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields, needs=(KV,)), "norms_per_layer": 4}


@dialect("glm_ocr")
def _glm_ocr(fields: Fields) -> dict[str, Any]:
    """Read GLM-OCR: normed heads, a convolution that merges, a gated projector."""
    vision, text = images(fields), fields.section("text_config")
    described = text_part(fields, text, _glm_ocr_text)
    fields.ignore_rest()
    return {**described, "vision": _glm_ocr_vision(vision) if vision else None}


def _glm_ocr_vision(vision: Fields) -> VisionTower:
    biased = vision.flag("attention_bias", default=True)
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    out, merge = vision.number("out_hidden_size"), vision.number("spatial_merge_size")
    patch, channels = vision.number("patch_size", least=1), vision.number("in_channels")
    normed = 2 * (hidden // vision.number("num_heads", least=1)) + 2 * hidden
    pixels = vision.number("temporal_patch_size", default=2) * channels * patch * patch
    merger = out * out + 2 * out + 3 * out * out * channels
    return VisionTower(
        layers=vision.number("depth"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        num_ffi=2,
        layer_parameters=encoder_layer(hidden, inner, gated=True, biased=biased, norms=normed),
        outside_parameters=(pixels + 2) * hidden,
        projector_parameters=merge * merge * hidden * out + out + merger,
    )


@dialect("minicpm_ocr", "minicpmv4_6", "minicpmv4_7")
def _minicpm(fields: Fields) -> dict[str, Any]:
    """Read MiniCPM-V 4.6: patches are joined within the encoder, in windows, and after it."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        hidden, inner = encoder["hidden_size"], encoder["intermediate_size"]
        window = fields.section("vision_config")
        window.ignore_rest()
        sides = window.whole_numbers("window_kernel_size") or (2, 2)
        wide = hidden * sides[0] * sides[1]
        within = 4 * (hidden + 1) * hidden + 2 * hidden + 2 * wide
        inner *= sides[0] * sides[1]
        within += (wide + 1) * inner + (inner + 1) * hidden
        after, times = 4 * hidden, fields.number("merger_times", default=1, least=1)
        last = 2 * after + (after + 1) * after
        merger = times * last + (times - 1) * (after + 1) * hidden + (after + 1) * text
        return {"merge_size": sides[0] * 2**times, "projector_parameters": within + merger}

    return with_images(fields, joined, encoder="minicpmv4_6_vision", decoder="qwen3_5_text")
