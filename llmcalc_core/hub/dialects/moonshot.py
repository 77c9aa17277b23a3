"""Kimi (Moonshot AI): latent attention alone, or with Kimi delta attention in most layers.

Defaults are those of the configuration classes of the checkpoints and of SGLang. The encoders of
images are those of the modeling files of moonshotai/Kimi-K2.5 and of SGLang's kimi_k3.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.checks import whole_number
from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    encoder_layer,
    first_dense_layers,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.deepseek import deepseek_latent
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

dialect("kimi_k2")(deepseek_latent)

_DELTA, _LINEAR = "kimi_delta_attention", "linear_attention"


@dialect("kimi_k25")
def _kimi_k25(fields: Fields) -> dict[str, Any]:
    """Read the text part and the encoder of images."""
    text, vision = fields.section("text_config"), images(fields)
    if text.value("model_type") not in ("kimi_k2", "deepseek_v3"):
        text.refuse("model_type", "can only be described as kimi_k2 or deepseek_v3")
    described = text_part(fields, text, deepseek_latent)
    fields.ignore_rest()
    if vision:
        described["vision"] = moon_vision(vision, described["hidden_size"])
    return described


@dialect("kimi_linear")
def _kimi_linear(fields: Fields) -> dict[str, Any]:
    """Read layers of Kimi delta attention, and of latent attention without rotary positions."""
    for name in ("add_cross_attention", "is_encoder_decoder", "tie_word_embeddings"):
        fields.require(name, expected=False)
    fields.require("moe_layer_freq", expected=1)
    fields.require("mla_use_nope", expected=True)
    fields.ignore("head_dim", "num_key_value_heads", "num_expert_group", "use_grouped_topk")
    fields.ignore("moe_renormalize", "moe_router_activation_func", "hidden_act", "topk_group")
    fields.ignore("activation_situ_beta", "activation_situ_linear_beta", "pruned_heads")
    fields.ignore("cross_attention_hidden_size", "model_max_length", "qk_head_dim", "n_group")
    fields.require("attention_bias", expected=False)
    fields.require("num_nextn_predict_layers", expected=0)
    layers = fields.number("num_hidden_layers")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": layers,
        "num_attention_heads": fields.number("num_attention_heads"),
        "head_dim": fields.number("qk_rope_head_dim"),
        "intermediate_size": fields.number("intermediate_size"),
        "max_model_len": fields.optional("model_max_length", "max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "q_lora_rank": fields.optional("q_lora_rank"),
        "kv_lora_rank": fields.number("kv_lora_rank"),
        "qk_nope_head_dim": fields.number("qk_nope_head_dim"),
        "qk_rope_head_dim": fields.number("qk_rope_head_dim"),
        "v_head_dim": fields.number("v_head_dim"),
        "attn_output_gate": fields.flag("mla_use_output_gate", default=False),
        "residual_block_size": fields.number("attn_res_block_size", default=0),
        **_delta_attention(fields, layers),
        **_kimi_experts(fields, layers),
    }


def _delta_attention(fields: Fields, layers: int) -> dict[str, Any]:
    """Read which layers have Kimi delta attention, and its shape, in either spelling."""
    fields.ignore("linear_head_dim", "linear_num_heads", "linear_conv_kernel_dim")
    named = fields.entries("layer_types")
    if not set(named) <= {_LINEAR, FULL} or len(named) not in (0, layers):
        fields.refuse("layer_types", f"must be {_LINEAR} or {FULL} for each of {layers} layers")
    kinds = tuple(_DELTA if kind == _LINEAR else FULL for kind in named)
    if fields.value("linear_attn_config") is None:
        if not kinds:
            fields.refuse("layer_types", "must name each layer where linear_attn_config does not")
        heads, width = fields.number("linear_num_heads"), fields.number("linear_head_dim")
        return _delta_shape(kinds, heads, width, fields.number("linear_conv_kernel_dim", default=4))
    linear = fields.section("linear_attn_config")
    delta, full = linear.whole_numbers("kda_layers"), linear.whole_numbers("full_attn_layers")
    if sorted((*delta, *full)) != list(range(1, layers + 1)):
        linear.refuse("kda_layers", f"and full_attn_layers must name each of {layers} layers once")
    numbered = tuple(_DELTA if layer in delta else FULL for layer in range(1, layers + 1))
    if kinds not in ((), numbered):
        fields.refuse("layer_types", "can only be described as linear_attn_config says")
    linear.ignore("gate_lower_bound")
    shape = _delta_shape(
        numbered, linear.number("num_heads"), linear.number("head_dim"),
        linear.number("short_conv_kernel_size", default=4),
    )  # fmt: skip
    return {**shape, "linear_full_rank_gate": linear.flag("use_full_rank_gate", default=False)}


def _delta_shape(
    kinds: tuple[str, ...], heads: int, width: int, convolution: int
) -> dict[str, Any]:
    return {
        "layer_types": kinds,
        "linear_num_key_heads": heads,
        "linear_num_value_heads": heads,
        "linear_key_head_dim": width,
        "linear_value_head_dim": width,
        "linear_conv_kernel_dim": convolution,
    }


def _kimi_experts(fields: Fields, layers: int) -> dict[str, Any]:
    return {
        "num_experts": fields.number("num_experts", "num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_token", "num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("num_shared_experts", "n_shared_experts", default=0),
        "first_k_dense_replace": first_dense_layers(
            fields, layers, "first_k_dense_replace", default=1
        ),
        "moe_latent_size": fields.optional("routed_expert_hidden_size"),
        "moe_latent_norm": fields.flag("latent_moe_use_norm", default=False),
        "router_bias": True,
    }


@dialect("kimi_k3")
def _kimi_k3(fields: Fields) -> dict[str, Any]:
    """Read the text part and the encoder of images."""
    text, vision = fields.section("text_config"), images(fields)
    if text.value("model_type") != "kimi_linear":
        text.refuse("model_type", "can only be described as kimi_linear")
    if text.value("linear_attn_config") is None:
        text.refuse("linear_attn_config", "must say how the output of attention is gated")
    described = text_part(fields, text, _kimi_linear)
    fields.ignore_rest()
    return {**described, "vision": moon_vision_2(vision) if vision else None}


def _merge(vision: Fields) -> int:
    """Read how many patches along each side become one token."""
    sides = vision.entries("merge_kernel_size")
    if len(set(sides)) != 1:
        vision.refuse("merge_kernel_size", "can only be described as a square, such as [2, 2]")
    return whole_number(f"{vision.where}: merge_kernel_size", sides[0])


def moon_vision(vision: Fields, text_hidden: int) -> VisionTower:
    """Read MoonViT of Kimi: a table of positions, a final norm, and a merger of 2 x 2 patches."""
    hidden = vision.number("vt_hidden_size", "hidden_size")
    inner = vision.number("vt_intermediate_size", "intermediate_size")
    patch = vision.number("patch_size", least=1)
    out = vision.number("text_hidden_size", default=text_hidden)
    height = vision.number("init_pos_emb_height", "pos_emb_height")
    width = vision.number("init_pos_emb_width", "pos_emb_width")
    merge = _merge(vision)
    wide = merge * merge * hidden
    return VisionTower(
        layers=vision.number("vt_num_hidden_layers", "num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden
        + hidden
        + height * width * hidden
        + 2 * hidden,
        projector_parameters=2 * hidden + wide * wide + wide + wide * out + out,
    )


def moon_vision_2(vision: Fields) -> VisionTower:
    """Read the second MoonViT, of Kimi-K3: no biases, RMS norms, heads wider than the rest."""
    for name in ("attn_bias", "linear_bias", "patch_embed_proj_bias"):
        vision.require(name, expected=False)
    for name, only in (("norm_type", "rmsnorm"), ("mlp_type", "mlp2"),
                       ("mm_projector_type", "patchmergerv2")):  # fmt: skip
        vision.require(name, expected=only)
    hidden, inner = vision.number("vt_hidden_size"), vision.number("vt_intermediate_size")
    patch, out = vision.number("patch_size", least=1), vision.number("text_hidden_size")
    height, width = vision.number("init_pos_emb_height"), vision.number("init_pos_emb_width")
    heads, merge = vision.number("qkv_hidden_size"), _merge(vision)
    wide = merge * merge * hidden
    return VisionTower(
        layers=vision.number("vt_num_hidden_layers"),
        hidden_size=hidden,
        attention_size=heads,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=4 * hidden * heads + 2 * hidden * inner + 2 * hidden,
        outside_parameters=CHANNELS * patch * patch * hidden + height * width * hidden + hidden,
        projector_parameters=wide * wide + wide * out + out,
    )
