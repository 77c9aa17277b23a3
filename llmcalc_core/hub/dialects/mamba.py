"""State space models: Mamba, Falcon-Mamba, Mamba-2, and Jamba (AI21) with attention between.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from llmcalc_core.hub.dialects.decoder import KV, decoder_fields
from llmcalc_core.hub.dialects.fields import Fields, dialect

_AUTO_RANK = 16  # dt_rank "auto" is hidden_size / 16, rounded up (arXiv:2312.00752, section 3.6)


def _dt_rank(fields: Fields, name: str, hidden: int) -> int:
    if fields.value(name) in (None, "auto"):
        return ceil(hidden / _AUTO_RANK)
    return fields.number(name)


@dialect("mamba", "falcon_mamba")
def _mamba(fields: Fields) -> dict[str, Any]:
    """Read a stack of state space layers; the norms of Falcon-Mamba have no weights."""
    fields.require("use_bias", expected=False)
    fields.require("use_conv_bias", expected=True)
    fields.ignore("d_model", "d_inner", "n_layer", "rms_norm", "ssm_cfg", "use_mambapy")
    hidden = fields.number("hidden_size")
    expand = fields.number("expand", default=2)
    fields.require("intermediate_size", expected=expand * hidden)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": 1,
        "intermediate_size": 0,
        "layer_types": ("mamba",),
        "norms_per_layer": 1,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=True),
        "mamba_d_state": fields.number("state_size", default=16),
        "mamba_d_conv": fields.number("conv_kernel", default=4),
        "mamba_expand": expand,
        "mamba_dt_rank": _dt_rank(fields, "time_step_rank", hidden),
    }


@dialect("mamba2")
def _mamba2(fields: Fields) -> dict[str, Any]:
    """Read a stack of Mamba-2 layers alone."""
    fields.require("use_bias", expected=False)
    fields.require("use_conv_bias", expected=True)
    fields.require("rms_norm", expected=True)
    fields.ignore("expand", "chunk_size", "time_step_rank", "norm_before_gate")
    heads = fields.number("num_heads")
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": 1,
        "intermediate_size": 0,
        "layer_types": ("mamba2",),
        "norms_per_layer": 1,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "mamba_d_state": fields.number("state_size"),
        "mamba_d_conv": fields.number("conv_kernel", default=4),
        "mamba_num_heads": heads,
        "recurrent_state_bits": 16,
        "mamba_head_dim": fields.number("head_dim"),
        "mamba_n_groups": fields.number("n_groups"),
    }


@dialect("jamba")
def _jamba(fields: Fields) -> dict[str, Any]:
    fields.require("mamba_conv_bias", expected=True)
    fields.require("mamba_proj_bias", expected=False)
    fields.require("mamba_inner_layernorms", expected=True)
    base = decoder_fields(fields, needs=(KV,))
    period = fields.number("attn_layer_period", default=8, least=1)
    offset = fields.number("attn_layer_offset", default=4)
    return {
        **base,
        "layer_types": tuple(
            "full_attention" if layer % period == offset else "mamba"
            for layer in range(base["num_decoder_layers"])
        ),
        "num_experts": fields.number("num_experts", default=16),
        "expert_top_k": fields.number("num_experts_per_tok", default=2),
        "moe_layer_freq": fields.number("expert_layer_period", default=2),
        "moe_layer_offset": fields.number("expert_layer_offset", default=1),
        "mamba_d_state": fields.number("mamba_d_state", default=16),
        "mamba_d_conv": fields.number("mamba_d_conv", default=4),
        "mamba_expand": fields.number("mamba_expand", default=2),
        "mamba_dt_rank": _dt_rank(fields, "mamba_dt_rank", base["hidden_size"]),
        "mamba_norm": True,
    }
