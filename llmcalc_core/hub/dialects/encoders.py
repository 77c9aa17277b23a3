"""Encoders of images that models of several makers share: CLIP, SigLIP, InternViT and others.

Counts are those of their classes in Hugging Face transformers 5.24.0: modeling_clip.py,
modeling_siglip.py, modeling_siglip2.py, modeling_idefics3.py, modeling_internvl.py,
modeling_video_llama_3.py, modeling_blip_2.py, modeling_ovis2.py and modeling_radio.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcalc_core.checks import whole_number
from llmcalc_core.hub.dialects.decoder import CHANNELS, encoder_layer
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.dialects.google import siglip_outside

Encoder = dict[str, Any]
"""Fields of a ``VisionTower`` but for what follows the encoder: merging and projector."""


def side_of(vision: Fields, name: str) -> int:
    """Read a side of a square, as a number or as the same one twice.

    Examples
    --------
    >>> side_of(Fields({"patch_size": [14, 14]}, "x"), "patch_size")
    14
    """
    value = vision.value(name)
    if isinstance(value, list):
        sides = vision.whole_numbers(name)
        if len(set(sides)) != 1:
            vision.refuse(name, "can only be described as a square")
        return whole_number(f"{vision.where}: {name}", sides[0])
    return vision.number(name, least=1)


def _channels(vision: Fields) -> int:
    return vision.number("num_channels", "in_channels", default=CHANNELS)


def _plain(vision: Fields, layer: int, outside: int) -> Encoder:
    return {
        "layers": vision.number("num_hidden_layers"),
        "hidden_size": vision.number("hidden_size"),
        "intermediate_size": vision.number("intermediate_size"),
        "patch_size": side_of(vision, "patch_size"),
        "layer_parameters": layer,
        "outside_parameters": outside,
    }


def _biased_layer(vision: Fields) -> int:
    """Count a layer with two layer norms and biases everywhere."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    return encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden)


