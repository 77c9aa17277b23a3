"""Dense decoders of further makers, each with a turn of its own: Apertus, Arcee, CWM, Ministral ...

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.23.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import (
    FULL,
    KV,
    SLIDING,
    attention_bias,
    common,
    llama,
    windows,
)
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.mixture import deepseek_latent


def _apertus(fields: Fields) -> dict[str, Any]:
    """Read Apertus, whose activation has two numbers of a layer, which are not counted."""
    fields.require("post_norm", expected=False)
    fields.require("mlp_bias", expected=False)
    qk_norm = fields.flag("qk_norm", default=True)
    return {**common(fields), **attention_bias(fields), "num_ffi": 1, "qk_norm": qk_norm}


def _arcee(fields: Fields) -> dict[str, Any]:
    return {**llama(fields), "num_ffi": 1}


def _cwm(fields: Fields) -> dict[str, Any]:
    """Read CWM, with full attention in the first of every four layers."""
    fields.ignore("global_window", "window_pattern")
    fields.number("sliding_window")
    return {**llama(fields), **windows(fields, (FULL, SLIDING, SLIDING, SLIDING))}


def _ministral(fields: Fields) -> dict[str, Any]:
    fields.ignore("query_pre_attn_scalar", "llama_4_scaling_beta")
    return {**common(fields, needs=(KV,)), **windows(fields)}


def _internlm3(fields: Fields) -> dict[str, Any]:
    biased = fields.flag("bias", default=False)
    return {
        **common(fields, needs=(KV,)),
        "qkv_bias": fields.flag("qkv_bias", default=False),
        "attention_output_bias": biased or fields.flag("attention_bias", default=False),
        "mlp_bias": biased or fields.flag("mlp_bias", default=False),
    }


def _olmo(fields: Fields) -> dict[str, Any]:
    """Read OLMo, whose norms have no weights."""
    fields.ignore("clip_qkv")
    return {**common(fields), **attention_bias(fields), "norms_per_layer": 0, "final_norm": False}


def _stablelm(fields: Fields) -> dict[str, Any]:
    """Read StableLM 2, with layer norms; one norm in each layer where both parts follow it."""
    fields.require("qk_layernorm", expected=False)
    parallel = fields.flag("use_parallel_residual", default=False)
    return {
        **common(fields),
        "qkv_bias": fields.flag("use_qkv_bias", default=False),
        "norm": "layernorm",
        "norms_per_layer": 1 if parallel else 2,
    }


def _youtu(fields: Fields) -> dict[str, Any]:
    """Read Youtu-LLM: latent attention and dense layers."""
    fields.ignore("rope_interleave", "embedding_initializer_range", "mlp_bias")
    fields.require("mlp_bias", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**deepseek_latent(fields), "tie_word_embeddings": tied}


def _minicpm3(fields: Fields) -> dict[str, Any]:
    """Read MiniCPM3: latent attention, tied embeddings."""
    fields.ignore("scale_emb", "scale_depth", "dim_model_base", "rope_interleave", "qk_head_dim")
    fields.require("mlp_bias", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**deepseek_latent(fields), "tie_word_embeddings": tied}


def _mimo(fields: Fields) -> dict[str, Any]:
    """Read MiMo-7B: Qwen2 with modules of multi-token prediction."""
    fields.require("use_sliding_window", expected=False)
    fields.ignore("sliding_window", "layer_types")
    return {
        **common(fields, needs=(KV,)),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


def _granite_swa(fields: Fields) -> dict[str, Any]:
    """Read Granite with windows, whose files name the kind of every layer, and sinks."""
    fields.number("sliding_window")
    fields.ignore("layer_rope_theta")
    if not fields.entries("layer_types"):
        fields.refuse("layer_types", "must name every layer")
    return {**llama(fields), **windows(fields), "attention_sinks": True}


def _vaultgemma(fields: Fields) -> dict[str, Any]:
    """Read VaultGemma: Gemma 2 without norms after the parts of a layer."""
    fields.number("sliding_window")
    base = common(fields, tied=True, needs=(KV, "head_dim"))
    return {**base, **attention_bias(fields), **windows(fields, (SLIDING, FULL))}


def _helium(fields: Fields) -> dict[str, Any]:
    return {**llama(fields), "attention_output_bias": False}


LLAMAS: dict[str, Dialect] = {
    "apertus": _apertus,
    "arcee": _arcee,
    "cwm": _cwm,
    "ministral": _ministral,
    "ministral3": _ministral,
    "internlm3": _internlm3,
    "olmo": _olmo,
    "stablelm": _stablelm,
    "youtu": _youtu,
    "minicpm3": _minicpm3,
    "mimo": _mimo,
    "granite_swa": _granite_swa,
    "vaultgemma": _vaultgemma,
    "helium": _helium,
    "iquestcoder": llama,
}
"""Dialects of further dense decoders."""
