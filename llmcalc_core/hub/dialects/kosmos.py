"""Microsoft's Kosmos 2 and 2.5, and GIT: decoders with layer norms that read images.

Counts are those of Hugging Face transformers 5.24.0: modeling_kosmos2.py, modeling_kosmos2_5.py and
modeling_git.py.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    PLAIN_FEED_FORWARD,
    biased_everywhere,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import ENCODERS
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_CLIP = "clip_vision_model"


def _kosmos_text(fields: Fields) -> dict[str, Any]:
    """Read a decoder with positions that are computed, and a norm within the feed-forward part."""
    inner = fields.number("ffn_dim")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("embed_dim"),
        "num_decoder_layers": fields.number("layers"),
        "num_attention_heads": fields.number("attention_heads", least=1),
        "intermediate_size": inner,
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        "layer_vector_size": 2 * inner,
    }


@dialect("kosmos_2_text_model")
def _kosmos_2_text(fields: Fields) -> dict[str, Any]:
    """Read the same with a norm before the projection that ends attention."""
    base = _kosmos_text(fields)
    return {**base, "layer_vector_size": base["layer_vector_size"] + 2 * base["hidden_size"]}


@dialect("kosmos_2_5_text_model")
def _kosmos_2_5_text(fields: Fields) -> dict[str, Any]:
    """Read the same with an embedding of two kinds of tokens: words and images."""
    base = _kosmos_text(fields)
    return {**base, "outer_vector_size": 2 * base["hidden_size"]}


def _queried(fields: Fields, seen: int, text: int) -> dict[str, Any]:
    """Count a projection, and attention from learned queries that become the tokens."""
    count = fields.number("latent_query_num", least=1)
    parameters = count * text + (seen + 1) * text + 4 * (text + 1) * text
    return {"query_tokens": count, "projector_parameters": parameters}


@dialect("kosmos-2")
def _kosmos_2(fields: Fields) -> dict[str, Any]:
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _kosmos_2_text)
    if vision:
        found = ENCODERS[_CLIP](vision)
        after = _queried(fields, found["hidden_size"], described["hidden_size"])
        described["vision"] = VisionTower(**found, **after)
    fields.ignore_rest()
    return described


@dialect("kosmos-2.5")
def _kosmos_2_5(fields: Fields) -> dict[str, Any]:
    """Read Kosmos 2.5, with the encoder of Pix2Struct (arXiv:2210.03347): gated, no biases."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _kosmos_2_5_text)
    if vision:
        described["vision"] = _flat_patches(vision, fields, described["hidden_size"])
    fields.ignore_rest()
    return described


def _flat_patches(vision: Fields, fields: Fields, text: int) -> VisionTower:
    """Read an encoder whose images are scaled to as many patches as it can take."""
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    pixels, most = vision.number("patch_embed_hidden_size"), vision.number("max_num_patches")
    patch = isqrt(pixels // CHANNELS)
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        num_ffi=2,
        layer_parameters=encoder_layer(hidden, inner, gated=True, biased=False, norms=2 * hidden),
        outside_parameters=(pixels + 1 + 2 * most + 1) * hidden,
        image_size=patch * isqrt(most),
        **_queried(fields, hidden, text),
    )


@dialect("git")
def _git(fields: Fields) -> dict[str, Any]:
    """Read GIT: BERT's layers that look back alone, CLIP's encoder, a projection and a norm."""
    vision = images(fields)
    base = decoder_fields(fields)
    hidden, places = base["hidden_size"], fields.number("max_position_embeddings")
    fields.ignore("num_image_with_embedding")
    described = {
        **base,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        "final_norm": False,
        "learned_positions": places,
        "outer_vector_size": 2 * hidden,
        "lm_head_bias": True,
    }
    if vision:
        found = ENCODERS[_CLIP](vision)
        count = (found["hidden_size"] + 1) * hidden + 2 * hidden
        described["vision"] = VisionTower(**found, projector_parameters=count)
    return described
