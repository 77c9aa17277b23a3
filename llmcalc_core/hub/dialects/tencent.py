"""Tencent: Hunyuan and Hy, and Youtu-LLM.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    KV,
    attention_bias,
    decoder_fields,
    first_dense_layers,
)
from llmcalc_core.hub.dialects.deepseek import deepseek_latent, deepseek_sparse
from llmcalc_core.hub.dialects.fields import Fields, dialect

_CHOOSING = 4
"""Layers that read the tokens which the first of them chooses (Hy4)."""


@dialect("hunyuan_v1_dense")
def _hunyuan(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields, needs=(KV,)), **attention_bias(fields), "qk_norm": True}


@dialect("hunyuan_v1_moe")
def _hunyuan_v1_moe(fields: Fields) -> dict[str, Any]:
    """Read Hunyuan-A13B, whose numbers may be given for each layer, all the same."""
    fields.require("use_cla", expected=False)
    fields.require("use_mla", expected=False)
    fields.require("moe_drop_tokens", expected=False)
    fields.ignore("cla_share_factor", "use_mixed_mlp_moe", "attention_head_dim")
    fields.ignore("group_limited_greedy", "moe_random_routing_dropped_token", "norm_type")
    fields.ignore("pool_type")
    base = {**decoder_fields(fields, tied=True, needs=(KV,)), **attention_bias(fields)}
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


@dialect("hy_v3")
def _hy_v3(fields: Fields) -> dict[str, Any]:
    """Read Hunyuan 3."""
    fields.ignore("enable_moe_fp32_combine", "enable_attention_fp32_softmax", "enable_lm_head_fp32")
    fields.ignore("moe_router_use_sigmoid", "moe_router_enable_expert_bias", "use_grouped_mm")
    base = {**decoder_fields(fields, needs=(KV, "head_dim")), **attention_bias(fields)}
    return {
        **base,
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "qk_norm": fields.flag("qk_norm", default=True),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size", "expert_hidden_dim"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "first_k_dense_replace": first_dense_layers(
            fields, base["num_decoder_layers"], "first_k_dense_replace", default=1
        ),
        "router_bias": True,
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("youtu")
def _youtu(fields: Fields) -> dict[str, Any]:
    """Read Youtu-LLM: latent attention and dense layers."""
    fields.ignore("rope_interleave", "embedding_initializer_range", "mlp_bias")
    fields.require("mlp_bias", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**deepseek_latent(fields), "tie_word_embeddings": tied}


@dialect("hy_v4")
def _hy_v4(fields: Fields) -> dict[str, Any]:
    """Read Hy4: sparse latent attention with gates and sinks, four residual streams kept apart.

    One layer in four chooses tokens for those after it, from the second on, where the file names
    none.
    """
    fields.ignore("hc_eps", "hc_magnitude", "learnable_sink_init", "head_dim")
    sparse = deepseek_sparse(fields)
    layers = sparse["num_decoder_layers"]
    if not fields.words("indexer_types"):
        chosen = tuple(int(layer > 0 and (layer - 1) % _CHOOSING > 0) for layer in range(layers))
        sparse["per_layer"] = {"index_shared": chosen}
    return {
        **sparse,
        "first_k_dense_replace": first_dense_layers(
            fields, layers, "first_k_dense_replace", default=1
        ),
        "attention_sinks": True,
        "attn_output_gate": True,
        "router_bias": True,
        "hyper_connections": fields.number("hc_mult"),
        "hyper_connection_mixing": False,
    }
