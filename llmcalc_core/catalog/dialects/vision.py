"""Encoders of images, as the ``vision_config`` of each family writes them.

Sources: the models in Hugging Face transformers (modeling_qwen3_vl.py, modeling_siglip.py,
modeling_llama4.py, modeling_pixtral.py, modeling_mistral3.py), the modeling files of
moonshotai/Kimi-K2.5, SGLang's kimi_k3.py, and vLLM's gemma4.py. The sums equal the published
numbers of parameters to the last digit where those are known.
"""

from __future__ import annotations

from llmcalc_core.catalog.dialects.fields import Fields
from llmcalc_core.domain.vision import VisionTower

_CHANNELS = 3
_LLAMA4_EXTRA = 1  # a class token


def images(fields: Fields) -> Fields | None:
    """Give the section of the encoder of images; None where the file has none."""
    if not fields.value("vision_config"):
        return None
    section = fields.section("vision_config")
    section.ignore_rest()
    return section


def _layer(hidden: int, inner: int, *, gated: bool, biased: bool, norms: int) -> int:
    """Count a layer: four projections, two or three of the feed-forward part, biases, norms."""
    matrices = 4 * hidden * hidden + (2 + gated) * hidden * inner
    biases = (5 * hidden + (1 + gated) * inner) if biased else 0
    return matrices + biases + norms


def qwen_vision(vision: Fields) -> VisionTower:
    """Read Qwen3-VL and Qwen3.5: a merger at the end, and one after some layers (deepstack)."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    merge, out = vision.number("spatial_merge_size"), vision.number("out_hidden_size")
    patch = vision.number("patch_size")
    pixels = vision.number("in_channels", default=_CHANNELS) * patch * patch
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
        layer_parameters=_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=vision.number("temporal_patch_size", default=2) * pixels * hidden
        + hidden
        + positions,
        projector_parameters=(1 + deep) * merger + 2 * hidden + deep * 2 * wide,
    )


def siglip_vision(vision: Fields, text_hidden: int, tokens: int) -> VisionTower:
    """Read SigLIP as Gemma 3 uses it: pooled to a fixed number of tokens, then projected."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = vision.number("patch_size"), vision.number("image_size")
    across = side // patch
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=round(across / tokens**0.5),
        layer_parameters=_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=_CHANNELS * patch * patch * hidden + across**2 * hidden + 3 * hidden,
        projector_parameters=hidden * text_hidden + hidden,
        image_size=side,
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
        layer_parameters=_layer(hidden, inner, gated=True, biased=False, norms=norms),
        outside_parameters=_CHANNELS * patch * patch * hidden + table,
        projector_parameters=hidden * text_hidden,
        num_ffi=2,
        most_tokens=most_tokens,
    )


def llama4_vision(vision: Fields, text_hidden: int) -> VisionTower:
    """Read Llama 4: tiles of one size, four patches to a token, an adapter and a projection."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch, side = vision.number("patch_size"), vision.number("image_size")
    merged, out = vision.number("projector_input_dim"), vision.number("projector_output_dim")
    positions = ((side // patch) ** 2 + _LLAMA4_EXTRA) * hidden
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=2,
        layer_parameters=_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=_CHANNELS * patch * patch * hidden
        + positions
        + (_LLAMA4_EXTRA + 4) * hidden,
        projector_parameters=4 * hidden * merged
        + merged * out
        + vision.number("vision_output_dim") * text_hidden,
        image_size=side,
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
        layer_parameters=_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=_CHANNELS * patch * patch * hidden
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
        outside_parameters=_CHANNELS * patch * patch * hidden + height * width * hidden + hidden,
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
        layer_parameters=_layer(hidden, inner, gated=True, biased=False, norms=2 * hidden),
        outside_parameters=_CHANNELS * patch * patch * hidden + hidden,
        projector_parameters=hidden
        + merge * merge * hidden * hidden
        + hidden * text_hidden
        + text_hidden * text_hidden,
        num_ffi=2,
    )
