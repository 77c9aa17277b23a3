"""Decoders that are known from text, with an encoder of images: Qwen-VL, GLM-V, Mistral 3."""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import DENSE
from llmcalc_core.hub.dialects.experts import EXPERTS
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.glm import GLM
from llmcalc_core.hub.dialects.llamas import LLAMAS
from llmcalc_core.hub.dialects.mixture import MIXTURE
from llmcalc_core.hub.dialects.vision import (
    glm_vision,
    images,
    pixtral_vision,
    qwen2_vision,
    qwen_vision,
)


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


def _qwen2_vl(fields: Fields) -> dict[str, Any]:
    """Read Qwen2-VL and Qwen2.5-VL, whose text fields are a section or on the outside."""
    vision = images(fields)
    text = fields if fields.value("text_config") is None else fields.section("text_config")
    described = _text(fields, text, DENSE["qwen2"])
    fields.ignore_rest()
    return {**described, "vision": qwen2_vision(vision) if vision else None}


def _glm4v(fields: Fields) -> dict[str, Any]:
    return _with_glm_vision(fields, GLM["glm4"])


def _glm4v_moe(fields: Fields) -> dict[str, Any]:
    return _with_glm_vision(fields, GLM["glm4_moe"])


def _with_glm_vision(fields: Fields, dialect: Dialect) -> dict[str, Any]:
    vision, text = images(fields), fields.section("text_config")
    described = _text(fields, text, dialect)
    fields.ignore_rest()
    return {**described, "vision": glm_vision(vision) if vision else None}


_MISTRAL = {
    "mistral": DENSE["mistral"],
    "ministral3": LLAMAS["ministral3"],
    "mistral4": EXPERTS["mistral4"],
}


def _mistral3(fields: Fields) -> dict[str, Any]:
    text = fields.section("text_config")
    kind = str(text.value("model_type"))
    if kind not in _MISTRAL:
        text.refuse("model_type", f"can only be described as {', '.join(_MISTRAL)}")
    fields.require("multimodal_projector_bias", expected=False)
    vision, described = images(fields), _text(fields, text, _MISTRAL[kind])
    if vision:
        merge = fields.number("spatial_merge_size", default=2)
        described["vision"] = pixtral_vision(vision, described["hidden_size"], merge)
    fields.ignore_rest()
    return described


IMAGES: dict[str, Dialect] = {
    "qwen3_vl": _qwen3_vl,
    "qwen3_vl_moe": _qwen3_vl_moe,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen2_vl,
    "glm4v": _glm4v,
    "glm4v_moe": _glm4v_moe,
    "mistral3": _mistral3,
}
"""Dialects of models whose text part is another dialect."""
