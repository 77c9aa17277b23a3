"""Models that hear beside seeing: the thinkers of Qwen-Omni, Nemotron Omni.

What hears is weights beside the decoder, of which no work is reckoned: ``outside_parameters`` of
the encoder of images has it. Counts are those of Hugging Face transformers 5.24.0:
modeling_qwen2_5_omni.py, modeling_qwen3_omni_moe.py and modeling_nemotron_h_omni.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import encoder_layer, images, text_part
from llmcalc_core.hub.dialects.encoders import Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import reader_of, with_images
from llmcalc_core.hub.dialects.qwen import qwen2_vision, qwen_vision

_TAPS = 3
"""Width of a convolution over time, and over frequencies [elements]."""


@dialect("qwen2_5_omni_thinker")
def _qwen2_5_omni(fields: Fields) -> dict[str, Any]:
    """Read the thinker of Qwen2.5-Omni, with Whisper's encoder of sound."""
    vision, text = images(fields), fields.section("text_config")
    described = text_part(fields, text, reader_of(text, "qwen2_5_omni_text"))
    if vision:
        seen = qwen2_vision(vision)
        outside = seen.outside_parameters + _whisper(fields.section("audio_config"))
        described["vision"] = replace(seen, outside_parameters=outside)
    fields.ignore_rest()
    return described


def _whisper(audio: Fields) -> int:
    """Count two convolutions, layers whose keys have no bias, and a projection."""
    width, inner = audio.number("d_model"), audio.number("encoder_ffn_dim")
    out = audio.number("output_dim")
    layer = encoder_layer(width, inner, gated=False, biased=True, norms=3 * width)
    convolutions = (_TAPS * (audio.number("num_mel_bins") + width) + 2) * width
    audio.ignore_rest()
    ends = 2 * out + 2 * width + (width + 1) * out
    return audio.number("encoder_layers") * layer + convolutions + ends


@dialect("qwen3_omni_moe_thinker")
def _qwen3_omni(fields: Fields) -> dict[str, Any]:
    """Read the thinker of Qwen3-Omni, with three convolutions before its encoder of sound."""
    vision, text = images(fields), fields.section("text_config")
    described = text_part(fields, text, reader_of(text, "qwen3_omni_moe_text"))
    if vision:
        seen = qwen_vision(vision)
        outside = seen.outside_parameters + _downsampled(fields.section("audio_config"))
        described["vision"] = replace(seen, outside_parameters=outside)
    fields.ignore_rest()
    return described


def _downsampled(audio: Fields) -> int:
    width, inner = audio.number("d_model"), audio.number("encoder_ffn_dim")
    channels, out = audio.number("downsample_hidden_size"), audio.number("output_dim")
    layer = encoder_layer(width, inner, gated=False, biased=True, norms=4 * width)
    bins = audio.number("num_mel_bins")
    for _ in range(_TAPS):  # three convolutions halve the frequencies
        bins = (bins + 1) // 2
    area = _TAPS * _TAPS
    convolutions = (area + 1) * channels + 2 * (area * channels + 1) * channels
    audio.ignore_rest()
    ends = channels * bins * width + 2 * width + (width + 1) * width + (width + 1) * out
    return audio.number("encoder_layers") * layer + convolutions + ends


@dialect("nemotron_h_omni")
def _nemotron_h_omni(fields: Fields) -> dict[str, Any]:
    """Read Nemotron Omni without sound: RADIO, patches joined, a norm, and two projections."""
    if fields.value("audio_config") or fields.value("sound_config"):
        fields.refuse(fields.given("audio_config", "sound_config"), "cannot be described")

    def joined(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        scale = round(1 / max(fields.real("downsample_ratio", default=0.5), 0.01))
        wide, inner = encoder["hidden_size"] * scale**2, fields.number("projector_hidden_size")
        count = wide + wide * inner + inner * text
        return {"merge_size": scale, "projector_parameters": count}

    return with_images(fields, joined, encoder="radio", decoder="nemotron_h")
