"""Encoders of SigLIP's shape with a merger of their own: HunyuanOCR, Cosmos 3 Edge, Granite.

Counts are those of Hugging Face transformers 5.24.0: modeling_hunyuan_vl.py,
modeling_cosmos3_edge.py, modeling_granite_docling.py and modeling_granite4_vision.py.
"""

from __future__ import annotations

import re
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    attention_bias,
    decoder_fields,
    encoder_layer,
    images,
    text_part,
)
from llmcalc_core.hub.dialects.encoders import Encoder, side_of
from llmcalc_core.hub.dialects.fields import DIALECTS, Fields, dialect
from llmcalc_core.hub.dialects.image_models import with_images
from llmcalc_core.model.vision import VisionTower


def _layers(vision: Fields, places: int, *, norms: int = 2) -> Encoder:
    """Read layers with biases and two layer norms, after patches and learned places.

    ``norms`` are vectors of the last layer norm: none in some.
    """
    hidden, inner = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = side_of(vision, "patch_size")
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    return {
        "layers": vision.number("num_hidden_layers"),
        "hidden_size": hidden,
        "intermediate_size": inner,
        "patch_size": patch,
        "layer_parameters": encoder_layer(
            hidden, inner, gated=False, biased=True, norms=4 * hidden
        ),
        "outside_parameters": (pixels + 1 + places + norms) * hidden,
    }


@dialect("hunyuan_vl")
def _hunyuan_vl(fields: Fields) -> dict[str, Any]:
    """Read HunyuanOCR: two convolutions and a projection merge, tokens end rows and images."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, DIALECTS["hunyuan_v1_dense"])
    if vision:
        described["vision"] = _hunyuan_vision(vision)
    fields.ignore_rest()
    return described


def _hunyuan_vision(vision: Fields) -> VisionTower:
    hidden, merge = vision.number("hidden_size"), vision.number("spatial_merge_size", least=1)
    out = vision.number("text_hidden_size")
    across = vision.number("max_image_size") // side_of(vision, "patch_size")
    convolutions = (merge * merge * hidden + 1) * 2 * hidden + (2 * hidden + 1) * 4 * hidden
    projection = (4 * hidden + 1) * out
    tokens_and_norms = 4 * hidden + 3 * out + hidden + out
    return VisionTower(
        **_layers(vision, across * across + 1, norms=0),
        merge_size=merge,
        projector_parameters=convolutions + projection + tokens_and_norms,
        most_tokens=vision.number("img_max_token_num"),
    )


@dialect("hy_v4_vl")
def _hy_v4_vl(fields: Fields) -> dict[str, Any]:
    """Read Hy4 VL: the same with two convolutions alone, as wide as the decoder."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, DIALECTS["hy_v4"])
    if vision:
        across = vision.number("max_image_size") // side_of(vision, "patch_size")
        found = _layers(vision, across * across + 1, norms=0)
        hidden, out = found["hidden_size"], vision.number("out_hidden_size")
        merge = vision.number("spatial_merge_size", least=1)
        count = (merge * merge * hidden + 1) * out + (out + 1) * out + out + hidden
        described["vision"] = VisionTower(**found, merge_size=merge, projector_parameters=count)
    fields.ignore_rest()
    return described


@dialect("cosmos3_edge_text")
def _cosmos3_edge_text(fields: Fields) -> dict[str, Any]:
    """Read a Llama whose feed-forward layers have one projection up."""
    biased = fields.flag("mlp_bias", default=False)
    return {**decoder_fields(fields), **attention_bias(fields), "mlp_bias": biased, "num_ffi": 1}


