"""Google: Gemma, with two and four norms, windows, values from keys, and images.

Defaults are those of the configuration classes in Hugging Face transformers. The encoders of images
are that of modeling_siglip.py there and of vLLM's gemma4.py.
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
    encoder_layer,
    images,
    text_part,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_NORMS = 4
_HEADLESS = (
    "idefics3_vision", "idefics2_vision", "smolvlm_vision", "paddleocr_vl_vision",
    "minicpm_ocr_vision", "minicpmv4_6_vision", "minicpmv4_7_vision",
)  # fmt: skip
"""Encoders of SigLIP's shape that never have a head."""


@dialect("gemma")
def _gemma(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields, tied=True, needs=(KV, "head_dim")), **attention_bias(fields)}


@dialect("gemma2")
def _gemma2(fields: Fields) -> dict[str, Any]:
    fields.number("sliding_window")
    return {**_gemma(fields), **windows(fields, (SLIDING, FULL)), "norms_per_layer": _NORMS}


@dialect("vaultgemma")
def _vaultgemma(fields: Fields) -> dict[str, Any]:
    """Read VaultGemma: Gemma 2 without norms after the parts of a layer."""
    fields.number("sliding_window")
    base = decoder_fields(fields, tied=True, needs=(KV, "head_dim"))
    return {**base, **attention_bias(fields), **windows(fields, (SLIDING, FULL))}


@dialect("gemma3_text")
def _gemma3_text(fields: Fields) -> dict[str, Any]:
    """Read Gemma 3, whose files leave out what equals the defaults of Gemma3TextConfig."""
    fields.number("sliding_window")
    period = fields.number("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return {
        "vocab_size": fields.number("vocab_size", default=262208),
        "hidden_size": fields.number("hidden_size", default=2304),
        "num_decoder_layers": fields.number("num_hidden_layers", default=26),
        "num_attention_heads": fields.number("num_attention_heads", default=8),
        "num_key_value_heads": fields.number("num_key_value_heads", default=4),
        "head_dim": fields.number("head_dim", default=256),
        "intermediate_size": fields.number("intermediate_size", default=9216),
        "max_model_len": fields.number("max_position_embeddings", default=131072),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "norms_per_layer": _NORMS,
        "qk_norm": True,
        **attention_bias(fields),
        **windows(fields, (SLIDING,) * (period - 1) + (FULL,)),
    }


@dialect("gemma3")
def _gemma3(fields: Fields) -> dict[str, Any]:
    """Read the text part and the encoder of images."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _gemma3_text)
    if vision:
        tokens = fields.number("mm_tokens_per_image", default=256, least=1)
        described["vision"] = siglip_vision(vision, described["hidden_size"], tokens)
    fields.ignore_rest()
    return described


@dialect("shieldgemma2")
def _shieldgemma2(fields: Fields) -> dict[str, Any]:
    """Read ShieldGemma 2: its class holds a Gemma 3, whose head is tied whatever the whole says."""
    return {**_gemma3(fields), "tie_word_embeddings": True}


def siglip_vision(vision: Fields, text_hidden: int, tokens: int) -> VisionTower:
    """Read SigLIP as Gemma 3 uses it: pooled to a fixed number of tokens, then projected."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    across = side // patch
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=round(across / tokens**0.5),
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=siglip_outside(vision),
        projector_parameters=hidden * text_hidden + hidden,
        image_size=side,
    )


