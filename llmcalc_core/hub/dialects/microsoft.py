"""Microsoft: Phi.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    PLAIN_FEED_FORWARD,
    attention_bias,
    biased_everywhere,
    decoder_fields,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.mistral import mixtral


@dialect("phi")
def _phi(fields: Fields) -> dict[str, Any]:
    """Read Phi-1 to 2: both parts of a layer side by side after one norm, and a bias everywhere."""
    fields.require("qk_layernorm", expected=False)
    one = {"norms_per_layer": 1, "lm_head_bias": True}
    return {**decoder_fields(fields), **PLAIN_FEED_FORWARD, **biased_everywhere(biased=True), **one}


@dialect("phi3")
def _phi3(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields), **windows(fields)}


@dialect("phimoe")
def _phimoe(fields: Fields) -> dict[str, Any]:
    return {
        **mixtral(fields),
        **attention_bias(fields),
        "lm_head_bias": fields.flag("lm_head_bias", default=False),
        "norm": "layernorm",
    }
