"""Model types that are refused by name, and which part of each is not described.

They are types of the causal and the image-text mapping of Hugging Face transformers 5.24.0; what is
said of each is what its modeling file builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmcalc_core.hub.dialects.images_not_described import IMAGES_NOT_DESCRIBED

_ENCODER_DECODER = (
    "an encoder-decoder: its encoder, and the attention of its decoder to it, are not described"
)
_CROSS_DECODER = (
    "the decoder of an encoder-decoder: its attention to the encoder's states is not described"
)
_INKLING = (
    "its convolutions of residuals, keys and values, and its projected relative positions, are not "
    "described"
)

NOT_DESCRIBED: Mapping[str, str] = MappingProxyType(
    {
        **IMAGES_NOT_DESCRIBED,
        **dict.fromkeys(
            (
                "bart",
                "bigbird_pegasus",
                "blenderbot",
                "blenderbot-small",
                "fsmt",
                "led",
                "m2m_100",
                "marian",
                "mbart",
                "mt5",
                "mvp",
                "nllb-moe",
                "pegasus",
                "pegasus_x",
                "plbart",
                "prophetnet",
                "switch_transformers",
                "t5",
                "t5gemma",
                "umt5",
                "whisper",
            ),
            _ENCODER_DECODER,
        ),
        **dict.fromkeys(("musicgen", "musicgen_melody", "trocr"), _CROSS_DECODER),
        "axk2": "its gated norms, and the gate of its latent queries, are not described",
        "blt": "its encoder and decoder of bytes, around a decoder of patches, are not described",
        **dict.fromkeys(
            ("dots3_note", "dots3_note_text"),
            "its latent attention has two shapes, which are not described in one model",
        ),
        **dict.fromkeys(
            ("gemma4_assistant", "gemma4_unified_assistant"),
            "a drafter of Gemma 4: it attends to the larger model's cache, which is not described",
        ),
        "hrm_text": "its two modules run several times for each token, which is not described",
        "inkling2_loop_text": f"some layers run several times for each token, and {_INKLING}",
        "inkling2_text": _INKLING,
        "inkling_text": _INKLING,
        "jetmoe": "its attention has experts, which are not described",
        "moss_transcribe_diarize": "its encoder of sounds is not described",
        **dict.fromkeys(
            ("qwen4_exp", "qwen4_exp_text"),
            "its embeddings of n-grams, which gate its residual streams, are not described",
        ),
        "dory": "its middle layers run several times for each token, which is not described",
        "reformer": "its attention by hashes and its reversible layers are not described",
        **dict.fromkeys(("rwkv", "rwkv5", "rwkv6", "rwkv7"), "its WKV layers are not described"),
        "xlnet": "its projected relative positions are not described",
        "xlstm": "its mLSTM layers are not described",
        "zamba": "its attention, whose weights several layers share, is not described",
        "zamba2": "its attention, whose weights several layers share, is not described",
        "zaya": "its convolved attention and its router of several layers are not described",
        "yuan": "the convolutions before its attention are not described",
    }
)
"""Why each is refused, as the end of a sentence that starts with its name."""