def siglip_outside(vision: Fields) -> int:
    """Count what is outside SigLIP's layers: patches, positions, a norm, and a head that pools.

    The head is a layer that attends from one learned query (modeling_siglip.py); it is there unless
    ``vision_use_head`` says no.
    """
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    patches = (vision.number("image_size") // patch) ** 2
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    head = encoder_layer(hidden, inner, gated=False, biased=True, norms=3 * hidden)
    headless = vision.model_type in _HEADLESS
    pooled = 0 if headless or not vision.flag("vision_use_head", default=True) else head
    return pixels * hidden + patches * hidden + 3 * hidden + pooled


@dialect("gemma3n_text")
def _gemma3n_text(fields: Fields) -> dict[str, Any]:
    """Read Gemma 3n: inputs of layers, alternating updates, a low-rank way around attention."""
    fields.number("sliding_window")
    fields.ignore("altup_active_idx", "altup_coef_clip", "activation_sparsity_pattern")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": fields.number(KV),
        "head_dim": fields.number("head_dim"),
        "intermediate_size": fields.alike("intermediate_size"),
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        **attention_bias(fields),
        **windows(fields, (*(SLIDING,) * 4, FULL)),
        "num_kv_shared_layers": fields.number("num_kv_shared_layers", default=15),
        "norms_per_layer": _NORMS,
        "qk_norm": True,
        "altup_num_inputs": fields.number("altup_num_inputs", default=4),
        "altup_correct_scale": fields.flag("altup_correct_scale", default=True),
        "laurel_rank": fields.number("laurel_rank", default=64),
        **_inputs_of_layers(fields),
    }


@dialect("gemma3n")
def _gemma3n(fields: Fields) -> dict[str, Any]:
    """Read the text part where it is alone; its encoders are no transformers of images."""
    for name in ("vision_config", "audio_config"):
        if fields.value(name):
            fields.refuse(name, "cannot be described (a MobileNet, a Conformer); give text_config")
    described = text_part(fields, fields.section("text_config"), _gemma3n_text)
    fields.ignore_rest()
    return described


def _inputs_of_layers(fields: Fields) -> dict[str, Any]:
    """Read the embedding that every layer has for itself; its norm is one of the layer's."""
    width = fields.number("hidden_size_per_layer_input", default=256)
    rows = fields.number("vocab_size_per_layer_input", default=262144)
    if not width:
        return {}
    return {"per_layer_input_size": width, "per_layer_input_vocab": rows}


@dialect("gemma4_text")
def _gemma4_text(fields: Fields) -> dict[str, Any]:
    """Read Gemma 4, whose full layers have heads of their own, and values from the keys."""
    fields.require("use_bidirectional_attention", expected="vision")
    base = decoder_fields(fields, tied=True, needs=(KV, "head_dim", "sliding_window"))
    kinds = fields.entries("layer_types")
    if not kinds or len(kinds) != base["num_decoder_layers"] or kinds[-1] != FULL:
        fields.refuse("layer_types", f"must name every layer, the last of them {FULL}")
    from_keys = fields.flag("attention_k_eq_v", default=False)
    kv_heads, width = base["num_key_value_heads"], base["head_dim"]
    of_full = _full_heads(fields, kinds, from_keys=from_keys)
    of_full = (of_full[0] or kv_heads, of_full[1])
    heads, widths = zip(
        *(of_full if kind == FULL else (kv_heads, width) for kind in kinds), strict=True
    )
    shared = fields.number("num_kv_shared_layers", default=0)
    double = fields.flag("use_double_wide_mlp", default=False)
    dense = base["intermediate_size"]
    own = len(kinds) - shared
    per_layer = {"num_key_value_heads": heads, "head_dim": widths}
    if shared and double:
        per_layer["intermediate_size"] = (dense,) * own + (2 * dense,) * shared
    return {
        **base,
        **attention_bias(fields),
        **windows(fields),
        "per_layer": per_layer,
        "keys_as_values": from_keys,
        "num_kv_shared_layers": shared,
        "norms_per_layer": _NORMS,
        "qk_norm": True,
        **_inputs_of_layers(fields),
        **_gemma4_experts(fields, dense),
    }


