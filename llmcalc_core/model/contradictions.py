"""Shapes of a configuration that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcalc_core.checks import whole_number

if TYPE_CHECKING:
    from llmcalc_core.model.config import ModelConfig

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
    "mamba2": ("mamba_d_state", "mamba_num_heads", "mamba_head_dim", "mamba_n_groups"),
    "compressed_sparse_attention": ("o_lora_rank", "sparse_compress_ratio", "index_topk"),
    "heavily_compressed_attention": ("o_lora_rank", "heavy_compress_ratio"),
}
_NEEDED["kimi_delta_attention"] = _NEEDED["linear_attention"]
_COMPRESSED = ("o_groups", "q_lora_rank", "qk_rope_head_dim", "sliding_window")


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
    names = ("num_attention_heads", "num_key_value_heads")
    shapes = {tuple(config.of_layer(name, index) for name in names) for index in _described(config)}
    for heads, kv_heads in sorted(shapes):
        _refuse_undivided(heads, kv_heads)


def _described(config: ModelConfig) -> range:
    """Give the numbers of all layers, that of a prediction module among them."""
    return range(config.num_decoder_layers + (config.mtp_layers > 0))


def _refuse_undivided(heads: int, kv_heads: int) -> None:
    if heads % kv_heads:
        divisors = [number for number in range(1, heads + 1) if heads % number == 0]
        closest = min(divisors, key=lambda number: abs(number - kv_heads))
        msg = (
            f"num_key_value_heads must divide num_attention_heads ({heads}), got {kv_heads}; "
            f"the nearest valid value is {closest}"
        )
        raise ValueError(msg)


def _refuse_experts(config: ModelConfig) -> None:
    for index in _described(config):
        top_k, experts = (config.of_layer(name, index) for name in ("expert_top_k", "num_experts"))
        if top_k > experts:
            msg = f"expert_top_k must be at most num_experts ({experts}), got {top_k}"
            raise ValueError(msg)
    channels = {config.mixers_of(index)[1] for index in _described(config)}
    if "sparse" in channels and config.num_experts == 1:
        msg = "mlp_layer_types with sparse need num_experts of at least 2, got 1"
        raise ValueError(msg)
    if config.num_experts == 1 or config.mlp_layer_types:
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
        family = "kv_lora_rank" if config.o_lora_rank is None else "o_lora_rank"
        _need(config, "sparse attention (index_topk) needs", (family, "q_lora_rank", *index))
    if config.o_lora_rank is not None:
        _need(config, "compressed attention (o_lora_rank) needs", _COMPRESSED)
    if config.per_layer_input_size:
        _need(config, "inputs of layers (per_layer_input_size) need", ("per_layer_input_vocab",))
    mixers = {config.mixers_of(index)[0] for index in _described(config)}
    for kind, names in _NEEDED.items():
        if kind in mixers:
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
