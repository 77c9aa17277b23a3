"""Models that see images, made of an encoder, a projector and a decoder that others have made.

LLaVA and its kin, Idefics and SmolVLM, InternVL, Aya and Command A Vision, PaliGemma, PaddleOCR,
LFM2-VL, LightOnOCR. Defaults are those of the configuration classes in Hugging Face transformers;
counts were checked against its models (5.24.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcalc_core.hub.dialects.decoder import images, text_part
from llmcalc_core.hub.dialects.encoders import Encoder, read_encoder
from llmcalc_core.hub.dialects.fields import DIALECTS, Dialect, Fields, dialect
from llmcalc_core.hub.dialects.mistral import pixtral_vision
from llmcalc_core.model.vision import VisionTower

Projector = Callable[[Fields, Encoder, int], dict[str, Any]]
"""From the whole, its encoder and the decoder's width to merging and projector."""


def with_images(
    fields: Fields, projector: Projector, *, encoder: str, decoder: str
) -> dict[str, Any]:
    """Read a text part and an encoder of images, each by its own type or by the usual one."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, reader_of(text, decoder))
    if vision:
        found = read_encoder(vision, encoder)
        after = projector(fields, found, described["hidden_size"])
        described["vision"] = VisionTower(**{**found, **after})
    fields.ignore_rest()
    return described


def reader_of(text: Fields, usual: str) -> Dialect:
    """Give the reader of a text part by its type.

    Raises
    ------
    ValueError
        For a type that no dialect reads.
    """
    kind = text.model_type or usual
    if kind not in DIALECTS:
        text.refuse("model_type", "must be one that can be read")
    return DIALECTS[kind]


def _two_layers(fields: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
    """Count LLaVA's projector: two projections with biases."""
    hidden = encoder["hidden_size"]
    layers = fields.value("vision_feature_layer")
    hidden *= len(layers) if isinstance(layers, list) else 1
    biased = fields.flag("multimodal_projector_bias", default=True)
    return {"projector_parameters": hidden * text + text * text + 2 * text * biased}


def _with_newline(fields: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
    """Count the same, and a token that ends a row of an image."""
    after = _two_layers(fields, encoder, text)
    return {"projector_parameters": after["projector_parameters"] + text}


@dialect("llava")
def _llava(fields: Fields) -> dict[str, Any]:
    return with_images(fields, _two_layers, encoder="clip_vision_model", decoder="llama")


@dialect("llava_next", "llava_next_video")
def _llava_next(fields: Fields) -> dict[str, Any]:
    fields.require("spatial_pool_mode", expected="average")
    return with_images(fields, _with_newline, encoder="clip_vision_model", decoder="llama")


@dialect("llava_onevision")
def _llava_onevision(fields: Fields) -> dict[str, Any]:
    return with_images(fields, _with_newline, encoder="siglip_vision_model", decoder="qwen2")


@dialect("vipllava")
def _vipllava(fields: Fields) -> dict[str, Any]:
    """Read ViP-LLaVA, which joins and normalises several layers of its encoder."""
    layers = fields.value("vision_feature_layers", "vision_feature_layer")
    count = len(layers) if isinstance(layers, list) else _VIP_LAYERS

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        wide = count * encoder["hidden_size"]
        return {"projector_parameters": 2 * wide + (wide + 1) * text + (text + 1) * text}

    return with_images(fields, joined, encoder="clip_vision_model", decoder="llama")


@dialect("idefics3", "smolvlm")
def _idefics3(fields: Fields) -> dict[str, Any]:
    """Read Idefics 3 and SmolVLM: patches joined, and one projection."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale = fields.number("scale_factor", default=2, least=1)
        wide = encoder["hidden_size"] * scale * scale
        return {"merge_size": scale, "projector_parameters": wide * text}

    return with_images(fields, joined, encoder="idefics3_vision", decoder="llama")


@dialect("internvl", "qianfan_ocr")
def _internvl(fields: Fields) -> dict[str, Any]:
    """Read InternVL: patches joined, a norm, and two projections."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale = round(1 / max(fields.real("downsample_ratio", default=0.5), 0.01))
        wide = encoder["hidden_size"] * scale * scale
        count = 2 * wide + (wide + 1) * text + (text + 1) * text
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="internvl_vision", decoder="qwen2")


@dialect("cohere2_vision")
def _cohere2_vision(fields: Fields) -> dict[str, Any]:
    """Read Command A Vision: patches joined, and a gated projector."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale = fields.number("downsample_factor", least=1)
        wide, inner = encoder["hidden_size"] * scale**2, fields.number(_ALIGNED)
        count = (wide + 1) * inner + (inner // 2 + 1) * text
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="siglip_vision_model", decoder="cohere2")


_VIP_LAYERS = 5
_ALIGNED = "alignment_intermediate_size"


@dialect("aya_vision")
def _aya_vision(fields: Fields) -> dict[str, Any]:
    """Read Aya Vision: patches joined, a norm, and a gated projector."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale = fields.number("downsample_factor", least=1)
        wide = encoder["hidden_size"] * scale**2
        inner = fields.number(_ALIGNED, default=text)
        count = 2 * wide + (wide + 1) * inner + (inner // 2 + 1) * text
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="siglip_vision_model", decoder="cohere2")


@dialect("paligemma")
def _paligemma(fields: Fields) -> dict[str, Any]:
    """Read PaliGemma: one projection; its encoder has no head that pools."""

    def one(_: Fields, encoder: Encoder, __: int) -> dict[str, Any]:
        out = fields.number("projection_dim")
        return {"projector_parameters": (encoder["hidden_size"] + 1) * out}

    return with_images(fields, one, encoder="siglip_vision_model", decoder="gemma")


@dialect("paddleocr_vl")
def _paddleocr_vl(fields: Fields) -> dict[str, Any]:
    """Read PaddleOCR-VL, whose text fields may stand outside."""

    def joined(whole: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        hidden = encoder["hidden_size"]
        vision = whole.section("vision_config")
        vision.ignore_rest()
        scale = vision.number("spatial_merge_size", default=2)
        wide = hidden * scale * scale
        count = 2 * hidden + (wide + 1) * wide + (wide + 1) * text
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="paddleocr_vl_vision", decoder="ernie4_5")


@dialect("lfm2_vl")
def _lfm2_vl(fields: Fields) -> dict[str, Any]:
    """Read LFM2-VL: patches joined, a norm unless it says no, and two projections."""

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale, inner = fields.number("downsample_factor"), fields.number("projector_hidden_size")
        wide = encoder["hidden_size"] * scale * scale
        biased = fields.flag("projector_bias", default=True)
        normed = fields.flag("projector_use_layernorm", default=True)
        count = 2 * wide * normed + wide * inner + inner * text + biased * (inner + text)
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="siglip2_vision_model", decoder="lfm2")


@dialect("lighton_ocr")
def _lighton_ocr(fields: Fields) -> dict[str, Any]:
    """Read LightOnOCR: Pixtral's encoder before Qwen3."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, reader_of(text, "qwen3"))
    if vision:
        merge = fields.number("spatial_merge_size", default=2)
        described["vision"] = pixtral_vision(vision, described["hidden_size"], merge)
    fields.ignore_rest()
    return described