def _full_heads(
    fields: Fields, kinds: tuple[str, ...], *, from_keys: bool
) -> tuple[int | None, int]:
    """Read key and value heads of the full layers and their width, in either spelling."""
    apart = fields.optional("num_global_key_value_heads") if from_keys else None
    width = fields.number("global_head_dim", default=512)
    if fields.value("per_layer_config") is None:
        return apart, width
    layers = fields.section("per_layer_config")
    full = [index for index, kind in enumerate(kinds) if kind == FULL]
    named = [name for name in layers.names() if name.isdigit()]
    if len(named) < len(layers.names()) or sorted(map(int, named)) != full:
        fields.refuse("per_layer_config", f"must give the {len(full)} full layers their heads")
    sections = [layers.section(name) for name in named]
    shapes = {(one.optional(KV), one.number("head_dim")) for one in sections}
    if len(shapes) != 1:
        fields.refuse("per_layer_config", "must give all full layers the same heads")
    return shapes.pop()


def _gemma4_experts(fields: Fields, dense: int) -> dict[str, Any]:
    """Read routed experts beside the dense layer, which is then the expert that all tokens use."""
    if not fields.flag("enable_moe_block", default=False):
        fields.ignore("num_experts", "top_k_experts", "moe_intermediate_size")
        return {}
    return {
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("top_k_experts"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": dense,
        "router_scale": True,
        "norms_per_layer": _NORMS + 3,
    }


@dialect("gemma4_unified_text")
def _gemma4_unified_text(fields: Fields) -> dict[str, Any]:
    """Read the text part of Gemma 4 unified, whose layers have no inputs of their own."""
    own = {"per_layer_input_size": None, "per_layer_input_vocab": None}
    return {**_gemma4_text(fields), **own}


@dialect("gemma4_unified")
def _gemma4_unified(fields: Fields) -> dict[str, Any]:
    """Read Gemma 4 unified where it is the text part alone."""
    for name in ("vision_config", "audio_config"):
        if fields.value(name):
            fields.refuse(name, "cannot be described; give text_config")
    described = text_part(fields, fields.section("text_config"), _gemma4_unified_text)
    fields.ignore_rest()
    return described


@dialect("gemma4")
def _gemma4(fields: Fields) -> dict[str, Any]:
    """Read the text part and the encoder of images; that of sound is not described."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _gemma4_text)
    if vision:
        most = fields.optional("vision_soft_tokens_per_image")
        described["vision"] = gemma4_vision(vision, described["hidden_size"], most)
    fields.ignore_rest()
    return described


def gemma4_vision(vision: Fields, text_hidden: int, most_tokens: int | None) -> VisionTower:
    """Read Gemma 4: gated layers with four norms, pooled 3 x 3, scaled and projected."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    table = 2 * vision.number("position_embedding_size") * hidden
    norms = 4 * hidden + 2 * vision.number("head_dim")
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=vision.number("pooling_kernel_size"),
        layer_parameters=encoder_layer(hidden, inner, gated=True, biased=False, norms=norms),
        outside_parameters=CHANNELS * patch * patch * hidden + table,
        projector_parameters=hidden * text_hidden,
        num_ffi=2,
        most_tokens=most_tokens,
    )


_BLOCKS = {"recurrent": "rg_lru", "attention": SLIDING}


@dialect("recurrent_gemma")
def _recurrent_gemma(fields: Fields) -> dict[str, Any]:
    """Read RecurrentGemma: gated linear recurrences, and windows of attention in one of three."""
    base = decoder_fields(fields, tied=True)
    kinds = fields.words("block_types")
    if not kinds or not set(kinds) <= {*_BLOCKS}:
        fields.refuse("block_types", f"must be of {' and '.join(_BLOCKS)}")
    width = fields.optional("lru_width") or base["hidden_size"]
    if width % base["num_attention_heads"]:
        fields.refuse("lru_width", "must be a multiple of num_attention_heads")
    return {
        **base,
        "intermediate_size": base["intermediate_size"] // 2,
        "layer_types": tuple(_BLOCKS[kind] for kind in kinds),
        "sliding_window": fields.number("attention_window_size"),
        "qkv_bias": fields.flag("attention_bias", default=False),
        "attention_output_bias": True,
        "mlp_bias": True,
        "lru_width": width,
        "lru_conv_kernel": fields.number("conv1d_width", least=1),
    }
