"""DeepSeek: experts, latent attention, sparse attention, and V4's compressed attention.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    attention_bias,
    decoder_fields,
    first_dense_layers,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_INDEXED = ("indexed_attention", "deepseek_sparse_attention")
_LETTERS = {"F": "full", "S": "shared"}
_WINDOW = "sliding_attention"
_SPARSE, _HEAVY = "compressed_sparse_attention", "heavily_compressed_attention"
# Tokens of an entry, where it says which kind a layer is (modeling of the checkpoint).
_KINDS = {0: _WINDOW, 4: _SPARSE, 128: _HEAVY}


def deepseek_experts(fields: Fields) -> dict[str, Any]:
    """Read routed and shared experts, and the dense layers before them; none without any."""
    fields.require("moe_layer_freq", expected=1)
    experts = fields.number("n_routed_experts", default=0)
    balanced_by_bias = fields.value("topk_method") == "noaux_tc"
    if not experts:
        fields.ignore("moe_intermediate_size", "num_experts_per_tok", "n_shared_experts")
        fields.ignore("first_k_dense_replace")
        return {}
    return {
        "num_experts": experts,
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("n_shared_experts", default=0),
        "first_k_dense_replace": fields.number("first_k_dense_replace", default=0),
        "router_bias": balanced_by_bias,
    }


@dialect("deepseek")
def _deepseek(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields), **attention_bias(fields), **deepseek_experts(fields)}


@dialect("deepseek_v2", "deepseek_v3", "sarvam_mla")
def deepseek_latent(fields: Fields) -> dict[str, Any]:
    """Read latent attention, which makes no use of key and value heads of its own."""
    fields.require("attention_bias", expected=False)
    fields.ignore("qk_head_dim")
    return {
        **decoder_fields(fields),
        "num_key_value_heads": None,
        "head_dim": None,
        **deepseek_experts(fields),
        "q_lora_rank": fields.optional("q_lora_rank"),
        "kv_lora_rank": fields.number("kv_lora_rank"),
        "qk_nope_head_dim": fields.number("qk_nope_head_dim"),
        "qk_rope_head_dim": fields.number("qk_rope_head_dim"),
        "v_head_dim": fields.number("v_head_dim"),
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("deepseek_v32")
def deepseek_sparse(fields: Fields) -> dict[str, Any]:
    """Read latent attention of chosen tokens, which are chosen in every layer or in some."""
    if not set(fields.words("layer_types")) <= {*_INDEXED}:
        fields.refuse("layer_types", f"can only hold {' and '.join(_INDEXED)}")
    fields.ignore("index_share_for_mtp_iteration", "num_experts")
    latent = deepseek_latent(fields)
    layers = latent["num_decoder_layers"]
    dense = first_dense_layers(fields, layers, "first_k_dense_replace")
    shared = _shared_indexers(fields, layers)
    return {
        **latent,
        **({"first_k_dense_replace": dense} if "num_experts" in latent else {}),
        **({"per_layer": {"index_shared": shared}, "mtp_layer": {"index_shared": 0}}
           if any(shared) else {}),
        "q_lora_rank": fields.number("q_lora_rank"),
        "index_n_heads": fields.number("index_n_heads"),
        "index_head_dim": fields.number("index_head_dim"),
        "index_topk": fields.number("index_topk"),
    }  # fmt: skip


def _shared_indexers(fields: Fields, layers: int) -> tuple[int, ...]:
    """Read which layers read the tokens that an earlier one chose.

    By their names, by the letters F and S of a pattern, or one in ``index_topk_freq`` after an
    offset (configuration_glm_moe_dsa.py).
    """
    named = fields.words("indexer_types")
    pattern = fields.value("index_topk_pattern")
    frequency = fields.number("index_topk_freq", default=1)
    offset = fields.number("index_skip_topk_offset", default=2)
    if isinstance(pattern, str) and not named:
        named = tuple(_LETTERS.get(letter, letter) for letter in pattern)
    if not named:
        skipped = (max(layer - offset + 1, 0) % max(frequency, 1) for layer in range(layers))
        return tuple(int(after != 0) for after in skipped)
    if len(named) != layers or not set(named) <= set(_LETTERS.values()):
        fields.refuse("indexer_types", f"must be full or shared for each of {layers} layers")
    if named[0] != "full":
        fields.refuse("indexer_types", "must be full in the first layer")
    return tuple(int(kind == "shared") for kind in named)


@dialect("deepseek_v4", "deepseek_ref")
def _deepseek_v4(fields: Fields) -> dict[str, Any]:
    """Read DeepSeek-V4; experts of the first layers are looked up, in a table that is not counted.

    The table has a few bytes for each token of the vocabulary and layer.
    """
    fields.require("num_key_value_heads", expected=1)
    fields.require("attention_bias", expected=False)
    fields.require("mlp_bias", expected=False)
    fields.require("topk_method", expected="noaux_tc")
    fields.ignore("hc_sinkhorn_iters", "hc_eps", "compress_rope_theta", "expert_dtype")
    fields.ignore("partial_rotary_factor", "rope_interleave", "first_k_dense_replace")
    fields.ignore("compress_rope_parameters")
    nope = fields.number("head_dim") - fields.number("qk_rope_head_dim")
    fields.require("qk_nope_head_dim", expected=nope)
    layers = fields.number("num_hidden_layers")
    kinds, hashed = _kinds(fields, layers), _hashed(fields, layers)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": layers,
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": 1,
        "head_dim": fields.number("head_dim"),
        "intermediate_size": fields.number("moe_intermediate_size"),
        "max_model_len": fields.optional("max_position_embeddings"),
        "sliding_window": fields.number("sliding_window"),
        "layer_types": kinds,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "attention_sinks": True,
        "hyper_connections": fields.number("hc_mult"),
        "q_lora_rank": fields.number("q_lora_rank"),
        "qk_rope_head_dim": fields.number("qk_rope_head_dim"),
        "o_groups": fields.number("o_groups"),
        "o_lora_rank": fields.number("o_lora_rank"),
        "sparse_compress_ratio": 4,
        "heavy_compress_ratio": 128,
        **{name: fields.number(name) for name in ("index_n_heads", "index_head_dim", "index_topk")},
        "num_experts": fields.number("n_routed_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "n_shared_experts": fields.number("n_shared_experts"),
        "per_layer": {"router_bias": tuple(int(not looked_up) for looked_up in hashed)},
        **_prediction(fields, layers),
    }


def _hashed(fields: Fields, layers: int) -> tuple[bool, ...]:
    """Read in which layers experts are looked up by the token: the first ones, or those named."""
    named = fields.entries("mlp_layer_types")
    if not named:
        first = fields.number("num_hash_layers")
        return tuple(layer < first for layer in range(layers))
    if len(named) != layers or not set(named) <= {"hash_moe", "moe"}:
        fields.refuse("mlp_layer_types", f"must be hash_moe or moe for each of {layers} layers")
    return tuple(kind == "hash_moe" for kind in named)


def _kinds(fields: Fields, layers: int) -> tuple[str, ...]:
    """Read the kind of each layer; ratios after the last are those of multi-token prediction."""
    named = fields.entries("layer_types")
    if named:
        fields.require("compress_rates", expected={_SPARSE: 4, _HEAVY: 128})
        if len(named) != layers or not set(named) <= set(_KINDS.values()):
            fields.refuse("layer_types", f"must be one of {', '.join(_KINDS.values())} for each")
        return named
    ratios = fields.entries("compress_ratios")
    if len(ratios) < layers or not set(ratios) <= set(_KINDS):
        fields.refuse("compress_ratios", f"must be 0, 4 or 128 for each of {layers} layers")
    return tuple(_KINDS[ratio] for ratio in ratios[:layers])


def _prediction(fields: Fields, layers: int) -> dict[str, Any]:
    """Read the modules of multi-token prediction: windows, and experts chosen by scores."""
    count = fields.number("num_nextn_predict_layers", default=0)
    if set(fields.entries("compress_ratios")[layers:]) - {0}:
        fields.refuse("compress_ratios", f"must be 0 after the {layers} layers")
    own = {"layer_type": _WINDOW, "router_bias": 1} if count else {}
    return {"mtp_layers": count, "mtp_layer": own}
