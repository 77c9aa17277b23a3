"""Models that read pages: GOT-OCR 2, GLM-OCR, MiniCPM-V and MiniCPM-OCR.

Counts are those of Hugging Face transformers 5.24.0: modeling_got_ocr2.py, modeling_glm_ocr.py,
modeling_minicpmv4_6.py and modeling_minicpm_ocr.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    KV,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import reader_of, with_images
from llmcalc_core.hub.dialects.sam import sam_encoder
from llmcalc_core.model.vision import VisionTower


@dialect("got_ocr2", "pp_chart2table")
def _got_ocr2(fields: Fields) -> dict[str, Any]:
    """Read GOT-OCR 2: SAM's encoder, a neck, and two convolutions that join patches."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, reader_of(text, "qwen2"))
    if vision:
        out = described["hidden_size"]
        sam = sam_encoder(vision, channels=(2 * vision.number("output_channels"), out))
        projected = sam.projector_parameters + (out + 1) * out
        described["vision"] = replace(sam, projector_parameters=projected)
    fields.ignore_rest()
    return described


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
