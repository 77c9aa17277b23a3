"""GLM (Zhipu, Z.ai): before and after norms, experts, latent and sparse attention, images.

Defaults are those of the configuration classes in Hugging Face transformers. The encoder of images
is that of modeling_glm4v.py there.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    decoder_fields,
    encoder_layer,
    first_dense_layers,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.deepseek import deepseek_experts, deepseek_latent, deepseek_sparse
from llmcalc_core.hub.dialects.fields import Dialect, Fields, dialect
from llmcalc_core.model.vision import VisionTower

dialect("glm_moe_dsa")(deepseek_sparse)


@dialect("chatglm")
def _chatglm(fields: Fields) -> dict[str, Any]:
    fields.require("apply_residual_connection_post_layernorm", expected=False)
    fields.ignore("vocab_size")
    all_biased = fields.flag("add_bias_linear", default=False)
    grouped = fields.flag("multi_query_attention", default=False)
    return {
        "vocab_size": fields.number("padded_vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": fields.optional("multi_query_group_num") if grouped else None,
        "head_dim": fields.optional("kv_channels"),
        "intermediate_size": fields.number("ffn_hidden_size"),
        "max_model_len": fields.optional("seq_length"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "qkv_bias": fields.flag("add_qkv_bias", default=False) or all_biased,
        "attention_output_bias": all_biased,
        "mlp_bias": all_biased,
        "norm": "rmsnorm" if fields.flag("rmsnorm", default=True) else "layernorm",
        "final_norm": fields.flag("post_layer_norm", default=True),
    }


@dialect("glm")
def _glm(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields), "qkv_bias": fields.flag("attention_bias", default=False)}


@dialect("glm4", "glm4v_text")
def _glm4(fields: Fields) -> dict[str, Any]:
    """Read GLM-4 0414, with norms before and after each part of a layer."""
    return {
        **decoder_fields(fields, needs=(KV,)),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "norms_per_layer": 4,
    }


@dialect("glm4_moe", "sarvam_moe")
def _glm4_moe(fields: Fields) -> dict[str, Any]:
    """Read GLM-4.5, 4.6 and 4.7."""
    return {
        **decoder_fields(fields, needs=(KV,)),
        **deepseek_experts(fields),
        "qkv_bias": fields.flag("attention_bias", default=False),
        "qk_norm": fields.flag("use_qk_norm", default=False),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("glm4_moe_lite")
def _glm4_moe_lite(fields: Fields) -> dict[str, Any]:
    """Read GLM-4.7-Flash, which has latent attention."""
    latent = deepseek_latent(fields)
    layers = latent["num_decoder_layers"]
    dense = first_dense_layers(fields, layers, "first_k_dense_replace", default=1)
    return {**latent, "first_k_dense_replace": dense, "router_bias": True}


@dialect("glm4v", "glm46v", "glmga")
def _glm4v(fields: Fields) -> dict[str, Any]:
    return _with_glm_vision(fields, _glm4)


@dialect("glm4v_moe")
def _glm4v_moe(fields: Fields) -> dict[str, Any]:
    return _with_glm_vision(fields, _glm4_moe)


def _with_glm_vision(fields: Fields, reader: Dialect) -> dict[str, Any]:
    vision, text = images(fields), fields.section("text_config")
    described = text_part(fields, text, reader)
    fields.ignore_rest()
    return {**described, "vision": glm_vision(vision) if vision else None}


def glm_vision(vision: Fields) -> VisionTower:
    """Read GLM-4.1V and 4.5V: gated layers, a convolution that merges, a gated projector."""
    vision.require("attention_bias", expected=False)
    hidden, out = vision.number("hidden_size"), vision.number("out_hidden_size")
    merge, patch = vision.number("spatial_merge_size"), vision.number("patch_size", least=1)
    pixels = vision.number("in_channels", default=CHANNELS) * patch * patch
    positions = (vision.number("image_size") // patch) ** 2 * hidden
    conv = vision.number("temporal_patch_size", default=2) * pixels * hidden
    merger = out * out + 2 * out + 3 * out * vision.number("intermediate_size")
    return VisionTower(
        layers=vision.number("depth"),
        hidden_size=hidden,
        intermediate_size=out,
        patch_size=patch,
        merge_size=merge,
        num_ffi=2,
        layer_parameters=encoder_layer(hidden, out, gated=True, biased=False, norms=2 * hidden),
        outside_parameters=conv + positions + 3 * hidden,
        projector_parameters=merge * merge * hidden * out + out + merger,
    )
