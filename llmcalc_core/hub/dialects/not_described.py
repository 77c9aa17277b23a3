"""Model types that are refused by name, and which part of each is not described.

They are types of the causal and the image-text mapping of Hugging Face transformers 5.24.0; what is
said of each is what its modeling file builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

_VISUAL_WORDS = "its tokenizer of images, a network of convolutions (VQ-VAE), is not described"
_TWO_ENCODERS = "its two encoders of images, one after or beside the other, are not described"
_TIMM = "its encoder of images, a network of timm, is not described"
_CROSS_LAYERS = "its layers that attend to an image, between those of text, are not described"

_IMAGES = {
    **dict.fromkeys(("apertus1p5", "chameleon", "emu3", "janus"), _VISUAL_WORDS),
    **dict.fromkeys(("deepseek_ocr2", "deepseek_vl_hybrid", "unlimited_ocr"), _TWO_ENCODERS),
    **dict.fromkeys(("fast_vlm", "perception_lm"), _TIMM),
    **dict.fromkeys(("evolla", "idefics", "mllama"), _CROSS_LAYERS),
    **dict.fromkeys(
        (
            "florence2",
            "pix2struct",
            "pp_chart2table",
            "pp_formulanet",
            "t5gemma2",
            "udop",
            "vision-encoder-decoder",
        ),
        _ENCODER_DECODER,
    ),
    **dict.fromkeys(("inkling_mm_model", "inkling2", "inkling2_loop"), _INKLING),
    "blip": "the attention of its decoder to its encoder of images is not described",
    "diffusion_gemma": "it denoises blocks of tokens at once, which is not described",
    "ernie4_5_vl_moe": "experts of its own for images, of another width, are not described",
    "git": "its decoder, of BERT's layers over embeddings of images, is not described",
    "glm5_next": "its residual streams beside linear attention and indexers are not described",
    "granite4_vision": "its projectors of several depths of the encoder are not described",
    "granite_docling": "its connector of two paths and its router by density are not described",
    "hunyuan_vl": "its merger, with rows that end and images that begin, is not described",
    **dict.fromkeys(
        ("kosmos-2", "kosmos-2.5"),
        "its latent queries between encoder and decoder are not described",
    ),
    "lfm3_vl": "its encoder of images, with convolutions between attention, is not described",
    "mistral_large4": "its latent caches, which several layers share, are not described",
    "muse_spark": "its gates of residuals and its scaled embeddings are not described",
    "pi0": "the actions that it gives in place of text are not described",
}

NOT_DESCRIBED: Mapping[str, str] = MappingProxyType(
    {
        **_IMAGES,
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
        "rwkv": "its WKV layers are not described",
        "xlnet": "its projected relative positions are not described",
        "xlstm": "its mLSTM layers are not described",
        "zamba": "its attention, whose weights several layers share, is not described",
        "zamba2": "its attention, whose weights several layers share, is not described",
        "zaya": "its convolved attention and its router of several layers are not described",
    }
)
"""Why each is refused, as the end of a sentence that starts with its name."""
