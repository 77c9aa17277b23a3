"""Qwen (Alibaba): dense, with experts, with gated delta nets, and with images.

Defaults are those of the configuration classes in Hugging Face transformers. The encoders of images
are those of modeling_qwen2_vl.py, modeling_qwen2_5_vl.py and modeling_qwen3_vl.py there.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    KV,
    SLIDING,
    attention_bias,
    decoder_fields,
    delta_shape,
    encoder_layer,
    images,
    text_part,
    windows,
)
from llmcalc_core.hub.dialects.fields import DIALECTS, Dialect, Fields, dialect
from llmcalc_core.model.vision import VisionTower

_LINEAR = "linear_attention"
_QWEN3_NEXT_PREDICTED = 1  # safetensors total of Qwen/Qwen3-Next-80B-A3B-Instruct


def _qwen_windows(fields: Fields) -> dict[str, Any]:
    """Read the windows of Qwen models: off unless use_sliding_window, and in upper layers only."""
    if not fields.flag("use_sliding_window", default=False):
        fields.ignore("sliding_window", "layer_types")
        return {}
    layers = fields.number("num_hidden_layers")
    below = min(fields.number("max_window_layers"), layers)
    return windows(fields, (FULL,) * below + (SLIDING,) * (layers - below))


@dialect("qwen2", "qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text")
def _qwen2(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields, needs=(KV,)), **_qwen_windows(fields), "qkv_bias": True}


@dialect("qwen3", "qwen3_vl_text")
def _qwen3(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **_qwen_windows(fields),
        "qk_norm": True,
    }


def _qwen_experts(fields: Fields) -> dict[str, Any]:
    step = fields.number("decoder_sparse_step", default=1)
    dense = fields.entries("mlp_only_layers")
    experts: dict[str, Any] = {
        "num_experts": fields.number("num_experts", "num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
    }
    if not dense:
        return {**experts, "moe_layer_freq": step, "moe_layer_offset": step - 1}
    if step != 1 or dense != tuple(range(len(dense))):
        fields.refuse("mlp_only_layers", "can only be described as the first layers")
    return {**experts, "first_k_dense_replace": len(dense)}


@dialect("qwen2_moe")
def _qwen2_moe(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV,)),
        **_qwen_windows(fields),
        **_qwen_experts(fields),
        "qkv_bias": fields.flag("qkv_bias", default=True),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "shared_expert_gate": True,
    }


@dialect("qwen3_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text")
def _qwen3_moe(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV,)),
        **attention_bias(fields),
        **_qwen_windows(fields),
        **_qwen_experts(fields),
        "qk_norm": fields.flag("use_qk_norm", default=True),
    }


@dialect("qwen3_5_text")
def _qwen3_5_text(fields: Fields, *, width: int | None = None) -> dict[str, Any]:
    """Read attention with a gate, and the gated delta nets between."""
    fields.require("mamba_ssm_dtype", expected="float32")
    fields.require("output_gate_type", expected="swish")
    fields.require("mtp_use_dedicated_embeddings", expected=False)
    base = decoder_fields(fields, width=width, needs=(KV, "head_dim"))
    layers, period = base["num_decoder_layers"], fields.number("full_attention_interval", default=4)
    regular = ((_LINEAR,) * (period - 1) + (FULL,)) * layers
    kinds = fields.entries("layer_types") or regular[:layers]
    if not set(kinds) <= {FULL, _LINEAR}:
        fields.refuse("layer_types", f"can only hold {FULL} and {_LINEAR}")
    return {
        **base,
        **attention_bias(fields),
        "layer_types": kinds,
        "qk_norm": True,
        "mtp_layers": fields.number("mtp_num_hidden_layers", default=0),
        "attn_output_gate": fields.flag("attn_output_gate", default=True),
        **delta_shape(fields),
    }


@dialect("qwen3_5_moe_text")
def _qwen3_5_moe_text(fields: Fields) -> dict[str, Any]:
    """Read a mixture in every layer, with a shared expert that has a gate."""
    fields.require("mlp_only_layers", expected=[])
    fields.require("decoder_sparse_step", expected=1)
    return {
        **_qwen3_5_text(fields, width=0),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "shared_expert_gate": True,
    }


@dialect("qwen3_next")
def _qwen3_next(fields: Fields) -> dict[str, Any]:
    """Read Qwen3-Next, whose files do not say that the weights hold a module of prediction."""
    predicted = fields.number("mtp_num_hidden_layers", default=_QWEN3_NEXT_PREDICTED)
    return {**_qwen3_5_moe_text(fields), "mtp_layers": predicted, "recurrent_state_bits": 16}


@dialect("qwen3_5")
def _qwen3_5(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, _qwen3_5_text)


@dialect("qwen3_5_moe")
def _qwen3_5_moe(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, _qwen3_5_moe_text)


@dialect("qwen3_vl", "cosmos3_omni")
def _qwen3_vl(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, _qwen3)


@dialect("cohere_compass")
def _cohere_compass(fields: Fields) -> dict[str, Any]:
    """Read Cohere Compass: the encoder of Qwen3-VL before a decoder of Cohere's."""
    return _with_qwen_vision(fields, DIALECTS["cohere_compass_text"])


