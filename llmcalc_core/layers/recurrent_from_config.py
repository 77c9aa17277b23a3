"""Recurrent token mixers of a configuration, with their exact parameter counts."""

from __future__ import annotations

from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, StateSpace, StateSpaceDual
from llmcalc_core.model.config import ModelConfig


def gated_delta_net(config: ModelConfig) -> GatedDeltaNet:
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
        decay_rank=None,
        gate_rank=None,
        parameters=hidden * (2 * keys + 3 * values)
        + 2 * value_heads * (hidden + 1)
        + (2 * keys + values) * kernel
        + value_dim,
        replicated_parameters=0,
    )


def kimi_delta_attention(config: ModelConfig) -> GatedDeltaNet:
    """Describe Kimi delta attention: a decay for each channel of the keys, through a low rank."""
    hidden, kernel = config.hidden_size, config.linear_conv_kernel_dim
    key_heads, heads = config.linear_num_key_heads or 0, config.linear_num_value_heads or 0
    key_dim, value_dim = config.linear_key_head_dim or 0, config.linear_value_head_dim or 0
    keys, values = key_heads * key_dim, heads * value_dim
    low = not config.linear_full_rank_gate
    replicated = hidden * (key_dim + low * value_dim)
    gate = value_dim * values if low else hidden * values
    return GatedDeltaNet(
        key_heads=key_heads,
        value_heads=heads,
        key_dim=key_dim,
        value_dim=value_dim,
        convolution=kernel,
        decay_rank=key_dim,
        gate_rank=value_dim if low else None,
        parameters=replicated
        + hidden * (2 * keys + 2 * values + heads)
        + gate
        + (2 * keys + values) * kernel
        + (key_dim + 1) * keys
        + heads
        + value_dim,
        replicated_parameters=replicated,
    )


def state_space(config: ModelConfig) -> StateSpace:
    """Describe a selective state space mixer (Mamba)."""
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


def state_space_dual(config: ModelConfig) -> StateSpaceDual:
    """Describe a Mamba-2 mixer: A, D and dt for each head, a gated norm at the end."""
    hidden, kernel = config.hidden_size, config.mamba_d_conv
    heads, width = config.mamba_num_heads or 0, config.mamba_head_dim or 0
    groups, state = config.mamba_n_groups or 0, config.mamba_d_state or 0
    inner, shared = heads * width, 2 * groups * state
    projected = 2 * inner + shared + heads
    return StateSpaceDual(
        heads=heads,
        head_dim=width,
        groups=groups,
        state=state,
        convolution=kernel,
        parameters=hidden * (projected + inner)
        + (inner + shared) * (kernel + 1)
        + 3 * heads
        + inner,
        group_parameters=shared * (hidden + kernel + 1),
    )