@dialect("cosmos3_edge")
def _cosmos3_edge(fields: Fields) -> dict[str, Any]:
    """Read Cosmos 3 Edge: a norm, patches joined, and two projections."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _cosmos3_edge_text)
    if vision:
        found = _layers(vision, vision.number("num_patches"))
        merge, inner = vision.number("spatial_merge_size"), fields.number("projector_hidden_size")
        wide, out = found["hidden_size"] * merge * merge, described["hidden_size"]
        count = 2 * found["hidden_size"] + (wide + 1) * inner + (inner + 1) * out
        described["vision"] = VisionTower(**found, merge_size=merge, projector_parameters=count)
    fields.ignore_rest()
    return described


@dialect("granite_docling")
def _granite_docling(fields: Fields) -> dict[str, Any]:
    """Read Granite Docling, with a coarse and a fine way of merging; tokens are the coarse ones'.

    A learned choice between the two is not described.
    """
    fields.require("density_router_hidden_size", expected=None)
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, DIALECTS["granite"])
    if vision:
        described["vision"] = _docling_vision(vision)
    fields.ignore_rest()
    return described


def _docling_vision(vision: Fields) -> VisionTower:
    side, scale = side_of(vision, "image_size"), vision.number("scale_factor", least=2)
    found = _layers(vision, (side // side_of(vision, "patch_size")) ** 2)
    hidden, out = found["hidden_size"], vision.number("out_hidden_size")
    stated = vision.value("deepstack_visual_indexes")
    deep = len(stated) if isinstance(stated, list) else _DOCLING_DEEP
    scales = (scale, scale // 2) if vision.flag("use_fine_route", default=True) else (scale,)
    ways = sum(
        hidden * one * one * out + deep * _deep_merger(hidden * one * one, out) for one in scales
    )
    return VisionTower(
        **found,
        merge_size=scale,
        projector_parameters=ways + 2 * hidden + out * out + 4 * out,
        image_size=side,
    )


_DOCLING_DEEP = 3
"""Layers whose features reach the decoder too, of GraniteDoclingVisionConfig."""


def _deep_merger(wide: int, out: int) -> int:
    """Count a norm and two projections."""
    return 2 * wide + (wide + 1) * out + (out + 1) * out


@dialect("granite4_vision_text")
def _granite4_vision_text(fields: Fields) -> dict[str, Any]:
    return DIALECTS["granite"](fields)


@dialect("granite4_vision")
def _granite4_vision(fields: Fields) -> dict[str, Any]:
    """Read Granite 4 Vision: a Q-Former on windows for each of several layers and offsets."""
    stated = fields.value("deepstack_layer_map")
    if not isinstance(stated, list):
        fields.refuse("deepstack_layer_map", "must be a list of pairs of layers")
    rate = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", str(fields.value("downsample_rate")))
    if rate is None or int(rate[2]) % int(rate[1]):
        fields.refuse("downsample_rate", "can only be described as 1/n, or as such a fraction")
    queries, window = int(rate[1]), int(rate[2])

    def formed(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        hidden = encoder["hidden_size"]
        one = _granite_former(fields, hidden) + (2 + queries**2 + window**2) * hidden
        one += (hidden + 1) * text
        count = (len(stated) + _OFFSETS) * one + text
        return {"merge_size": window // queries, "projector_parameters": count}

    return with_images(fields, formed, encoder="clip_vision_model", decoder="granite4_vision_text")


_OFFSETS = 4
"""Corners of a square of patches, each with a Q-Former that starts from it."""


def _granite_former(fields: Fields, hidden: int) -> int:
    """Count a Q-Former as wide as the encoder: both attentions, a feed-forward part, norms."""
    former = fields.section("qformer_config")
    layers, inner = former.number("num_hidden_layers"), former.number("intermediate_size")
    crossing = -(-layers // former.number("cross_attention_frequency", least=1))
    former.require("use_qformer_text_input", expected=False)
    former.ignore_rest()
    attention = 4 * (hidden + 1) * hidden + 2 * hidden
    feed_forward = (hidden + 1) * inner + (inner + 1) * hidden + 2 * hidden
    return layers * (attention + feed_forward) + crossing * attention + 2 * hidden
