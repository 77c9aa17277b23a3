"""Makers with a dense family or two, by name: Apertus, BLOOM, Command, Falcon, OLMo, Phi ...

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.23.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    KV,
    PLAIN_FEED_FORWARD,
    SLIDING,
    attention_bias,
    biased_everywhere,
    decoder_fields,
    delta_shape,
    layer_kinds,
    windows,
)
from llmcalc_core.hub.dialects.deepseek import deepseek_latent
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.meta import llama
from llmcalc_core.hub.dialects.mistral import mixtral


@dialect("apertus", "apertus1p5_text")
def _apertus(fields: Fields) -> dict[str, Any]:
    """Read Apertus, whose activation has two numbers of a layer."""
    fields.require("post_norm", expected=False)
    fields.require("mlp_bias", expected=False)
    qk_norm = fields.flag("qk_norm", default=True)
    return {**decoder_fields(fields), **attention_bias(fields), "num_ffi": 1, "qk_norm": qk_norm,
            "layer_vector_size": 2}  # fmt: skip


@dialect("arcee")
def _arcee(fields: Fields) -> dict[str, Any]:
    return {**llama(fields), "num_ffi": 1}


@dialect("bloom")
def _bloom(fields: Fields) -> dict[str, Any]:
    """Read BLOOM, with a norm after its embedding."""
    fields.require("apply_residual_connection_post_layernorm", expected=False)
    fields.ignore("attention_softmax_in_fp32", "masked_softmax_fusion", "hidden_dropout")
    hidden = fields.number("hidden_size", "n_embed")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers", "n_layer"),
        "num_attention_heads": fields.number("num_attention_heads", "n_head"),
        "intermediate_size": fields.number("n_inner", default=4 * hidden),
        "max_model_len": fields.optional("seq_length"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "outer_vector_size": 2 * hidden,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
    }


@dialect("cohere")
def _cohere(fields: Fields) -> dict[str, Any]:
    """Read Command R: both parts of a layer after one norm, whose layer norms have no bias."""
    fields.require("use_parallel_block", expected=True)
    fields.require("use_gated_activation", expected=True)
    normed = fields.flag("use_qk_norm", default=False)
    return {
        **decoder_fields(fields, tied=True),
        **attention_bias(fields),
        "norms_per_layer": 1,
        "qk_norm": normed,
        "qk_norm_wide": normed,
    }


@dialect("cohere2")
def _cohere2(fields: Fields) -> dict[str, Any]:
    """Read Command A, with windows in three of four layers."""
    fields.number("sliding_window")
    fields.ignore("rotary_pct", "order_of_interleaved_layers", "use_embedding_sharing")
    fields.ignore("use_parallel_embedding")
    period = fields.number(
        "sliding_window_pattern", "_sliding_window_pattern", "layer_switch", default=4
    )
    return {**_cohere(fields), **windows(fields, (SLIDING,) * (period - 1) + (FULL,))}


@dialect("cohere_compass_text")
def _cohere_compass_text(fields: Fields) -> dict[str, Any]:
    """Read the text part of North Micro Vision; all layers are full unless the file names them."""
    return {
        **decoder_fields(fields, tied=True),
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        "norms_per_layer": 1,
    }


@dialect("doge")
def _doge(fields: Fields) -> dict[str, Any]:
    """Read Doge, whose values say which keys count, and whose sums have weights of their own.

    For each key head a number, and a projection of the values to one; for each part of a layer a
    weight of the residual. Keys that do not count are masked, so that all are read.
    """
    fields.require("is_moe", expected=False)
    fields.ignore("num_experts", "num_experts_per_tok", "norm_topk_prob", "keep_window_size")
    base = {**decoder_fields(fields), **attention_bias(fields)}
    heads = base["num_key_value_heads"] or base["num_attention_heads"]
    return {
        **base,
        **windows(fields),
        "mlp_bias": fields.flag("mlp_bias", default=False),
        "qk_norm": True,
        "layer_vector_size": heads * (heads * base["head_dim"] + 1) + 2 * base["hidden_size"],
    }


@dialect("falcon")
def _falcon(fields: Fields) -> dict[str, Any]:
    hidden = fields.number("hidden_size", "n_embed")
    biased = fields.flag("bias", default=False)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers", "n_layer"),
        "num_attention_heads": fields.number("num_attention_heads", "n_head"),
        "num_key_value_heads": _falcon_kv_heads(fields),
        "intermediate_size": fields.number("ffn_hidden_size", default=4 * hidden),
        "max_model_len": fields.number("max_position_embeddings", default=2048),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "num_ffi": 1,
        **biased_everywhere(biased=biased),
        "norm": "layernorm",
        "norms_per_layer": _falcon_norms(fields),
    }


def _falcon_kv_heads(fields: Fields) -> int | None:
    multi_query = fields.flag("multi_query", default=True)
    grouped = fields.optional("num_kv_heads", "n_head_kv")
    if fields.flag("new_decoder_architecture", default=False):
        return grouped
    return 1 if multi_query else None


def _falcon_norms(fields: Fields) -> int:
    new = fields.flag("new_decoder_architecture", default=False)
    parallel = fields.flag("parallel_attn", default=True)
    if new:
        return fields.number("num_ln_in_parallel_attn", default=2)
    return 1 if parallel else 2


@dialect("helium")
def _helium(fields: Fields) -> dict[str, Any]:
    base = llama(fields)
    if base["num_attention_heads"] * base["head_dim"] != base["hidden_size"]:
        fields.refuse("head_dim", "can only be described where all heads are as wide as the model")
    return {**base, "attention_output_bias": False}


@dialect("internlm", "internlm2")
def _internlm(fields: Fields) -> dict[str, Any]:
    return {**decoder_fields(fields), **attention_bias(fields, "bias")}


@dialect("internlm3")
def _internlm3(fields: Fields) -> dict[str, Any]:
    biased = fields.flag("bias", default=False)
    return {
        **decoder_fields(fields, needs=(KV,)),
        "qkv_bias": fields.flag("qkv_bias", default=False),
        "attention_output_bias": biased or fields.flag("attention_bias", default=False),
        "mlp_bias": biased or fields.flag("mlp_bias", default=False),
    }


@dialect("minicpm3")
def _minicpm3(fields: Fields) -> dict[str, Any]:
    """Read MiniCPM3: latent attention, tied embeddings."""
    fields.ignore("scale_emb", "scale_depth", "dim_model_base", "rope_interleave", "qk_head_dim")
    fields.require("mlp_bias", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**deepseek_latent(fields), "tie_word_embeddings": tied}


@dialect("nanochat")
def _nanochat(fields: Fields) -> dict[str, Any]:
    """Read NanoChat, whose norms have no weights."""
    bare = {"num_ffi": 1, "norms_per_layer": 0, "final_norm": False}
    return {**decoder_fields(fields), **attention_bias(fields), **bare}


@dialect("diffllama")
def _diffllama(fields: Fields) -> dict[str, Any]:
    """Read DiffLlama: attention as a difference of two, with four vectors of a head's width."""
    base = llama(fields)
    return {**base, "layer_vector_size": 4 * base["head_dim"]}


