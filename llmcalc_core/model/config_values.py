"""Values of a configuration: each checked, and what follows from others filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcalc_core.checks import nearest, one_of, truth, whole_number
from llmcalc_core.model.vision import vision_tower
from llmcalc_core.precision import stored_precision

LAYER_TYPES = (
    "full_attention", "sliding_attention", "chunked_attention", "compressed_sparse_attention",
    "heavily_compressed_attention", "linear_attention", "kimi_delta_attention", "mamba", "mamba2",
    "linear", "none",
)  # fmt: skip
"""Token mixers that a layer can have."""

MLP_LAYER_TYPES = ("dense", "sparse", "linear", "none")
"""Channel mixers that a layer can have: feed-forward, mixture of experts, one projection."""

PER_LAYER = (
    "num_attention_heads", "num_key_value_heads", "head_dim", "v_head_dim", "sliding_window",
    "attention_sinks", "intermediate_size", "num_experts", "expert_top_k", "moe_intermediate_size",
    "norms_per_layer", "router_bias",
)  # fmt: skip
"""Fields that can differ between layers."""

POSITIVE = ("vocab_size", "hidden_size", "num_decoder_layers", "num_attention_heads")
"""Fields without a default that are at least 1."""

_POSITIVE_WITH_DEFAULT = (
    "num_experts", "expert_top_k", "moe_layer_freq", "mamba_d_conv", "mamba_expand",
    "linear_conv_kernel_dim",
)  # fmt: skip
_OPTIONAL = (
    "num_key_value_heads", "head_dim", "max_model_len", "sliding_window", "q_lora_rank",
    "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "mamba_d_state",
    "mamba_dt_rank", "attention_chunk_size", "index_n_heads", "index_head_dim", "index_topk",
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim", "moe_latent_size", "sparse_compress_ratio", "heavy_compress_ratio",
    "o_groups", "o_lora_rank", "mamba_num_heads", "mamba_head_dim", "mamba_n_groups",
)  # fmt: skip
_WIDTHS = ("moe_intermediate_size", "shared_expert_intermediate_size")
_FROM_ZERO = (
    "intermediate_size", "n_shared_experts", "first_k_dense_replace", "moe_layer_offset",
    "learned_positions", "embedding_size", "norms_per_layer", "num_kv_shared_layers",
    "per_layer_input_size", "per_layer_input_vocab", "hyper_connections", "residual_block_size",
    "mtp_layers", "altup_num_inputs", "laurel_rank",
)  # fmt: skip
_TRUTHS = (
    "tie_word_embeddings", "qkv_bias", "attention_output_bias", "mlp_bias", "lm_head_bias",
    "final_norm", "qk_norm", "qk_norm_wide", "attention_sinks", "keys_as_values",
    "attn_output_gate", "attn_gate_per_head", "shared_expert_gate", "router_bias", "router_scale",
    "moe_latent_norm", "linear_full_rank_gate", "mamba_norm", "altup_correct_scale",
)  # fmt: skip
_MAY_BE_ZERO = {
    "attention_sinks",
    "intermediate_size",
    "norms_per_layer",
    "moe_intermediate_size",
    "router_bias",
}


def settle(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give every field its checked and final value.

    Raises
    ------
    ValueError
        For a value that is out of its range or of another type.
    """
    values = dict(given)
    if not isinstance(values["model"], str) or not values["model"]:
        msg = f"model must be a name, got {values['model']!r}"
        raise ValueError(msg)
    for name in (*POSITIVE, *_POSITIVE_WITH_DEFAULT):
        values[name] = whole_number(name, values[name])
    values["num_ffi"] = whole_number("num_ffi", values["num_ffi"], most=2)
    for name in _FROM_ZERO:
        values[name] = whole_number(name, values[name], least=0)
    for names, least in ((_OPTIONAL, 1), (_WIDTHS, 0)):
        for name in names:
            if values[name] is not None:
                values[name] = whole_number(name, values[name], least=least)
    for name in _TRUTHS:
        truth(name, values[name])
    values["precision"] = stored_precision(values["precision"])
    values["vision"] = vision_tower(values["vision"])
    values["norm"] = one_of("norm", values["norm"], ("rmsnorm", "layernorm"))
    _settle_layers(values)
    _fill(values)
    return values


def _settle_layers(values: dict[str, Any]) -> None:
    """Repeat each pattern of layers until it is as long as the model is deep."""
    layers = values["num_decoder_layers"]
    default = "sliding_attention" if values["sliding_window"] else "full_attention"
    kinds = values["layer_types"] or (default,)
    kinds = tuple(one_of("layer_types", kind, LAYER_TYPES) for kind in kinds)
    values["layer_types"] = _repeated(kinds, layers)
    channels = tuple(
        one_of("mlp_layer_types", kind, MLP_LAYER_TYPES) for kind in values["mlp_layer_types"]
    )
    values["mlp_layer_types"] = _repeated(channels, layers)
    differing: dict[str, tuple[int, ...]] = {}
    for name, pattern in dict(values["per_layer"]).items():
        if name not in PER_LAYER:
            msg = f"per_layer has no field {name!r}{nearest(name, PER_LAYER)}"
            raise ValueError(msg)
        least = int(name not in _MAY_BE_ZERO)
        numbers = tuple(whole_number(f"per_layer, {name}", value, least=least) for value in pattern)
        if not numbers:
            msg = f"per_layer, {name} must have a value or more, got {pattern!r}"
            raise ValueError(msg)
        differing[name] = _repeated(numbers, layers)
    values["per_layer"] = tuple(sorted(differing.items()))
    own = dict(values["mtp_layer"])
    values["mtp_layer"] = tuple(sorted((name, _of_module(name, own[name])) for name in own))


def _of_module(name: str, value: object) -> str | int:
    """Check what the layer of a prediction module has of its own."""
    kinds = {"layer_type": LAYER_TYPES, "mlp_layer_type": MLP_LAYER_TYPES}
    known = one_of("mtp_layer", name, (*kinds, *PER_LAYER))
    if known in kinds:
        return one_of(f"mtp_layer, {known}", value, kinds[known])
    return whole_number(f"mtp_layer, {known}", value, least=int(known not in _MAY_BE_ZERO))


def _repeated(pattern: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    if not pattern:
        return ()
    return (pattern * -(-length // len(pattern)))[:length]


def _fill(values: dict[str, Any]) -> None:
    """Fill in what follows from other fields; a field of ``per_layer`` by its largest value."""
    for name, numbers in values["per_layer"]:
        if values[name] is None:
            values[name] = max(numbers)
    hidden, heads = values["hidden_size"], values["num_attention_heads"]
    if values["num_key_value_heads"] is None:
        values["num_key_value_heads"] = heads
    if values["head_dim"] is None:
        if hidden % heads and values["kv_lora_rank"] is None:
            msg = (
                "hidden_size must be a multiple of num_attention_heads unless head_dim is "
                f"given, got {hidden} and {heads}"
            )
            raise ValueError(msg)
        values["head_dim"] = hidden // heads
    if values["moe_intermediate_size"] is None:
        values["moe_intermediate_size"] = values["intermediate_size"]
    if values["shared_expert_intermediate_size"] is None:
        values["shared_expert_intermediate_size"] = values["moe_intermediate_size"]
