"""Ai2: OLMo and OLMoE.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import FULL, SLIDING, attention_bias, decoder_fields, windows
from llmcalc_core.hub.dialects.fields import Fields, dialect

_WIDE = {"qk_norm": True, "qk_norm_wide": True}


@dialect("olmo")
def _olmo(fields: Fields) -> dict[str, Any]:
    """Read OLMo, whose norms have no weights."""
    fields.ignore("clip_qkv")
    return {
        **decoder_fields(fields),
        **attention_bias(fields),
        "norms_per_layer": 0,
        "final_norm": False,
    }


@dialect("olmo2")
def _olmo2(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields), **attention_bias(fields), **_WIDE}


@dialect("olmo3")
def _olmo3(fields: Fields) -> dict[str, Any]:
    fields.number("sliding_window")
    return {**_olmo2(fields), **windows(fields, (SLIDING, SLIDING, SLIDING, FULL))}


@dialect("olmoe")
def _olmoe(fields: Fields) -> dict[str, Any]:
    return {
        **_olmo2(fields),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }
