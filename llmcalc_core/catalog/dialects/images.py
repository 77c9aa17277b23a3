"""Decoders that are known from text, with an encoder of images: Qwen3-VL, Mistral Small 3.1."""

from __future__ import annotations

from typing import Any

from llmcalc_core.catalog.dialects.dense import DENSE
from llmcalc_core.catalog.dialects.fields import Dialect, Fields
from llmcalc_core.catalog.dialects.mixture import MIXTURE
from llmcalc_core.catalog.dialects.vision import images, pixtral_vision, qwen_vision


def _text(fields: Fields, text: Fields, dialect: Dialect) -> dict[str, Any]:
    """Read the text part; the whole file may say that the head is tied."""
    described = dialect(text)
    if fields.value("tie_word_embeddings") is not None:
        tied = fields.flag("tie_word_embeddings", default=False)
        described["tie_word_embeddings"] = tied
    return described


def _qwen3_vl(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, DENSE["qwen3"])


def _qwen3_vl_moe(fields: Fields) -> dict[str, Any]:
    return _with_qwen_vision(fields, MIXTURE["qwen3_moe"])


def _with_qwen_vision(fields: Fields, dialect: Dialect) -> dict[str, Any]:
    vision, text = images(fields), fields.section("text_config")
    described = _text(fields, text, dialect)
    fields.ignore_rest()
    return {**described, "vision": qwen_vision(vision) if vision else None}


def _mistral3(fields: Fields) -> dict[str, Any]:
    text = fields.section("text_config")
    if text.value("model_type") != "mistral":
        text.refuse("model_type", "can only be described as mistral")
    fields.require("multimodal_projector_bias", expected=False)
    vision, described = images(fields), _text(fields, text, DENSE["mistral"])
    if vision:
        merge = fields.number("spatial_merge_size", default=2)
        described["vision"] = pixtral_vision(vision, described["hidden_size"], merge)
    fields.ignore_rest()
    return described


IMAGES: dict[str, Dialect] = {
    "qwen3_vl": _qwen3_vl,
    "qwen3_vl_moe": _qwen3_vl_moe,
    "mistral3": _mistral3,
}
"""Dialects of models whose text part is another dialect."""
