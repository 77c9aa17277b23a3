"""Baidu: ERNIE 4.5, dense and with experts.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    KV,
    biased_everywhere,
    decoder_fields,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

# Dense, and what leaves its layer goes to the head without a norm, so that of the layer's two norms
# and the last one there are two (vLLM, ernie_mtp.py, 028aedf; read 2026-11-23).
_ERNIE_MODULE = {"mlp_layer_type": "dense", "norms_per_layer": 1}


@dialect("ernie4_5", "paddleocr_vl_text")
def _ernie4_5(fields: Fields) -> dict[str, Any]:
    fields.require("use_rmsnorm", expected=True)
    biased = fields.flag("use_bias", default=False)
    base = decoder_fields(fields, tied=True, needs=(KV, "head_dim"))
    return {**base, **biased_everywhere(biased=biased)}


@dialect("ernie4_5_moe")
def _ernie4_5_moe(fields: Fields) -> dict[str, Any]:
    """Read ERNIE 4.5, whose experts start at a layer and go to the last."""
    fields.require("moe_layer_interval", expected=1)
    fields.require("use_rmsnorm", expected=True)
    fields.ignore("moe_norm_min", "moe_gate_act", "moe_capacity", "moe_use_aux_free", "moe_gate")
    fields.ignore("moe_layer_end_index")
    biased = fields.flag("use_bias", default=False)
    base = decoder_fields(fields, tied=True, needs=(KV,))
    last = fields.value("moe_layer_end_index")
    if last not in (None, -1, base["num_decoder_layers"] - 1):
        fields.refuse("moe_layer_end_index", "can only be described as the last layer")
    if biased:
        fields.require("num_nextn_predict_layers", expected=0)
    return {
        **base,
        **biased_everywhere(biased=biased),
        "num_experts": fields.number("moe_num_experts"),
        "expert_top_k": fields.number("moe_k"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("moe_num_shared_experts", default=0),
        "first_k_dense_replace": fields.number("moe_layer_start_index", default=1),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
        "mtp_layer": _ERNIE_MODULE,
    }
