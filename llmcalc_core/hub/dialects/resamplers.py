"""Models whose images become a fixed number of tokens: BLIP-2 and InstructBLIP, Idefics 2, Aria.

Queries of their own attend to the patches: a Q-Former (arXiv:2301.12597) or a perceiver
(arXiv:2204.14198). Counts are those of Hugging Face transformers 5.24.0: modeling_blip_2.py,
modeling_instructblip.py, modeling_idefics2.py and modeling_aria.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.encoders import Encoder
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.image_models import with_images


@dialect("blip-2")
def _blip_2(fields: Fields) -> dict[str, Any]:
    return _with_queries(fields, encoder="blip_2_vision_model", reads_words=False)


@dialect("instructblip")
def _instructblip(fields: Fields) -> dict[str, Any]:
    return _with_queries(fields, encoder="instructblip_vision_model", reads_words=True)


@dialect("instructblipvideo")
def _instructblipvideo(fields: Fields) -> dict[str, Any]:
    return _with_queries(fields, encoder="instructblipvideo_vision_model", reads_words=True)


def _with_queries(fields: Fields, *, encoder: str, reads_words: bool) -> dict[str, Any]:
    """Read a frozen encoder, a Q-Former that may read the question too, and a projection."""

    def queried(_: Fields, __: Encoder, text: int) -> dict[str, Any]:
        former = fields.section("qformer_config")
        count, width = fields.number("num_query_tokens", least=1), former.number("hidden_size")
        parameters = count * width + _q_former(former, reads_words=reads_words)
        former.ignore_rest()
        return {"query_tokens": count, "projector_parameters": parameters + (width + 1) * text}

    return with_images(fields, queried, encoder=encoder, decoder="opt")


def _q_former(former: Fields, *, reads_words: bool) -> int:
    """Count a Q-Former: layers of BERT, some of which attend to the patches."""
    width, inner = former.number("hidden_size"), former.number("intermediate_size")
    seen, layers = former.number("encoder_hidden_size"), former.number("num_hidden_layers")
    crossing = -(-layers // former.number("cross_attention_frequency", least=1))
    attention = 4 * (width + 1) * width + 2 * width
    across = 2 * (width + 1) * width + 2 * (seen + 1) * width + 2 * width
    feed_forward = (width + 1) * inner + (inner + 1) * width + 2 * width
    reads_words = reads_words or former.flag("use_qformer_text_input", default=False)
    words = former.number("vocab_size") + former.number("max_position_embeddings")
    return (
        layers * (attention + (1 + reads_words) * feed_forward)
        + crossing * across
        + 2 * width
        + reads_words * words * width
    )


@dialect("idefics2")
def _idefics2(fields: Fields) -> dict[str, Any]:
    """Read Idefics 2: a gated projection, and a perceiver whose keys are patches and queries."""

    def perceived(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        described = fields.section("text_config")
        inner = described.number("intermediate_size")
        described.ignore_rest()
        perceiver = fields.section("perceiver_config")
        width, dim = perceiver.number("resampler_head_dim"), perceiver.number("hidden_size")
        heads = perceiver.number("resampler_n_heads") + perceiver.number("num_key_value_heads")
        count = perceiver.number("resampler_n_latents", least=1)
        perceiver.ignore_rest()
        layer = 2 * dim * width * heads + 3 * dim * 4 * dim + 3 * dim
        parameters = perceiver.number("resampler_depth") * layer + count * dim + dim
        gated = 2 * encoder["hidden_size"] * inner + inner * text
        return {"query_tokens": count, "projector_parameters": parameters + gated}

    return with_images(fields, perceived, encoder="idefics2_vision", decoder="mistral")


@dialect("aria")
def _aria(fields: Fields) -> dict[str, Any]:
    """Read Aria: one attention from queries, of as many as the size of an image has."""

    def queried(_: Fields, encoder: Encoder, text: int) -> dict[str, Any]:
        width, sizes = encoder["hidden_size"], fields.value("projector_patch_to_query_dict")
        known = sizes if isinstance(sizes, dict) else _ARIA_QUERIES
        if not all(type(one) is int and one > 0 for one in known.values()):
            fields.refuse("projector_patch_to_query_dict", "must hold whole numbers")
        count = max(known.values())
        projected = 3 * width * width + 5 * (width + 1) * width + 2 * 2 * width
        parameters = count * width + projected + 2 * width + width * text + text * text
        return {"query_tokens": count, "projector_parameters": parameters}

    return with_images(fields, queried, encoder="idefics3_vision", decoder="aria_text")


_ARIA_QUERIES = {"1225": 128, "4900": 256}
"""Queries by the patches of an image, of AriaConfig."""