def _clip(vision: Fields) -> Encoder:
    """Read CLIP: a class token, positions, norms before and after."""
    hidden, patch = vision.number("hidden_size"), vision.number("patch_size", least=1)
    side = vision.number("image_size")
    rows = _channels(vision) * patch * patch + 1 + (side // patch) ** 2 + 1 + 4
    return {**_plain(vision, _biased_layer(vision), rows * hidden), "image_size": side}


def _siglip(vision: Fields) -> Encoder:
    """Read SigLIP; those of Idefics and its kin have no head that pools."""
    outside = siglip_outside(vision)
    return {**_plain(vision, _biased_layer(vision), outside),
            "image_size": vision.number("image_size")}  # fmt: skip


def _siglip_2(vision: Fields) -> Encoder:
    """Read SigLIP 2, whose positions are a number of their own."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    rows = _channels(vision) * patch * patch + 1 + vision.number("num_patches") + 2
    head = encoder_layer(hidden, inner, gated=False, biased=True, norms=3 * hidden)
    pooled = head if vision.flag("vision_use_head", default=True) else 0
    return _plain(vision, _biased_layer(vision), rows * hidden + pooled)


def _without_positions(vision: Fields) -> Encoder:
    """Read SigLIP as VideoLLaMA 3 has it: positions are rotated, and nothing pools."""
    hidden, patch = vision.number("hidden_size"), vision.number("patch_size", least=1)
    rows = _channels(vision) * patch * patch + 1 + 2
    return _plain(vision, _biased_layer(vision), rows * hidden)


def _blip(vision: Fields) -> Encoder:
    """Read the encoder of BLIP-2: a class token, positions, a norm after."""
    hidden, patch = vision.number("hidden_size"), vision.number("patch_size", least=1)
    side = vision.number("image_size")
    biased = vision.flag("qkv_bias", default=True)
    layer = _biased_layer(vision) - (0 if biased else 3 * hidden)
    rows = CHANNELS * patch * patch + 1 + 1 + (side // patch) ** 2 + 1 + 2
    return {**_plain(vision, layer, rows * hidden), "image_size": side}


def _aimv2(vision: Fields) -> Encoder:
    """Read AIMv2 as Ovis 2 has it: gated layers, norms of one vector each."""
    vision.require("mlp_bias", expected=False)
    vision.require("qkv_bias", expected=False)
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    layer = encoder_layer(hidden, inner, gated=True, biased=False, norms=2 * hidden)
    rows = _channels(vision) * patch * patch + 1 + (side // patch) ** 2 + 2
    return {**_plain(vision, layer, rows * hidden), "num_ffi": 2, "image_size": side}


def _radio(vision: Fields) -> Encoder:
    """Read RADIO: positions for the largest image, class and register tokens, layer scales."""
    vision.require("use_swiglu_ffn", expected=False)
    vision.require("qkv_bias", expected=True)
    hidden, patch = vision.number("hidden_size"), vision.number("patch_size", least=1)
    inner = round(hidden * vision.real("mlp_ratio", default=4.0))
    frames = 1 + (vision.optional("video_temporal_patch_size") or 0)
    rows = frames * _channels(vision) * patch * patch
    rows += (vision.number("max_img_size") // patch) ** 2
    rows += vision.number("num_cls_tokens") + vision.number("num_registers")
    layer = encoder_layer(hidden, inner, gated=False, biased=True, norms=(4 + 2) * hidden)
    return {
        "layers": vision.number("num_hidden_layers"),
        "hidden_size": hidden,
        "intermediate_size": inner,
        "patch_size": patch,
        "layer_parameters": layer,
        "outside_parameters": rows * hidden,
    }


def _intern(vision: Fields) -> Encoder:
    """Read InternViT: scales of both sums, biases of queries, keys and values where it says so."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = side_of(vision, "patch_size"), side_of(vision, "image_size")
    normed = 2 if vision.value("norm_type") == "layer_norm" else 1
    biased = vision.flag("attention_bias", default=False)
    qk = 2 * hidden * vision.flag("use_qk_norm", default=False)
    layer = 4 * hidden * hidden + 2 * hidden * inner + inner
    layer += (2 + 3 * biased + 2 * normed + 2) * hidden + qk
    rows = _channels(vision) * patch * patch + 1 + 1
    if vision.flag("use_absolute_position_embeddings", default=True):
        rows += (side // patch) ** 2 + 1
    rows += vision.flag("use_mask_token", default=False)
    rows += 0 if vision.flag("use_mean_pooling", default=True) else 2
    return {**_plain(vision, layer, rows * hidden), "image_size": side}


ENCODERS: dict[str, Callable[[Fields], Encoder]] = {
    "clip_vision_model": _clip,
    "siglip_vision_model": _siglip,
    "idefics3_vision": _siglip,
    "idefics2_vision": _siglip,
    "smolvlm_vision": _siglip,
    "paddleocr_vl_vision": _siglip,
    "minicpm_ocr_vision": _siglip,
    "minicpmv4_6_vision": _siglip,
    "minicpmv4_7_vision": _siglip,
    "siglip2_vision_model": _siglip_2,
    "video_llama_3_vision": _without_positions,
    "blip_2_vision_model": _blip,
    "instructblip_vision_model": _blip,
    "instructblipvideo_vision_model": _blip,
    "ovis2_vision": _aimv2,
    "radio": _radio,
    "internvl_vision": _intern,
    "qianfan_ocr_vision": _intern,
}
"""The reader of each kind of encoder, by its ``model_type``."""


def read_encoder(vision: Fields, usual: str) -> Encoder:
    """Read an encoder by its kind.

    Raises
    ------
    ValueError
        For a kind that cannot be described.
    """
    kind = vision.model_type or usual
    if kind not in ENCODERS:
        vision.refuse("model_type", f"can only be described as {', '.join(ENCODERS)}")
    return ENCODERS[kind](vision)
