"""Token mixers of a configuration, with their exact parameter counts."""

from __future__ import annotations

from llmcalc_core.domain.config import ModelConfig
from llmcalc_core.domain.layers import (
    Attention,
    GatedDeltaNet,
    Indexer,
    LatentAttention,
    StateSpace,
    TokenMixer,
)


def token_mixer(config: ModelConfig, kind: str) -> TokenMixer:
    """Describe the token mixer of a layer of this kind (one of ``LAYER_TYPES``)."""
    if kind == "mamba":
        return _state_space(config)
    if kind == "linear_attention":
        return _gated_delta_net(config)
    if config.kv_lora_rank is not None:
        return _latent_attention(config)
    return _attention(config, kind)


def _attention(config: ModelConfig, kind: str) -> Attention:
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads or 1
    width = config.head_dim or 0
    query, both = heads * width, 2 * kv_heads * width
    normed = (heads + kv_heads) * width if config.qk_norm_wide else 2 * width
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=width,
        window=config.sliding_window if kind == "sliding_attention" else None,
        chunk=config.attention_chunk_size if kind == "chunked_attention" else None,
        gated=config.attn_output_gate,
        parameters=config.hidden_size * (2 * query + both)
        + config.qkv_bias * (query + both)
        + config.attn_output_gate * query * (config.hidden_size + config.qkv_bias)
        + config.attention_output_bias * config.hidden_size
        + config.qk_norm * normed
        + config.attention_sinks * heads,
        kv_parameters=both * (config.hidden_size + config.qkv_bias),
        output_parameters=query * config.hidden_size,
    )


def _latent_attention(config: ModelConfig) -> LatentAttention:
    hidden, heads = config.hidden_size, config.num_attention_heads
    rank, nope = config.kv_lora_rank or 0, config.qk_nope_head_dim or 0
    rope, value = config.qk_rope_head_dim or 0, config.v_head_dim or 0
    query = heads * (nope + rope)
    q_rank = config.q_lora_rank or 0
    down = hidden * (rank + rope) + rank + q_rank * (hidden + 1)
    up = heads * (rank * (nope + value) + value * hidden) + (q_rank or hidden) * query
    indexer = _indexer(config)
    replicated = down + (indexer.parameters if indexer else 0)
    return LatentAttention(
        heads=heads,
        q_rank=config.q_lora_rank,
        kv_rank=rank,
        nope_dim=nope,
        rope_dim=rope,
        v_dim=value,
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
        parameters=(config.q_lora_rank or 0) * heads * width
        + config.hidden_size * (width + heads)
        + 2 * width,
    )


def _gated_delta_net(config: ModelConfig) -> GatedDeltaNet:
    """Describe a gated delta net: A, dt and their projections for each head, a norm at the end."""
    hidden, kernel = config.hidden_size, config.linear_conv_kernel_dim
    key_heads, value_heads = config.linear_num_key_heads or 0, config.linear_num_value_heads or 0
    key_dim, value_dim = config.linear_key_head_dim or 0, config.linear_value_head_dim or 0
    keys, values = key_heads * key_dim, value_heads * value_dim
    return GatedDeltaNet(
        key_heads=key_heads,
        value_heads=value_heads,
        key_dim=key_dim,
        value_dim=value_dim,
        convolution=kernel,
        parameters=hidden * (2 * keys + 3 * values)
        + 2 * value_heads * (hidden + 1)
        + (2 * keys + values) * kernel
        + value_dim,
    )


def _state_space(config: ModelConfig) -> StateSpace:
    inner = config.mamba_expand * config.hidden_size
    state, rank = config.mamba_d_state or 0, config.mamba_dt_rank or 0
    return StateSpace(
        inner=inner,
        state=state,
        convolution=config.mamba_d_conv,
        dt_rank=rank,
        parameters=3 * config.hidden_size * inner
        + inner * (config.mamba_d_conv + 1)
        + inner * (rank + 2 * state)
        + (rank + 1) * inner
        + inner * state
        + inner
        + config.mamba_norm * (rank + 2 * state),
    )
