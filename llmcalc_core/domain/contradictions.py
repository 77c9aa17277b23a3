"""Shapes of a configuration that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcalc_core.domain.checks import whole_number

if TYPE_CHECKING:
    from llmcalc_core.domain.config import ModelConfig

_NEEDED = {
    "sliding_attention": ("sliding_window",),
    "chunked_attention": ("attention_chunk_size",),
    "linear_attention": (
        "linear_num_key_heads",
        "linear_num_value_heads",
        "linear_key_head_dim",
        "linear_value_head_dim",
    ),
    "mamba": ("mamba_d_state", "mamba_dt_rank"),
}


def refuse_contradictions(config: ModelConfig) -> None:
    """Refuse a configuration whose numbers, each valid by itself, cannot be together.

    Raises
    ------
    ValueError
        With the fields, the rule and the values.
    """
    _refuse_heads(config)
    _refuse_experts(config)
    _refuse_missing_parts(config)


def _refuse_heads(config: ModelConfig) -> None:
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads or 1
    if heads % kv_heads:
        divisors = [number for number in range(1, heads + 1) if heads % number == 0]
        closest = min(divisors, key=lambda number: abs(number - kv_heads))
        msg = (
            f"num_key_value_heads must divide num_attention_heads ({heads}), got {kv_heads}; "
            f"the nearest valid value is {closest}"
        )
        raise ValueError(msg)


def _refuse_experts(config: ModelConfig) -> None:
    if config.expert_top_k > config.num_experts:
        msg = (
            f"expert_top_k must be at most num_experts ({config.num_experts}), "
            f"got {config.expert_top_k}"
        )
        raise ValueError(msg)
    if config.num_experts == 1:
        return
    whole_number("moe_intermediate_size", config.moe_intermediate_size)
    offset, frequency = config.moe_layer_offset, config.moe_layer_freq
    whole_number("moe_layer_offset", offset, least=0, most=frequency - 1)
    most = config.num_decoder_layers - 1 - offset
    whole_number("first_k_dense_replace", config.first_k_dense_replace, least=0, most=most)


def _refuse_missing_parts(config: ModelConfig) -> None:
    """Refuse a kind of layer without the numbers that describe it."""
    latent = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    if config.kv_lora_rank is not None:
        _need(config, "latent attention (kv_lora_rank) needs", latent)
    index = ("index_topk", "index_n_heads", "index_head_dim")
    if any(getattr(config, name) for name in index):
        needed = ("kv_lora_rank", "q_lora_rank", *index)
        _need(config, "sparse attention (index_topk) needs", needed)
    for kind, names in _NEEDED.items():
        if kind in config.layer_types:
            _need(config, f"layer_types with {kind} need", names)
    key_heads, value_heads = config.linear_num_key_heads, config.linear_num_value_heads
    if key_heads and value_heads and value_heads % key_heads:
        closest = max(round(value_heads / key_heads), 1) * key_heads
        msg = (
            f"linear_num_value_heads must be a multiple of linear_num_key_heads ({key_heads}), "
            f"got {value_heads}; the nearest valid value is {closest}"
        )
        raise ValueError(msg)


def _need(config: ModelConfig, what: str, names: tuple[str, ...]) -> None:
    absent = [name for name in names if not getattr(config, name)]
    if absent:
        msg = f"{what} {', '.join(absent)} as well"
        raise ValueError(msg)
