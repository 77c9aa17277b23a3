"""Mixtures of experts of Baidu and Tencent: ERNIE 4.5, Hunyuan.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.23.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import KV, attention_bias, common
from llmcalc_core.hub.dialects.experts import first_dense
from llmcalc_core.hub.dialects.fields import Dialect, Fields

# Dense, and what leaves its layer goes to the head without a norm, so that of the layer's two norms
# and the last one there are two (vLLM, ernie_mtp.py, 028aedf; read 2026-11-23).
_ERNIE_MODULE = {"mlp_layer_type": "dense", "norms_per_layer": 1}


def _ernie4_5_moe(fields: Fields) -> dict[str, Any]:
    """Read ERNIE 4.5, whose experts start at a layer and go to the last."""
    fields.require("moe_layer_interval", expected=1)
    fields.ignore("moe_norm_min", "moe_gate_act", "moe_capacity", "moe_use_aux_free", "moe_gate")
    fields.ignore("moe_layer_end_index")
    biased = fields.flag("use_bias", default=False)
    base = common(fields, tied=True, needs=(KV,))
    last = fields.value("moe_layer_end_index")
    if last not in (None, -1, base["num_decoder_layers"] - 1):
        fields.refuse("moe_layer_end_index", "can only be described as the last layer")
    if biased:
        fields.require("num_nextn_predict_layers", expected=0)
    return {
        **base,
        "qkv_bias": biased,
        "attention_output_bias": biased,
        "mlp_bias": biased,
        "num_experts": fields.number("moe_num_experts"),
        "expert_top_k": fields.number("moe_k"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("moe_num_shared_experts", default=0),
        "first_k_dense_replace": fields.number("moe_layer_start_index", default=1),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
        "mtp_layer": _ERNIE_MODULE,
    }


def _hunyuan_v1_moe(fields: Fields) -> dict[str, Any]:
    """Read Hunyuan-A13B, whose numbers may be given for each layer, all the same."""
    fields.require("use_cla", expected=False)
    fields.require("use_mla", expected=False)
    fields.require("moe_drop_tokens", expected=False)
    fields.ignore("cla_share_factor", "use_mixed_mlp_moe", "attention_head_dim")
    fields.ignore("group_limited_greedy", "moe_random_routing_dropped_token", "norm_type")
    fields.ignore("pool_type")
    base = {**common(fields, tied=True, needs=(KV,)), **attention_bias(fields)}
    return {
        **base,
        "head_dim": fields.optional("attention_head_dim", "head_dim"),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "qk_norm": fields.flag("use_qk_norm", default=True),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.alike("moe_topk"),
        "moe_intermediate_size": fields.alike(
            "moe_intermediate_size", default=base["intermediate_size"]
        ),
        "n_shared_experts": fields.alike("num_shared_expert", default=1),
        "shared_expert_intermediate_size": base["intermediate_size"],
        "first_k_dense_replace": fields.number("moe_layer_num_skipped", default=0),
    }


def _hy_v3(fields: Fields) -> dict[str, Any]:
    """Read Hunyuan 3."""
    fields.ignore("enable_moe_fp32_combine", "enable_attention_fp32_softmax", "enable_lm_head_fp32")
    fields.ignore("moe_router_use_sigmoid", "moe_router_enable_expert_bias", "use_grouped_mm")
    base = {**common(fields, needs=(KV, "head_dim")), **attention_bias(fields)}
    return {
        **base,
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "qk_norm": fields.flag("qk_norm", default=True),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size", "expert_hidden_dim"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "first_k_dense_replace": first_dense(
            fields, base["num_decoder_layers"], "first_k_dense_replace", default=1
        ),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


HUNYUAN: dict[str, Dialect] = {
    "ernie4_5_moe": _ernie4_5_moe,
    "hunyuan_v1_moe": _hunyuan_v1_moe,
    "hy_v3": _hy_v3,
}
"""Dialects of ERNIE and Hunyuan with experts."""
