"""NAVER: HyperCLOVA X SEED Think, and the version that sees images.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import images, text_part
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.meta import llama
from llmcalc_core.hub.dialects.qwen import qwen2_vision


@dialect("hyperclovax")
def _hyperclovax(fields: Fields) -> dict[str, Any]:
    """Read HyperCLOVA X: Llama with norms after each part of a layer as well."""
    after = fields.flag("use_post_norm", default=True)
    return {**llama(fields), "norms_per_layer": 4 if after else 2}


@dialect("hyperclovax_vision_v2")
def _hyperclovax_vision(fields: Fields) -> dict[str, Any]:
    """Read the encoder of Qwen2.5-VL before it, and a projection of its own."""
    text, vision = fields.section("text_config"), images(fields)
    described = text_part(fields, text, _hyperclovax)
    if vision:
        tower = qwen2_vision(vision)
        own = (vision.number("out_hidden_size") + 1) * described["hidden_size"]
        described["vision"] = replace(tower, projector_parameters=tower.projector_parameters + own)
    fields.ignore_rest()
    return described
