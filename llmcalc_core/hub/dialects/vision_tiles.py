"""Encoders that bring every image, or tile of one, to the same size.

Sources: the models in Hugging Face transformers (modeling_siglip.py, modeling_llama4.py,
modeling_step3p7.py).
"""

from __future__ import annotations

from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.dialects.vision import CHANNELS, encoder_layer
from llmcalc_core.model.vision import VisionTower

_LLAMA4_EXTRA = 1  # a class token


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
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden + across**2 * hidden + 3 * hidden,
        projector_parameters=hidden * text_hidden + hidden,
        image_size=side,
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
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden
        + positions
        + (_LLAMA4_EXTRA + 4) * hidden,
        projector_parameters=4 * hidden * merged
        + merged * out
        + vision.number("vision_output_dim") * text_hidden,
        image_size=side,
    )


def step_vision(vision: Fields, text_hidden: int) -> VisionTower:
    """Read the encoder of Step 3.7: two convolutions of stride two at the end, and a projection."""
    hidden, ratio = vision.number("hidden_size", "width"), vision.value("mlp_ratio")
    inner = vision.optional("intermediate_size")
    if inner is None:
        if not isinstance(ratio, int | float):
            vision.refuse("mlp_ratio", "must be a number")
        inner = round(hidden * ratio)
    patch, side = vision.number("patch_size"), vision.number("image_size")
    kernel = 3 * 3
    downsampled = 2 * hidden * (hidden * kernel + 1) + 4 * hidden * (2 * hidden * kernel + 1)
    return VisionTower(
        layers=vision.number("num_hidden_layers", "layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=4,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=6 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden
        + (side // patch) ** 2 * hidden
        + 2 * hidden,
        projector_parameters=downsampled + 4 * hidden * text_hidden,
        image_size=side,
    )
