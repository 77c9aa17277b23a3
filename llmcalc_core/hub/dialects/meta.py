"""Meta: Llama, Code World Model, Llama 4 with chunks and images, OPT.

Defaults are those of the configuration classes in Hugging Face transformers. The encoder of images
is that of modeling_llama4.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    KV,
    SLIDING,
    attention_bias,
    biased_everywhere,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

# OPT's position table begins at 2 (OPTLearnedPositionalEmbedding in transformers).
_OPT_POSITION_OFFSET = 2
_CHUNKED = "chunked_attention"
_CHUNK = 8192  # where a file of Llama 4 does not speak of a chunk at all
_LLAMA4_EXTRA = 1  # a class token


@dialect("llama", "iquestcoder")
def llama(fields: Fields) -> dict[str, Any]:
    """Read the most common dialect."""
    mlp_bias = fields.flag("mlp_bias", default=False)
    return {**decoder_fields(fields), **attention_bias(fields), "mlp_bias": mlp_bias}


@dialect("cwm")
def _cwm(fields: Fields) -> dict[str, Any]:
    """Read CWM, with full attention in the first of every four layers."""
    fields.ignore("global_window", "window_pattern")
    fields.number("sliding_window")
    return {**llama(fields), **windows(fields, (FULL, SLIDING, SLIDING, SLIDING))}


@dialect("llama4_text")
def _llama4_text(fields: Fields) -> dict[str, Any]:
    """Read layers with rotary positions in chunks, others in full; norms of heads weigh nothing."""
    fields.ignore("use_qk_norm", "attn_temperature_tuning", "attn_scale")
    base = decoder_fields(fields, needs=(KV, "head_dim"))
    layers = base["num_decoder_layers"]
    period = fields.number("no_rope_layer_interval", default=4, least=1)
    regular = tuple(int((layer + 1) % period != 0) for layer in range(layers))
    rotary = fields.entries("no_rope_layers") or regular
    kinds = tuple(_CHUNKED if chunked else FULL for chunked in rotary)
    if fields.entries("layer_types") not in ((), kinds):
        fields.refuse("layer_types", "can only be described as no_rope_layers says")
    step = fields.number("interleave_moe_layer_step", default=1, least=1)
    if fields.entries("moe_layers") not in ((), tuple(range(step - 1, layers, step))):
        fields.refuse("moe_layers", "can only be described as interleave_moe_layer_step says")
    chunk = None if fields.absent("attention_chunk_size") else fields.number("attention_chunk_size")
    return {
        **base,
        **attention_bias(fields),
        "layer_types": kinds,
        "attention_chunk_size": chunk or _CHUNK,
        "intermediate_size": fields.number("intermediate_size_mlp"),
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": base["intermediate_size"],
        "n_shared_experts": 1,
        "moe_layer_freq": step,
        "moe_layer_offset": step - 1,
    }


@dialect("llama4")
def _llama4(fields: Fields) -> dict[str, Any]:
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _llama4_text)
    fields.ignore_rest()
    if vision:
        described["vision"] = llama4_vision(vision, described["hidden_size"])
    return described


def llama4_vision(vision: Fields, text_hidden: int) -> VisionTower:
    """Read Llama 4: tiles of one size, four patches to a token, an adapter and a projection."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    merged, out = vision.number("projector_input_dim"), vision.number("projector_output_dim")
    positions = ((side // patch) ** 2 + _LLAMA4_EXTRA) * hidden
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=2,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden
        + positions
        + (_LLAMA4_EXTRA + 4) * hidden,
        projector_parameters=inner * merged
        + merged * out
        + vision.number("vision_output_dim") * text_hidden,
        image_size=side,
    )


@dialect("muse_glimmer_text")
def _muse_glimmer_text(fields: Fields) -> dict[str, Any]:
    """Read Muse Glimmer: a gate as wide as the result, four norms, windows in three of four."""
    fields.ignore("layer_rope_theta", "qk_scale_factor", "post_norm_eps")
    fields.require("attention_bias", expected=False)
    base = {**decoder_fields(fields, needs=(KV, "head_dim")), **attention_bias(fields)}
    kinds = windows(fields, (SLIDING, SLIDING, SLIDING, FULL))
    return {**base, **kinds, "attn_output_gate": True, "norms_per_layer": 4}


@dialect("muse_glimmer")
def _muse_glimmer(fields: Fields) -> dict[str, Any]:
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _muse_glimmer_text)
    if vision:
        inner = fields.number("projector_hidden_size")
        projector = (fields.number("out_hidden_size") + inner + described["hidden_size"]) * inner
        described["vision"] = muse_vision(vision, projector)
    fields.ignore_rest()
    return described


def muse_vision(vision: Fields, projector: int) -> VisionTower:
    """Read Muse Glimmer's encoder: biases, norms before and after, most layers in windows."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    table = vision.number("pos_emb_height") * vision.number("pos_emb_width")
    pixels = vision.number("patch_temporal") * CHANNELS * patch * patch
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=vision.number("merge_size"),
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=(pixels + table + 4) * hidden,
        projector_parameters=projector,
    )


@dialect("opt")
def _opt(fields: Fields) -> dict[str, Any]:
    fields.require("layer_norm_elementwise_affine", expected=True)
    hidden = fields.number("hidden_size")
    embedding = fields.number("word_embed_proj_dim", default=hidden)
    context = fields.number("max_position_embeddings")
    biased = fields.flag("enable_bias", default=True)
    norm_first = fields.flag("do_layer_norm_before", default=True)
    no_final_norm = fields.flag("_remove_final_layer_norm", default=False)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "intermediate_size": fields.number("ffn_dim"),
        "max_model_len": context,
        "learned_positions": context + _OPT_POSITION_OFFSET,
        "embedding_size": 0 if embedding == hidden else embedding,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "num_ffi": 1,
        **biased_everywhere(biased=biased),
        "norm": "layernorm",
        "final_norm": norm_first and not no_final_norm,
    }
