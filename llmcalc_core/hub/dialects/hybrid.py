"""Hybrids of full attention with gated delta nets or chunked attention: Qwen3.5, Llama 4.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.dense import FULL, KV, attention_bias, common
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.vision import images, qwen_vision
from llmcalc_core.hub.dialects.vision_tiles import llama4_vision

_LINEAR, _CHUNKED = "linear_attention", "chunked_attention"
_QWEN3_NEXT_PREDICTED = 1  # safetensors total of Qwen/Qwen3-Next-80B-A3B-Instruct
_CHUNK = 8192  # where a file of Llama 4 does not speak of a chunk at all


def _qwen3_5_text(
    fields: Fields, *, tied: bool = False, width: int | None = None
) -> dict[str, Any]:
    """Read attention with a gate, and the gated delta nets between."""
    fields.require("mamba_ssm_dtype", expected="float32")
    fields.require("mtp_use_dedicated_embeddings", expected=False)
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
        "mtp_layers": fields.number("mtp_num_hidden_layers", default=0),
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


def _qwen3_next(fields: Fields) -> dict[str, Any]:
    """Read Qwen3-Next, whose files do not say that the weights hold a module of prediction."""
    predicted = fields.number("mtp_num_hidden_layers", default=_QWEN3_NEXT_PREDICTED)
    return {**_qwen3_5_moe_text(fields), "mtp_layers": predicted}


def _text_part(fields: Fields) -> tuple[Fields, bool]:
    """Give the text part, and whether the whole says that the head is tied."""
    text, tied = fields.section("text_config"), fields.flag("tie_word_embeddings", default=False)
    fields.ignore_rest()
    return text, tied


def _qwen3_5(fields: Fields) -> dict[str, Any]:
    vision, (text, tied) = images(fields), _text_part(fields)
    return {**_qwen3_5_text(text, tied=tied), "vision": qwen_vision(vision) if vision else None}


def _qwen3_5_moe(fields: Fields) -> dict[str, Any]:
    vision, (text, tied) = images(fields), _text_part(fields)
    described = _qwen3_5_moe_text(text, tied=tied)
    return {**described, "vision": qwen_vision(vision) if vision else None}


def _llama4_text(fields: Fields) -> dict[str, Any]:
    """Read layers with rotary positions in chunks, others in full; norms of heads weigh nothing."""
    fields.ignore("use_qk_norm", "attn_temperature_tuning", "attn_scale")
    base = common(fields, needs=(KV, "head_dim"))
    layers, period = base["num_decoder_layers"], fields.number("no_rope_layer_interval", default=4)
    regular = tuple(int((layer + 1) % period != 0) for layer in range(layers))
    rotary = fields.entries("no_rope_layers") or regular
    kinds = tuple(_CHUNKED if chunked else FULL for chunked in rotary)
    if fields.entries("layer_types") not in ((), kinds):
        fields.refuse("layer_types", "can only be described as no_rope_layers says")
    step = fields.number("interleave_moe_layer_step", default=1)
    if fields.entries("moe_layers") not in ((), tuple(range(step - 1, layers, step))):
        fields.refuse("moe_layers", "can only be described as interleave_moe_layer_step says")
    chunk = None if fields.absent("attention_chunk_size") else fields.number("attention_chunk_size")
    return {
        **base,
        **attention_bias(fields),
        "layer_types": kinds,
        "attention_chunk_size": chunk or _CHUNK,
        "intermediate_size": fields.number("intermediate_size_mlp"),
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": base["intermediate_size"],
        "n_shared_experts": 1,
        "moe_layer_freq": step,
        "moe_layer_offset": step - 1,
    }


def _llama4(fields: Fields) -> dict[str, Any]:
    vision, (text, _) = images(fields), _text_part(fields)
    described = _llama4_text(text)
    if vision:
        described["vision"] = llama4_vision(vision, described["hidden_size"])
    return described


HYBRID: dict[str, Dialect] = {
    "qwen3_5": _qwen3_5,
    "qwen3_5_text": _qwen3_5_text,
    "qwen3_5_moe": _qwen3_5_moe,
    "qwen3_5_moe_text": _qwen3_5_moe_text,
    "qwen3_next": _qwen3_next,
    "llama4": _llama4,
    "llama4_text": _llama4_text,
}
"""Dialects of models that mix kinds of attention and recurrence."""
