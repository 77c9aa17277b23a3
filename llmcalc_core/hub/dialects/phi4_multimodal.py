"""Phi-4-multimodal (Microsoft): Phi-3's decoder, SigLIP, and a Conformer that hears.

What hears is weights beside the decoder, of which no work is reckoned: ``outside_parameters`` of
the encoder of images has it. Counts are those of Hugging Face transformers 5.24.0
(modeling_phi4_multimodal.py).
"""

from __future__ import annotations

from math import ceil
from typing import Any

from llmcalc_core.hub.dialects.decoder import CHANNELS, encoder_layer
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.other_dense import phi3
from llmcalc_core.model.vision import VisionTower

_MERGE = 2
"""Patches of a side that the pooling of its embedding of images joins."""
_TAPS = 9
"""Elements of a convolution over time and frequencies, of three by three."""


@dialect("phi4_multimodal")
def _phi4_multimodal(fields: Fields) -> dict[str, Any]:
    """Read the decoder and what sees and hears; adapters of the published file are no part."""
    described = phi3(fields)
    hidden = described["hidden_size"]
    outside = _conformer(fields.section("audio_config"), hidden)
    return {**described, "vision": _siglip(fields.section("vision_config"), hidden, outside)}


def _siglip(vision: Fields, text: int, heard: int) -> VisionTower:
    """Read SigLIP with its pooling head, and a projector of two layers; it pools its patches."""
    hidden, width = vision.number("hidden_size"), vision.number("intermediate_size")
    patch = vision.number("patch_size", least=1)
    side = vision.number("image_size") // patch
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    layer = encoder_layer(hidden, width, gated=False, biased=True, norms=4 * hidden)
    embedding = (pixels + 1 + side * side) * hidden
    pooled = layer - 2 * hidden + hidden  # one norm of its two, and the vector that asks
    separators, last = 2 * hidden, 2 * hidden
    vision.ignore_rest()
    return VisionTower(
        layers=vision.number("num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=width,
        patch_size=patch,
        merge_size=_MERGE,
        layer_parameters=layer,
        outside_parameters=embedding + pooled + separators + last + heard,
        projector_parameters=(hidden + 1) * text + (text + 1) * text,
    )


def _conformer(audio: Fields, text: int) -> int:
    """Count the convolutions, the layers, the bias of distances and four projections."""
    hidden, inner = audio.number("hidden_size"), audio.number("intermediate_size")
    for name in ("ext_pw_out_channel", "depthwise_separable_out_channel"):
        audio.require(name, expected=hidden)
    audio.require("depthwise_multiplier", expected=1)
    channels, reduction = audio.number("nemo_conv_channels"), audio.number("time_reduction")
    if reduction < _MERGE or reduction & (reduction - 1):
        audio.refuse("time_reduction", "must be a power of two")
    halvings = reduction.bit_length() - 1
    bands = ceil(audio.number("input_size") / reduction)
    separable = (_TAPS + 1) * channels + (channels + 1) * channels
    embedding = (_TAPS + 1) * channels + (halvings - 1) * separable
    embedding += (channels * bands + 1) * hidden
    square = (hidden + 1) * hidden
    convolution = (audio.number("kernel_size") + 1) * hidden + 4 * square + 4 * hidden
    feed_forward = (hidden + 1) * 2 * inner + (inner + 1) * hidden + 2 * hidden
    layer = convolution + 2 * feed_forward + 4 * square + 4 * hidden
    distances = audio.number("bias_max_distance")
    if not audio.flag("bias_symmetric", default=False):
        distances *= 2
    projections = 2 * (hidden + 1) * text + 2 * (text + 1) * text
    biases = distances * audio.number("num_attention_heads")
    audio.ignore_rest()
    return embedding + audio.number("num_blocks") * layer + biases + projections
