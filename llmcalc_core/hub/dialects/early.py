"""Decoders from before Llama, or as those: GPT-2, GPT-J, GPT-NeoX, OPT, BLOOM, Falcon, Phi.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import common
from llmcalc_core.hub.dialects.fields import Dialect, Fields

# OPT's position table begins at 2 (OPTLearnedPositionalEmbedding in transformers).
_OPT_POSITION_OFFSET = 2

_PLAIN = {"num_ffi": 1, "norm": "layernorm"}
"""Feed-forward layers with one projection up, and layer norms, as before Llama."""


def _biased(*, biased: bool) -> dict[str, bool]:
    return {"qkv_bias": biased, "attention_output_bias": biased, "mlp_bias": biased}


def _gpt(fields: Fields, *, tied: bool) -> dict[str, Any]:
    fields.ignore("n_ctx")
    hidden = fields.number("n_embd", "hidden_size")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("n_layer", "num_hidden_layers"),
        "num_attention_heads": fields.number("n_head", "num_attention_heads"),
        "intermediate_size": fields.number("n_inner", default=4 * hidden),
        "max_model_len": fields.number("n_positions", "max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=tied),
        "num_ffi": 1,
        "mlp_bias": True,
        "norm": "layernorm",
    }


def _gpt2(fields: Fields) -> dict[str, Any]:
    gpt = _gpt(fields, tied=True)
    return {
        **gpt,
        "learned_positions": gpt["max_model_len"],
        "qkv_bias": True,
        "attention_output_bias": True,
    }


def _gptj(fields: Fields) -> dict[str, Any]:
    """Read GPT-J: attention and feed-forward in parallel after one norm, a head with a bias."""
    return {**_gpt(fields, tied=False), "lm_head_bias": True, "norms_per_layer": 1}


def _opt(fields: Fields) -> dict[str, Any]:
    fields.require("layer_norm_elementwise_affine", expected=True)
    hidden = fields.number("hidden_size")
    embedding = fields.number("word_embed_proj_dim", default=hidden)
    context = fields.number("max_position_embeddings")
    biased = fields.flag("enable_bias", default=True)
    norm_first = fields.flag("do_layer_norm_before", default=True)
    no_final_norm = fields.flag("_remove_final_layer_norm", default=False)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "intermediate_size": fields.number("ffn_dim"),
        "max_model_len": context,
        "learned_positions": context + _OPT_POSITION_OFFSET,
        "embedding_size": 0 if embedding == hidden else embedding,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "num_ffi": 1,
        "qkv_bias": biased,
        "attention_output_bias": biased,
        "mlp_bias": biased,
        "norm": "layernorm",
        "final_norm": norm_first and not no_final_norm,
    }


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
        "qkv_bias": biased,
        "attention_output_bias": biased,
        "mlp_bias": biased,
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


def _gpt_neox(fields: Fields) -> dict[str, Any]:
    fields.ignore("use_parallel_residual", "hidden_dropout", "classifier_dropout")
    biased = fields.flag("attention_bias", default=True)
    return {**common(fields), **_PLAIN, **_biased(biased=biased), "mlp_bias": True}


def _phi(fields: Fields) -> dict[str, Any]:
    """Read Phi-1 to 2: both parts of a layer side by side after one norm, and a bias everywhere."""
    fields.require("qk_layernorm", expected=False)
    one = {"norms_per_layer": 1, "lm_head_bias": True}
    return {**common(fields), **_PLAIN, **_biased(biased=True), **one}


def _bloom(fields: Fields) -> dict[str, Any]:
    """Read BLOOM; the norm after its embedding is left out."""
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
        **_PLAIN,
        **_biased(biased=True),
    }


EARLY: dict[str, Dialect] = {
    "gpt2": _gpt2,
    "gptj": _gptj,
    "gpt_neox": _gpt_neox,
    "opt": _opt,
    "bloom": _bloom,
    "falcon": _falcon,
    "phi": _phi,
}
"""Dialects from before Llama."""
