"""Token mixers of a configuration, with their exact parameter counts."""

from __future__ import annotations

from collections.abc import Callable

from llmcalc_core.layers.attention_shapes import (
    Attention,
    CompressedAttention,
    Indexer,
    LatentAttention,
)
from llmcalc_core.layers.recurrent_from_config import (
    gated_delta_net,
    kimi_delta_attention,
    state_space,
    state_space_dual,
)
from llmcalc_core.layers.shapes import Projection, TokenMixer
from llmcalc_core.model.config import ModelConfig

_RECURRENT: dict[str, Callable[[ModelConfig], TokenMixer]] = {
    "linear_attention": gated_delta_net,
    "kimi_delta_attention": kimi_delta_attention,
    "mamba": state_space,
    "mamba2": state_space_dual,
}


def token_mixer(config: ModelConfig, index: int) -> TokenMixer | None:
    """Describe the token mixer of a layer, if it has one."""
    kind, _ = config.mixers_of(index)
    if kind == "none":
        return None
    if kind == "linear":
        return Projection(parameters=config.hidden_size**2)
    if kind in _RECURRENT:
        return _RECURRENT[kind](config)
    if config.o_lora_rank is not None:
        return _compressed_attention(config, kind)
    if config.kv_lora_rank is not None:
        return _latent_attention(config)
    return _attention(config, index, kind)


def _attention(config: ModelConfig, index: int, kind: str) -> Attention:
    hidden = config.hidden_size
    heads = config.of_layer("num_attention_heads", index)
    kv_heads = config.of_layer("num_key_value_heads", index)
    width = config.of_layer("head_dim", index)
    v_dim = config.of_layer("v_head_dim", index) or width
    layers = config.num_decoder_layers
    shared = layers - config.num_kv_shared_layers <= index < layers
    values = 0 if config.keys_as_values and kind == "full_attention" else v_dim
    kv_width = 0 if shared else width + values
    query, result = heads * width, heads * v_dim
    normed = (heads + kv_heads) * width if config.qk_norm_wide else 2 * width
    if shared:
        normed -= kv_heads * width if config.qk_norm_wide else width
    biased = hidden + config.qkv_bias
    gate = v_dim * config.attn_output_gate or int(config.attn_gate_per_head)
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=width,
        v_dim=v_dim,
        window=config.of_layer("sliding_window", index) if kind == "sliding_attention" else None,
        chunk=config.attention_chunk_size if kind == "chunked_attention" else None,
        gate=gate,
        normed=config.qk_norm,
        shares_cache=shared,
        kv_width=kv_width,
        parameters=(query + kv_heads * kv_width) * biased
        + heads * gate * (hidden + config.qkv_bias * config.attn_output_gate)
        + (result + config.attention_output_bias) * hidden
        + config.qk_norm * normed
        + config.of_layer("attention_sinks", index) * heads,
        kv_parameters=kv_heads * kv_width * biased,
        output_parameters=result * hidden,
    )


def _latent_attention(config: ModelConfig) -> LatentAttention:
    hidden, heads = config.hidden_size, config.num_attention_heads
    rank, nope = config.kv_lora_rank or 0, config.qk_nope_head_dim or 0
    rope, value = config.qk_rope_head_dim or 0, config.v_head_dim or 0
    query = heads * (nope + rope)
    q_rank = config.q_lora_rank or 0
    down = hidden * (rank + rope) + rank + q_rank * (hidden + 1)
    results = (1 + config.attn_output_gate) * value * hidden
    up = heads * (rank * (nope + value) + results) + (q_rank or hidden) * query
    indexer = _indexer(config)
    replicated = down + (indexer.parameters if indexer else 0)
    return LatentAttention(
        heads=heads,
        q_rank=config.q_lora_rank,
        kv_rank=rank,
        nope_dim=nope,
        rope_dim=rope,
        v_dim=value,
        gated=config.attn_output_gate,
        indexer=indexer,
        parameters=replicated + up,
        replicated_parameters=replicated,
        output_parameters=heads * value * hidden,
    )


def _indexer(config: ModelConfig) -> Indexer | None:
    """Describe the indexer: queries from their rank, keys with a layer norm, weights of heads."""
    if config.index_topk is None:
        return None
    heads, width = config.index_n_heads or 0, config.index_head_dim or 0
    return Indexer(
        heads=heads,
        head_dim=width,
        top_k=config.index_topk,
        key_width=width,
        parameters=(config.q_lora_rank or 0) * heads * width
        + config.hidden_size * (width + heads)
        + 2 * width,
    )


def _compressed_attention(config: ModelConfig, kind: str) -> CompressedAttention:
    """Describe compressed attention; sliding layers are the same without compression."""
    hidden, heads, width = config.hidden_size, config.num_attention_heads, config.head_dim or 0
    q_rank, rank, groups = config.q_lora_rank or 0, config.o_lora_rank or 0, config.o_groups or 1
    sparse = kind == "compressed_sparse_attention"
    ratio = {
        "compressed_sparse_attention": config.sparse_compress_ratio,
        "heavily_compressed_attention": config.heavy_compress_ratio,
    }.get(kind) or 0
    indexer = _compressed_indexer(config) if sparse else None
    replicated = q_rank * (hidden + 1) + width * (hidden + 1)
    if ratio:
        replicated += _compressor(hidden, width, series=1 + sparse, ratio=ratio)
    if indexer:
        replicated += indexer.parameters
    output = rank * (heads * width + groups * hidden)
    sharded = heads * (width * q_rank + 1) + output
    return CompressedAttention(
        heads=heads,
        head_dim=width,
        rope_dim=config.qk_rope_head_dim or 0,
        q_rank=q_rank,
        window=config.sliding_window or 0,
        ratio=ratio,
        groups=groups,
        output_rank=rank,
        indexer=indexer,
        parameters=replicated + sharded,
        replicated_parameters=replicated,
        output_parameters=output,
    )


def _compressor(hidden: int, width: int, *, series: int, ratio: int) -> int:
    """Parameters that make an entry of ``ratio`` tokens: keys, weights, their bias, a norm."""
    return series * width * (2 * hidden + ratio) + width


def _compressed_indexer(config: ModelConfig) -> Indexer:
    """Describe an indexer over compressed keys, each of two overlapping series of tokens."""
    hidden, heads, width = config.hidden_size, config.index_n_heads or 0, config.index_head_dim or 0
    ratio = config.sparse_compress_ratio or 0
    return Indexer(
        heads=heads,
        head_dim=width,
        top_k=config.index_topk or 0,
        key_width=2 * width,
        parameters=(config.q_lora_rank or 0) * heads * width
        + hidden * heads
        + _compressor(hidden, width, series=2, ratio=ratio),
    )
