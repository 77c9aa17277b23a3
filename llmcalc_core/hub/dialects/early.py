"""Decoders written before Llama, or as those were: GPT-BigCode, MPT, GPT-Neo, Persimmon, Qwen ...

Those of transformers have the defaults of its classes and were counted against its models (5.24.0);
Qwen, Baichuan, Orion, MiniCPM and the first Phi are as the modeling files beside their published
weights.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    PLAIN_FEED_FORWARD,
    SLIDING,
    biased_everywhere,
    decoder_fields,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_FOUR = 4


def _gpt_shape(fields: Fields) -> dict[str, Any]:
    """Read the shape in the words of GPT-2."""
    hidden = fields.number("n_embd", "hidden_size")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("n_layer", "num_hidden_layers", "num_layers"),
        "num_attention_heads": fields.number("n_head", "num_attention_heads", "num_heads"),
        "intermediate_size": fields.number("n_inner", "intermediate_size", default=_FOUR * hidden),
        "max_model_len": fields.number("n_positions", "max_position_embeddings"),
        **PLAIN_FEED_FORWARD,
    }


@dialect("gpt_bigcode")
def _gpt_bigcode(fields: Fields) -> dict[str, Any]:
    """Read StarCoder and SantaCoder: one key and value head for all, learned positions."""
    single = fields.flag("multi_query", default=True)
    fields.ignore("num_key_value_heads")
    shape = _gpt_shape(fields)
    return {
        **shape,
        "num_key_value_heads": 1 if single else None,
        "learned_positions": shape["max_model_len"],
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        **biased_everywhere(biased=True),
    }


@dialect("gpt_neo")
def _gpt_neo(fields: Fields) -> dict[str, Any]:
    """Read GPT-Neo, every second layer of which attends in a window."""
    shape = _gpt_shape(fields)
    kinds = fields.words("attention_layers") or ("global", "local")
    fields.ignore("attention_types")
    if not set(kinds) <= {"global", "local"}:
        fields.refuse("attention_layers", "can only hold global and local")
    local = {"layer_types": tuple(SLIDING if kind == "local" else FULL for kind in kinds),
             "sliding_window": fields.number("window_size")}  # fmt: skip
    return {
        **shape,
        **(local if "local" in kinds else {}),
        "learned_positions": shape["max_model_len"],
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "attention_output_bias": True,
        "mlp_bias": True,
    }


@dialect("mpt")
def _mpt(fields: Fields) -> dict[str, Any]:
    """Read MPT: no biases, so that its layer norms count as RMS norms; positions are slopes."""
    fields.require("no_bias", expected=True)
    fields.require("expansion_ratio", expected=_FOUR)
    attention = fields.section("attn_config") if fields.value("attn_config") else None
    if attention is not None:
        attention.require("qk_ln", expected=False)
        attention.require("alibi", expected=True)
        attention.ignore_rest()
    hidden = fields.number("d_model")
    fields.ignore("learned_pos_emb", "norm_type", "embedding_fraction", "init_config", "verbose")
    heads = attention.optional("kv_n_heads") if attention is not None else None
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("n_layers"),
        "num_attention_heads": fields.number("n_heads"),
        "num_key_value_heads": heads,
        "intermediate_size": _FOUR * hidden,
        "num_ffi": 1,
        "max_model_len": fields.optional("max_seq_len"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
    }


@dialect("persimmon")
def _persimmon(fields: Fields) -> dict[str, Any]:
    """Read Persimmon, whose norms of queries and keys have a bias as well."""
    base = decoder_fields(fields)
    normed = fields.flag("qk_layernorm", default=True)
    return {
        **base,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        "qk_norm": normed,
        "layer_vector_size": 2 * base["head_dim"] * normed,
    }


@dialect("qwen")
def _qwen(fields: Fields) -> dict[str, Any]:
    """Read the first Qwen: one width for both projections up, twice what each of them has."""
    fields.require("no_bias", expected=True)
    fields.ignore("kv_channels", "use_logn_attn", "use_flash_attn", "use_dynamic_ntk")
    fields.ignore("attn_dropout_prob", "emb_dropout_prob", "use_cache_quantization")
    fields.ignore("use_cache_kernel", "softmax_in_fp32", "kv_cache_quant")
    return {
        **decoder_fields(fields),
        "intermediate_size": fields.number("intermediate_size") // 2,
        "head_dim": fields.optional("kv_channels"),
        "qkv_bias": True,
    }


@dialect("baichuan", "orion")
def _baichuan(fields: Fields) -> dict[str, Any]:
    """Read Baichuan, or Orion, whose norms have a bias: Llama in other words."""
    norm = "layernorm" if fields.model_type == "orion" else "rmsnorm"
    return {**decoder_fields(fields), "norm": norm}


@dialect("minicpm")
def _minicpm(fields: Fields) -> dict[str, Any]:
    """Read MiniCPM: Llama whose head is tied unless the file says no, perhaps with experts."""
    experts = fields.number("num_experts", default=0)
    base = decoder_fields(fields, tied=True)
    if not experts:
        return base
    top_k = fields.number("num_experts_per_tok")
    return {**base, "num_experts": experts, "expert_top_k": top_k}


@dialect("phi-msft", "mixformer-sequential")
def _phi_msft(fields: Fields) -> dict[str, Any]:
    """Read Phi-1 to 2 in the words that they were first published in."""
    fields.ignore("flash_attn", "flash_rotary", "fused_dense", "rotary_dim", "img_processor")
    return {
        **_gpt_shape(fields),
        "num_key_value_heads": fields.optional("n_head_kv"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        **biased_everywhere(biased=True),
        "norms_per_layer": 1,
        "lm_head_bias": True,
    }
