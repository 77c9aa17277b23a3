"""The first decoders: GPT, CTRL, XGLM, BioGPT, CPM-Ant, GPT-NeoX Japanese, and Moshi's.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.24.0).
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    PLAIN_FEED_FORWARD,
    biased_everywhere,
    decoder_fields,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_POSITION_OFFSET = 2
"""Rows before the first position of BioGPT's table (BioGptLearnedPositionalEmbedding)."""
_FOUR = 4


def _tied(fields: Fields) -> dict[str, bool]:
    return {"tie_word_embeddings": fields.flag("tie_word_embeddings", default=True)}


@dialect("openai-gpt")
def _gpt(fields: Fields) -> dict[str, Any]:
    """Read GPT, whose norms come after each part of a layer."""
    hidden, positions = fields.number("n_embd"), fields.number("n_positions")
    fields.ignore("summary_use_proj", "summary_proj_to_labels")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("n_layer"),
        "num_attention_heads": fields.number("n_head"),
        "intermediate_size": _FOUR * hidden,
        "max_model_len": positions,
        "learned_positions": positions,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        **_tied(fields),
        "final_norm": False,
    }


@dialect("ctrl")
def _ctrl(fields: Fields) -> dict[str, Any]:
    """Read CTRL, whose positions are computed and whose tied head has a bias."""
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("n_embd"),
        "num_decoder_layers": fields.number("n_layer"),
        "num_attention_heads": fields.number("n_head"),
        "intermediate_size": fields.number("dff"),
        "max_model_len": fields.number("n_positions"),
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        **_tied(fields),
        "lm_head_bias": True,
    }


@dialect("xglm")
def _xglm(fields: Fields) -> dict[str, Any]:
    """Read XGLM, whose positions are computed."""
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("d_model"),
        "num_decoder_layers": fields.number("num_layers"),
        "num_attention_heads": fields.number("attention_heads"),
        "intermediate_size": fields.number("ffn_dim"),
        "max_model_len": fields.number("max_position_embeddings"),
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        **_tied(fields),
    }


@dialect("biogpt")
def _biogpt(fields: Fields) -> dict[str, Any]:
    base = decoder_fields(fields, tied=True)
    return {
        **base,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        "learned_positions": fields.number("max_position_embeddings") + _POSITION_OFFSET,
    }


@dialect("gpt_neox_japanese")
def _gpt_neox_japanese(fields: Fields) -> dict[str, Any]:
    """Read GPT-NeoX Japanese: no biases but one, of the last layer's attention."""
    width = fields.number("intermediate_multiple_size", default=_FOUR) * fields.number(
        "hidden_size"
    )
    base = decoder_fields(fields, tied=True, width=width)
    fields.ignore("intermediate_size")
    return {
        **base,
        **PLAIN_FEED_FORWARD,
        "intermediate_size": width,
        "outer_vector_size": base["hidden_size"],
    }


@dialect("cpmant")
def _cpmant(fields: Fields) -> dict[str, Any]:
    """Read CPM-Ant: tokens of prompts, segments, and a bias for distances in place of positions."""
    hidden, prompts = fields.number("hidden_size"), fields.number("prompt_length")
    types, segments = fields.number("prompt_types"), fields.number("segment_types")
    heads, buckets = (
        fields.number("num_attention_heads"),
        fields.number("position_bias_num_buckets"),
    )
    fields.ignore("position_bias_max_distance")
    biases = (segments * segments + buckets) * heads
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": heads,
        "head_dim": fields.number("dim_head"),
        "intermediate_size": fields.number("dim_ff"),
        "outer_vector_size": (segments + types * prompts) * hidden + biases,
    }


@dialect("moshi")
def _moshi(fields: Fields) -> dict[str, Any]:
    """Read the decoder of Moshi, whose embedding has a row more than its head."""
    base = decoder_fields(fields, width=fields.number("ffn_dim") // 2)
    fields.ignore("audio_encoder_config", "depth_decoder_config", "audio_vocab_size", "ffn_dim")
    fields.ignore("num_codebooks", "sliding_window", "intermediate_size")
    return {
        **base,
        "intermediate_size": fields.number("ffn_dim") // 2,
        "outer_vector_size": base["hidden_size"],
    }