@dialect("qwen3_vl_moe")
def _qwen3_vl_moe(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, _qwen3_moe)


def _with_qwen_vision(fields: Fields, reader: Dialect) -> dict[str, Any]:
    vision, text = images(fields), fields.section("text_config")
    described = text_part(fields, text, reader)
    fields.ignore_rest()
    return {**described, "vision": qwen_vision(vision) if vision else None}


@dialect("qwen2_vl", "qwen2_5_vl")
def _qwen2_vl(fields: Fields) -> dict[str, Any]:
    """Read Qwen2-VL and Qwen2.5-VL, whose text fields are a section or on the outside."""
    vision = images(fields)
    text = fields if fields.value("text_config") is None else fields.section("text_config")
    described = text_part(fields, text, _qwen2)
    fields.ignore_rest()
    return {**described, "vision": qwen2_vision(vision) if vision else None}


def qwen_vision(vision: Fields) -> VisionTower:
    """Read Qwen3-VL and Qwen3.5: a merger at the end, and one after some layers (deepstack)."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    merge, out = vision.number("spatial_merge_size"), vision.number("out_hidden_size")
    patch = vision.number("patch_size", least=1)
    pixels = vision.number("in_channels", default=CHANNELS) * patch * patch
    positions = vision.number("num_position_embeddings") * hidden
    wide = merge * merge * hidden
    merger = wide * wide + wide + wide * out + out
    deep = len(vision.entries("deepstack_visual_indexes"))
    return VisionTower(
        layers=vision.number("depth"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=vision.number("temporal_patch_size", default=2) * pixels * hidden
        + hidden
        + positions,
        projector_parameters=(1 + deep) * merger + 2 * hidden + deep * 2 * wide,
    )


def qwen2_vision(vision: Fields) -> VisionTower:
    """Read Qwen2-VL, or Qwen2.5-VL with gated layers, most of which attend in windows."""
    gated = vision.value("out_hidden_size") is not None
    hidden = vision.number("hidden_size" if gated else "embed_dim")
    inner = vision.number("intermediate_size") if gated else hidden * vision.number("mlp_ratio")
    out = vision.number("out_hidden_size" if gated else "hidden_size")
    merge, patch = vision.number("spatial_merge_size"), vision.number("patch_size", least=1)
    layers, wide, norm = vision.number("depth"), merge * merge * hidden, (2 - gated) * hidden
    pixels = vision.number("in_channels", "in_chans", default=CHANNELS) * patch * patch
    full = len(vision.entries("fullatt_block_indexes"))
    window = (vision.number("window_size", default=112) // patch) ** 2
    return VisionTower(
        layers=layers,
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        num_ffi=1 + gated,
        windowed_layers=layers - full if full else 0,
        window_patches=window if full else None,
        layer_parameters=encoder_layer(hidden, inner, gated=gated, biased=True, norms=2 * norm),
        outside_parameters=vision.number("temporal_patch_size", default=2) * pixels * hidden,
        projector_parameters=norm + wide * wide + wide + wide * out + out,
    )
