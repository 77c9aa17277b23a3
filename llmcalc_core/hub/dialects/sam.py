"""SAM's encoder of images, which models that read pages share.

Counts are those of Hugging Face transformers 5.24.0: modeling_sam.py and modeling_got_ocr2.py.
"""

from __future__ import annotations

from llmcalc_core.hub.dialects.decoder import CHANNELS, encoder_layer
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.model.vision import VisionTower

_AREA = 9
"""Weights of a convolution of 3 x 3, for each channel before and after."""

SAM_SHRINKS = 4
"""Patches along a side that two convolutions with a stride of two join."""


def sam_encoder(vision: Fields, *, channels: tuple[int, int], neck: int = 1) -> VisionTower:
    """Read SAM's encoder (arXiv:2304.02643): most layers attend in windows, by relative places.

    Two convolutions to ``channels`` follow it, after ``neck`` necks (one of them is its own).
    """
    vision.require("use_rel_pos", expected=True)
    vision.require("use_abs_pos", expected=True)
    vision.require("qkv_bias", expected=True)
    hidden = vision.number("hidden_size")
    inner = vision.optional("mlp_dim") or round(hidden * vision.real("mlp_ratio", default=4.0))
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    layers, whole = vision.number("num_hidden_layers"), vision.whole_numbers("global_attn_indexes")
    across, window = side // patch, vision.number("window_size", least=1)
    windowed, dim = layers - len(whole), hidden // vision.number("num_attention_heads", least=1)
    relative = 2 * dim * (windowed * (2 * window - 1) + len(whole) * (2 * across - 1))
    pixels = vision.number("num_channels", default=CHANNELS) * patch * patch
    out = vision.number("output_channels")
    joined = _AREA * (out * channels[0] + channels[0] * channels[1])
    necks = neck * (hidden * out + _AREA * out * out + 4 * out)
    return VisionTower(
        layers=layers,
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=SAM_SHRINKS,
        windowed_layers=windowed,
        window_patches=window * window,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=4 * hidden),
        outside_parameters=(pixels + 1 + across * across) * hidden + relative + necks,
        projector_parameters=joined,
        image_size=side,
    )
