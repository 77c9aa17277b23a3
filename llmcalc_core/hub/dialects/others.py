"""Decoders of the Llama kind with one or two turns of their own: OLMo, Command, EXAONE, Seed ...

Defaults are those of the configuration classes in Hugging Face transformers.
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
from llmcalc_core.hub.dialects.mixture import deepseek_experts

_WIDE = {"qk_norm": True, "qk_norm_wide": True}


def _olmo2(fields: Fields) -> dict[str, Any]:
    return {**common(fields), **attention_bias(fields), **_WIDE}


def _olmo3(fields: Fields) -> dict[str, Any]:
    fields.number("sliding_window")
    return {**_olmo2(fields), **windows(fields, (SLIDING, SLIDING, SLIDING, FULL))}


def _olmoe(fields: Fields) -> dict[str, Any]:
    return {
        **_olmo2(fields),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


def _cohere(fields: Fields) -> dict[str, Any]:
    """Read Command R: both parts of a layer after one norm, whose layer norms have no bias."""
    fields.require("use_qk_norm", expected=False)
    return {**common(fields, tied=True), **attention_bias(fields), "norms_per_layer": 1}


def _cohere2(fields: Fields) -> dict[str, Any]:
    """Read Command A, with windows in three of four layers."""
    fields.number("sliding_window")
    period = fields.number("sliding_window_pattern", "_sliding_window_pattern", default=4)
    return {**_cohere(fields), **windows(fields, (SLIDING,) * (period - 1) + (FULL,))}


def _exaone4(fields: Fields) -> dict[str, Any]:
    """Read EXAONE 4, whose windows follow a number or a text such as LLLG."""
    pattern = fields.value("sliding_window_pattern")
    kinds: tuple[str, ...] = (FULL,)
    if isinstance(pattern, str):
        kinds = tuple(FULL if letter == "G" else SLIDING for letter in pattern)
    elif fields.value("sliding_window") is not None:
        period = fields.number("sliding_window_pattern", default=4)
        kinds = (SLIDING,) * (period - 1) + (FULL,)
    return {**common(fields, needs=(KV,)), **windows(fields, kinds), "qk_norm": True}


def _seed_oss(fields: Fields) -> dict[str, Any]:
    return {
        **common(fields, needs=(KV, "head_dim")),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "attention_output_bias": fields.flag("attention_out_bias", default=False),
        "mlp_bias": fields.flag("mlp_bias", default=False),
    }


def _smollm3(fields: Fields) -> dict[str, Any]:
    """Read SmolLM3, some of whose layers have no rotary positions."""
    fields.ignore("no_rope_layers", "no_rope_layer_interval", "layer_types", "sliding_window")
    fields.require("use_sliding_window", expected=False)
    tied = fields.flag("tie_word_embeddings", default=True)
    return {**llama(fields), "tie_word_embeddings": tied}


def _ernie4_5(fields: Fields) -> dict[str, Any]:
    biased = fields.flag("use_bias", default=False)
    bias = {"qkv_bias": biased, "attention_output_bias": biased, "mlp_bias": biased}
    return {**common(fields, tied=True, needs=(KV, "head_dim")), **bias}


def _hunyuan(fields: Fields) -> dict[str, Any]:
    return {**common(fields, needs=(KV,)), **attention_bias(fields), "qk_norm": True}


def _dots1(fields: Fields) -> dict[str, Any]:
    return {
        **common(fields, needs=(KV,)),
        **attention_bias(fields),
        **windows(fields, (FULL,)),
        **deepseek_experts(fields),
        "qk_norm": True,
        "router_bias": True,
    }


def _starcoder2(fields: Fields) -> dict[str, Any]:
    fields.require("mlp_type", expected="default")
    fields.require("norm_type", expected="layer_norm")
    biased = fields.flag("use_bias", default=True)
    return {
        **common(fields, tied=True, needs=(KV,)),
        **windows(fields),
        "num_ffi": 1,
        "qkv_bias": biased,
        "attention_output_bias": biased,
        "mlp_bias": biased,
        "norm": "layernorm",
    }


def _deci(fields: Fields) -> dict[str, Any]:
    """Read DeciLM, whose layers have key and value heads of their own number."""
    heads = fields.entries("num_key_value_heads_per_layer")
    layers = fields.number("num_hidden_layers")
    if len(heads) != layers:
        fields.refuse("num_key_value_heads_per_layer", f"must be a number for each of {layers}")
    return {**llama(fields), "num_key_value_heads": max(heads), "per_layer": {KV: heads}}


OTHERS: dict[str, Dialect] = {
    "olmo2": _olmo2,
    "olmo3": _olmo3,
    "olmoe": _olmoe,
    "cohere": _cohere,
    "cohere2": _cohere2,
    "exaone4": _exaone4,
    "seed_oss": _seed_oss,
    "smollm3": _smollm3,
    "ernie4_5": _ernie4_5,
    "hunyuan_v1_dense": _hunyuan,
    "dots1": _dots1,
    "starcoder2": _starcoder2,
    "deci": _deci,
}
"""Dialects of other makers."""
