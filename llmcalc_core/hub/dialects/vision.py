"""Encoders of images of any size, as the ``vision_config`` of each family writes them.

Sources: the models in Hugging Face transformers (modeling_qwen2_vl.py, modeling_qwen2_5_vl.py,
modeling_qwen3_vl.py, modeling_glm4v.py, modeling_pixtral.py, modeling_mistral3.py), the modeling
files of moonshotai/Kimi-K2.5, SGLang's kimi_k3.py, and vLLM's gemma4.py. The sums equal the
published numbers of parameters to the last digit where those are known.
"""

from __future__ import annotations

from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.model.vision import VisionTower

CHANNELS = 3
"""Colours of a pixel."""


def images(fields: Fields) -> Fields | None:
    """Give the section of the encoder of images; None where the file has none."""
    if not fields.value("vision_config"):
        return None
    section = fields.section("vision_config")
    section.ignore_rest()
    return section


def encoder_layer(hidden: int, inner: int, *, gated: bool, biased: bool, norms: int) -> int:
    """Count a layer: four projections, two or three of the feed-forward part, biases, norms."""
    matrices = 4 * hidden * hidden + (2 + gated) * hidden * inner
    biases = (5 * hidden + (1 + gated) * inner) if biased else 0
    return matrices + biases + norms


def qwen_vision(vision: Fields) -> VisionTower:
    """Read Qwen3-VL and Qwen3.5: a merger at the end, and one after some layers (deepstack)."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    merge, out = vision.number("spatial_merge_size"), vision.number("out_hidden_size")
    patch = vision.number("patch_size")
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
    merge, patch = vision.number("spatial_merge_size"), vision.number("patch_size")
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


def glm_vision(vision: Fields) -> VisionTower:
    """Read GLM-4.1V and 4.5V: gated layers, a convolution that merges, a gated projector."""
    vision.require("attention_bias", expected=False)
    hidden, out = vision.number("hidden_size"), vision.number("out_hidden_size")
    merge, patch = vision.number("spatial_merge_size"), vision.number("patch_size")
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


def gemma4_vision(vision: Fields, text_hidden: int, most_tokens: int | None) -> VisionTower:
    """Read Gemma 4: gated layers with four norms, pooled 3 x 3, scaled and projected."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size")
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


def moon_vision(vision: Fields) -> VisionTower:
    """Read MoonViT of Kimi: a table of positions, a final norm, and a merger of 2 x 2 patches."""
    hidden, inner = vision.number("vt_hidden_size"), vision.number("vt_intermediate_size")
    patch, out = vision.number("patch_size"), vision.number("text_hidden_size")
    height, width = vision.number("init_pos_emb_height"), vision.number("init_pos_emb_width")
    merge = int(vision.entries("merge_kernel_size")[0])
    wide = merge * merge * hidden
    return VisionTower(
        layers=vision.number("vt_num_hidden_layers"),
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
    patch, out = vision.number("patch_size"), vision.number("text_hidden_size")
    height, width = vision.number("init_pos_emb_height"), vision.number("init_pos_emb_width")
    heads, merge = vision.number("qkv_hidden_size"), int(vision.entries("merge_kernel_size")[0])
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


def pixtral_vision(vision: Fields, text_hidden: int, merge: int) -> VisionTower:
    """Read Pixtral as Mistral Small 3 uses it: gated layers, a merger and two projections."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size")
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=merge,
        layer_parameters=encoder_layer(hidden, inner, gated=True, biased=False, norms=2 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden + hidden,
        projector_parameters=hidden
        + merge * merge * hidden * hidden
        + hidden * text_hidden
        + text_hidden * text_hidden,
        num_ffi=2,
    )