@dialect("bitnet")
def _bitnet(fields: Fields) -> dict[str, Any]:
    """Read BitNet, with a norm before the last projection of attention and of the feed-forward."""
    base = llama(fields)
    own = base["num_attention_heads"] * base["head_dim"] + base["intermediate_size"]
    return {**base, "layer_vector_size": own}


@dialect("seed_oss")
def _seed_oss(fields: Fields) -> dict[str, Any]:
    return {
        **decoder_fields(fields, needs=(KV, "head_dim")),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "attention_output_bias": fields.flag("attention_out_bias", default=False),
        "mlp_bias": fields.flag("mlp_bias", default=False),
    }


@dialect("smollm3")
def _smollm3(fields: Fields) -> dict[str, Any]:
    """Read SmolLM3, some of whose layers have no rotary positions."""
    fields.ignore("no_rope_layers", "no_rope_layer_interval", "layer_types", "sliding_window")
    fields.require("use_sliding_window", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**llama(fields), "tie_word_embeddings": tied}


@dialect("stablelm")
def _stablelm(fields: Fields) -> dict[str, Any]:
    """Read StableLM 2, with layer norms; one norm in each layer where both parts follow it."""
    fields.require("qk_layernorm", expected=False)
    parallel = fields.flag("use_parallel_residual", default=False)
    return {
        **decoder_fields(fields),
        "qkv_bias": fields.flag("use_qkv_bias", default=False),
        "norm": "layernorm",
        "norms_per_layer": 1 if parallel else 2,
    }


@dialect("starcoder2")
def _starcoder2(fields: Fields) -> dict[str, Any]:
    fields.require("mlp_type", expected="default")
    fields.require("norm_type", expected="layer_norm")
    biased = fields.flag("use_bias", default=True)
    return {
        **decoder_fields(fields, tied=True, needs=(KV,)),
        **windows(fields),
        "num_ffi": 1,
        **biased_everywhere(biased=biased),
        "norm": "layernorm",
    }


_LINEAR = "linear_attention"
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


@dialect("olmo_hybrid")
def _olmo_hybrid(fields: Fields) -> dict[str, Any]:
    """Read OLMo Hybrid: gated delta nets in three of four layers."""
    base = {**_olmo2(fields), **delta_shape(fields)}
    layers = base["num_decoder_layers"]
    kinds = layer_kinds(fields, {FULL: FULL, _LINEAR: _LINEAR}, layers)
    if not kinds:
        fields.refuse("layer_types", "must name every layer")
    fields.ignore("linear_allow_neg_eigval", "linear_a_log_max", "linear_a_log_min")
    fields.ignore("linear_dt_init_floor", "linear_dt_max", "linear_dt_min", "linear_use_gate")
    return {**base, "layer_types": kinds}


@dialect("olmoe", "flex_olmo")
def _olmoe(fields: Fields) -> dict[str, Any]:
    return {
        **_olmo2(fields),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


@dialect("phi")
def _phi(fields: Fields) -> dict[str, Any]:
    """Read Phi-1 to 2: both parts of a layer side by side after one norm, and a bias everywhere."""
    fields.require("qk_layernorm", expected=False)
    one = {"norms_per_layer": 1, "lm_head_bias": True}
    return {**decoder_fields(fields), **PLAIN_FEED_FORWARD, **biased_everywhere(biased=True), **one}


@dialect("phi3")
def phi3(fields: Fields) -> dict[str, Any]:
    """Read Phi-3 and 4, with a window where the file has one."""
    fields.require("full_attn_mod", expected=1)
    fields.require("mlp_bias", expected=False)
    fields.require("lm_head_bias", expected=False)
    return {**decoder_fields(fields), **windows(fields)}


@dialect("phimoe")
def _phimoe(fields: Fields) -> dict[str, Any]:
    return {
        **mixtral(fields),
        **attention_bias(fields),
        "lm_head_bias": fields.flag("lm_head_bias", default=False),
        "norm": "layernorm",
    }
