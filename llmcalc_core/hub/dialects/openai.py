"""OpenAI: GPT-2 and gpt-oss; and GPT-J and GPT-NeoX of EleutherAI, written as GPT-2 is.

Defaults are those of the configuration classes in Hugging Face transformers.
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
    local_experts,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect


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


@dialect("gpt2")
def _gpt2(fields: Fields) -> dict[str, Any]:
    gpt = _gpt(fields, tied=True)
    return {
        **gpt,
        "learned_positions": gpt["max_model_len"],
        "qkv_bias": True,
        "attention_output_bias": True,
    }


@dialect("gptj", "codegen")
def _gptj(fields: Fields) -> dict[str, Any]:
    """Read GPT-J: attention and feed-forward in parallel after one norm, a head with a bias."""
    return {**_gpt(fields, tied=False), "lm_head_bias": True, "norms_per_layer": 1}


@dialect("gpt_neox")
def _gpt_neox(fields: Fields) -> dict[str, Any]:
    fields.ignore("use_parallel_residual", "hidden_dropout", "classifier_dropout")
    biased = fields.flag("attention_bias", default=True)
    return {
        **decoder_fields(fields),
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=biased),
        "mlp_bias": True,
    }


@dialect("gpt_oss")
def _gpt_oss(fields: Fields) -> dict[str, Any]:
    fields.ignore("experts_per_token")
    return {
        **decoder_fields(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **windows(fields, (SLIDING, FULL)),
        **local_experts(fields),
        "attention_sinks": True,
        "mlp_bias": True,
        "router_bias": True,
    }
