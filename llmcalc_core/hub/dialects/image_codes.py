"""Models whose images become codes of a table (VQGAN, arXiv:2012.09841): Chameleon, Janus.

Convolutions make the codes: they are weights beside the decoder, of which no work is reckoned.
Counts are those of Hugging Face transformers 5.24.0: modeling_chameleon.py and modeling_janus.py.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    KV,
    attention_bias,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import side_of
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import reader_of
from llmcalc_core.model.vision import VisionTower

_AREA = 9
"""Weights of a convolution of 3 x 3, for each channel before and after."""


def _convolution(before: int, after: int) -> int:
    return (_AREA * before + 1) * after


def _residual(before: int, after: int) -> int:
    """Count two norms and convolutions, and a way around them where the width changes."""
    around = (before + 1) * after if before != after else 0
    return 2 * (before + after) + _convolution(before, after) + _convolution(after, after) + around


def _attention(width: int) -> int:
    return 2 * width + 4 * (width + 1) * width


def _widths(codes: Fields) -> list[int]:
    base = codes.number("base_channels")
    return [base * times for times in codes.whole_numbers("channel_multiplier")]


def _outside(codes: Fields, width: int, pixels: int) -> int:
    """Count the middle, the last norm and convolution, and the first one of pixels."""
    latent = codes.number("latent_channels")
    middle = 2 * _residual(width, width) + _attention(width)
    codes.require("double_latent", expected=False)
    return (
        middle
        + _convolution(pixels, codes.number("base_channels"))
        + 2 * width
        + (_convolution(width, latent))
    )


def _encoder(codes: Fields, *, attends: bool) -> int:
    """Count levels of residual blocks, halved between; the last attends in some models."""
    widths, blocks = _widths(codes), codes.number("num_res_blocks", least=1)
    if not widths:
        codes.refuse("channel_multiplier", "must be a list of whole numbers")
    levels = [
        _residual(before, after) + (blocks - 1) * _residual(after, after)
        for before, after in pairwise([codes.number("base_channels"), *widths])
    ]
    halved = sum(_convolution(width, width) for width in widths[:-1])
    attention = blocks * _attention(widths[-1]) if attends else 0
    outside = _outside(codes, widths[-1], codes.number("in_channels", default=CHANNELS))
    return sum(levels) + halved + attention + outside


def _decoder(codes: Fields) -> int:
    """Count the way back to pixels: one block more in each level, doubled between."""
    widths, blocks = _widths(codes)[::-1], codes.number("num_res_blocks") + 1
    levels = [
        _residual(before, after) + (blocks - 1) * _residual(after, after)
        for before, after in pairwise([widths[0], *widths])
    ]
    doubled = sum(_convolution(width, width) for width in widths[:-1])
    middle = 2 * _residual(widths[0], widths[0]) + _attention(widths[0])
    ends = _convolution(codes.number("latent_channels"), widths[0]) + 2 * widths[-1]
    ends += _convolution(widths[-1], codes.number("out_channels", default=CHANNELS))
    return sum(levels) + doubled + blocks * _attention(widths[0]) + middle + ends


def _table(codes: Fields) -> int:
    """Count the codes, and the projections to their width and back."""
    width, latent = codes.number("embed_dim"), codes.number("latent_channels")
    return codes.number("num_embeddings") * width + (latent + 1) * width + (width + 1) * latent


@dialect("chameleon")
def _chameleon(fields: Fields) -> dict[str, Any]:
    """Read Chameleon: layer norms of query and key heads, codes as tokens of the vocabulary."""
    fields.ignore("vocabulary_map", "model_parallel_size", "swin_norm")
    base = decoder_fields(fields, needs=(KV,))
    codes = fields.section("vq_config")
    codes.require("attn_resolutions", expected=None)
    codes.require("attn_type", expected="vanilla")
    count = _encoder(codes, attends=False) + _table(codes)
    codes.ignore_rest()
    heads = base["num_attention_heads"] + (
        base["num_key_value_heads"] or base["num_attention_heads"]
    )
    return {
        **base,
        **attention_bias(fields),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "layer_vector_size": 2 * heads * base["head_dim"],
        "outer_vector_size": count,
    }


@dialect("janus")
def _janus(fields: Fields) -> dict[str, Any]:
    """Read Janus: an encoder for what it reads, codes for what it draws."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, reader_of(text, "llama"))
    if vision:
        codes = fields.section("vq_config")
        drawn = _encoder(codes, attends=True) + _decoder(codes) + _table(codes) + _drawing(codes)
        codes.ignore_rest()
        described["vision"] = _janus_vision(vision, drawn)
    fields.ignore_rest()
    return described


def _drawing(codes: Fields) -> int:
    """Count what draws: an embedding of codes, its projections, and a head of codes."""
    count, width = codes.number("num_embeddings"), codes.number("embed_dim")
    out, seen = codes.number("projection_dim"), codes.number("image_token_embed_dim")
    layers = codes.number("num_hidden_layers", least=1)
    aligned = (width + 1) * out + (layers - 1) * (out + 1) * out
    return count * width + aligned + (seen + 1) * out + (out + 1) * count


def _janus_vision(vision: Fields, drawn: int) -> VisionTower:
    vision.require("use_qk_norm", expected=False)
    vision.require("attention_bias", expected=True)
    hidden, patch = vision.number("hidden_size"), side_of(vision, "patch_size")
    side, out = vision.number("image_size"), vision.number("projection_dim")
    inner = int(hidden * vision.real("mlp_ratio", default=4.0))
    rows = vision.number("num_channels", default=CHANNELS) * patch * patch + 1
    rows += (side // patch) ** 2 + 2
    deeper = (vision.number("depth", least=1) - 1) * (out + 1) * out
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=rows * hidden + drawn,
        projector_parameters=(hidden + 1) * out + deeper,
        image_size=side,
    )
