"""Hybrids of full attention and gated delta nets: Qwen3.5.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.catalog.dialects.dense import FULL, KV, attention_bias, common
from llmcalc_core.catalog.dialects.fields import Dialect, Fields

_LINEAR = "linear_attention"


def _qwen3_5_text(
    fields: Fields, *, tied: bool = False, width: int | None = None
) -> dict[str, Any]:
    """Read attention with a gate, and the gated delta nets between."""
    fields.require("mamba_ssm_dtype", expected="float32")
    fields.ignore("mtp_num_hidden_layers", "mtp_use_dedicated_embeddings")
    base = common(fields, tied=tied, width=width, needs=(KV, "head_dim"))
    layers, period = base["num_decoder_layers"], fields.number("full_attention_interval", default=4)
    regular = ((_LINEAR,) * (period - 1) + (FULL,)) * layers
    kinds = fields.entries("layer_types") or regular[:layers]
    if not set(kinds) <= {FULL, _LINEAR}:
        fields.refuse("layer_types", f"can only hold {FULL} and {_LINEAR}")
    return {
        **base,
        **attention_bias(fields),
        "layer_types": kinds,
        "qk_norm": True,
        "attn_output_gate": fields.flag("attn_output_gate", default=True),
        "linear_num_key_heads": fields.number("linear_num_key_heads"),
        "linear_num_value_heads": fields.number("linear_num_value_heads"),
        "linear_key_head_dim": fields.number("linear_key_head_dim"),
        "linear_value_head_dim": fields.number("linear_value_head_dim"),
        "linear_conv_kernel_dim": fields.number("linear_conv_kernel_dim", default=4),
    }


def _qwen3_5_moe_text(fields: Fields, *, tied: bool = False) -> dict[str, Any]:
    """Read a mixture in every layer, with a shared expert that has a gate."""
    fields.require("mlp_only_layers", expected=[])
    fields.require("decoder_sparse_step", expected=1)
    return {
        **_qwen3_5_text(fields, tied=tied, width=0),
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("shared_expert_intermediate_size"),
        "shared_expert_gate": True,
    }


def _text_part(fields: Fields) -> tuple[Fields, bool]:
    """Give the text part, and whether the whole says that the head is tied.

    The image encoder and its projector are not described.
    """
    text, tied = fields.section("text_config"), fields.flag("tie_word_embeddings", default=False)
    fields.ignore_rest()
    return text, tied


def _qwen3_5(fields: Fields) -> dict[str, Any]:
    text, tied = _text_part(fields)
    return _qwen3_5_text(text, tied=tied)


def _qwen3_5_moe(fields: Fields) -> dict[str, Any]:
    text, tied = _text_part(fields)
    return _qwen3_5_moe_text(text, tied=tied)


HYBRID: dict[str, Dialect] = {
    "qwen3_5": _qwen3_5,
    "qwen3_5_text": _qwen3_5_text,
    "qwen3_5_moe": _qwen3_5_moe,
    "qwen3_5_moe_text": _qwen3_5_moe_text,
}
"""Dialects of hybrids with gated delta nets."""
