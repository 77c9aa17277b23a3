"""Models that see with SAM's encoder and another one: DeepSeek-VL of 7B, DeepSeek-OCR and its kin.

Counts are those of Hugging Face transformers 5.24.0: modeling_deepseek_vl_hybrid.py,
modeling_deepseek_ocr2.py and modeling_unlimited_ocr.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    attention_bias,
    decoder_fields,
    first_dense_layers,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import ENCODERS, Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import with_images
from llmcalc_core.hub.dialects.sam import SAM_SHRINKS, sam_encoder
from llmcalc_core.model.vision import VisionTower


@dialect("deepseek_vl_hybrid")
def _deepseek_vl_hybrid(fields: Fields) -> dict[str, Any]:
    """Read DeepSeek-VL of 7B: SigLIP and SAM side by side, of which each gives half a token."""
    high = fields.section("high_res_vision_config")
    channels = high.number("output_channels")
    sam = sam_encoder(high, channels=(2 * channels, SAM_SHRINKS * channels), neck=2)
    high.ignore_rest()

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        halves = (encoder["hidden_size"] + 1 + SAM_SHRINKS * channels + 1) * (text // 2)
        return {"projector_parameters": halves + (text + 1) * text + 1}

    described = with_images(fields, joined, encoder="siglip_vision_model", decoder="llama")
    if "vision" in described:
        described["vision"] = replace(described["vision"], beside=sam)
    return described


@dialect("unlimited_ocr_text", "deepseek_ocr2_text")
def _ocr_text(fields: Fields) -> dict[str, Any]:
    """Read DeepSeek-V2's experts on plain attention.

    The windows of Unlimited OCR are of its answer: the image and the prompt are always read, so
    that all is counted as if in full.
    """
    kinds = fields.words("layer_types")
    if not set(kinds) <= {"reference_sliding_attention", FULL}:
        fields.refuse("layer_types", f"can only hold reference_sliding_attention and {FULL}")
    fields.ignore("sliding_window")
    fields.require("mlp_bias", expected=False)
    base = decoder_fields(fields)
    layers = base["num_decoder_layers"]
    return {
        **base,
        **attention_bias(fields),
        "num_experts": fields.number("n_routed_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("n_shared_experts", default=0),
        "first_k_dense_replace": first_dense_layers(
            fields, layers, "first_k_dense_replace", default=1
        ),
    }


@dialect("unlimited_ocr")
def _unlimited_ocr(fields: Fields) -> dict[str, Any]:
    """Read Unlimited OCR: CLIP's layers read what SAM's encoder and two convolutions give."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _ocr_text)
    if vision:
        described["vision"] = _clip_after_sam(vision, described["hidden_size"])
    fields.ignore_rest()
    return described


def _clip_after_sam(vision: Fields, text: int) -> VisionTower:
    first, second = vision.section("sam_config"), vision.section("encoder_config")
    last = first.whole_numbers("downsample_channels")
    if len(last) != len(("between", "after")):
        first.refuse("downsample_channels", "must be two whole numbers")
    sam = sam_encoder(first, channels=(last[0], last[1]))
    clip = ENCODERS["clip_vision_model"](second)
    width, patch = clip["hidden_size"], clip["patch_size"]
    pixels = second.number("num_channels", default=CHANNELS) * patch * patch
    without = (pixels + 2) * width  # neither patches of its own nor a norm after
    first.ignore_rest()
    second.ignore_rest()
    return VisionTower(
        **{
            **clip,
            "patch_size": sam.patch_size * SAM_SHRINKS,
            "image_size": sam.image_size,
            "outside_parameters": clip["outside_parameters"] - without,
        },
        projector_parameters=(last[1] + width + 1) * text + 2 * text,
        beside=sam,
    )


@dialect("deepseek_ocr2")
def _deepseek_ocr2(fields: Fields) -> dict[str, Any]:
    """Read DeepSeek-OCR 2: Qwen2's layers turn what SAM's encoder gives into learned queries."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _ocr_text)
    if vision:
        described["vision"] = _decoder_after_sam(vision, described["hidden_size"])
    fields.ignore_rest()
    return described


_QUERIES = (144, 256)
"""Learned queries for pages of 768 and of 1,024 pixels (modeling_deepseek_ocr2.py)."""

_CHANNELS = (512, 896)
"""Channels of the convolutions after SAM where the file names none (the same)."""


def _decoder_after_sam(vision: Fields, text: int) -> VisionTower:
    first, second = vision.section("sam_config"), vision.section("encoder_config")
    last = first.whole_numbers("downsample_channels") or _CHANNELS
    if len(last) != len(("between", "after")):
        first.refuse("downsample_channels", "must be two whole numbers")
    sam = sam_encoder(first, channels=(last[0], last[1]))
    hidden, inner = second.number("hidden_size"), second.number("intermediate_size")
    heads = second.number("num_attention_heads", least=1)
    kept = hidden // heads * second.number("num_key_value_heads", default=heads)
    attention = 2 * hidden * hidden + hidden + 2 * (hidden + 1) * kept
    first.ignore_rest()
    second.ignore_rest()
    return VisionTower(
        layers=second.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=sam.patch_size * SAM_SHRINKS,
        num_ffi=2,
        layer_parameters=attention + 3 * hidden * inner + 2 * hidden,
        outside_parameters=(1 + sum(_QUERIES)) * hidden,
        projector_parameters=(hidden + 1) * text + text,
        image_size=sam.image_size,
        query_tokens=_QUERIES[1],
        queries_in_layers=_QUERIES[1],
        beside=sam,
    )
