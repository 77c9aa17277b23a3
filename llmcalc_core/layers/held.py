"""What one part of a layer holds on one device: weights, and the cache or state of sequences."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.kv_cache import (
    compressed_bytes,
    index_bytes,
    key_value_bytes,
    latent_bytes,
    rounded_to_blocks,
)
from llmcalc_core.formulas.recurrent import state_bytes
from llmcalc_core.layers.attention_shapes import Attention, CompressedAttention, LatentAttention
from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, Recurrent, StateSpaceDual
from llmcalc_core.layers.shapes import (
    AlternatingUpdates,
    BlockResiduals,
    FeedForward,
    HyperConnections,
    LayerInputs,
    LowRankResidual,
    MoE,
    Norms,
    Part,
    Projection,
    TokenMixer,
    precision_part,
)
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

NOTHING: Values = 0.0
"""The cache of a part that has none."""

WAITING_BYTES = 4
"""Bytes of an element that waits until an entry of compressed attention is complete (SGLang)."""


def part_weights(part: Part, precision: Precision, grid: Grid) -> Values:
    """Bytes of weights on one device: projections sharded, norms and router replicated."""
    if isinstance(part, Norms | HyperConnections | BlockResiduals | AlternatingUpdates):
        return part.parameters * precision.unquantised_bytes
    if isinstance(part, MoE):
        return _mixture_weights(part, precision, grid)
    if isinstance(part, FeedForward):
        columns = np.ceil(part.width / grid.tp) / part.width
        return part.parameters * columns * precision.weight_bytes
    if isinstance(part, LayerInputs | LowRankResidual | Projection):
        return part.parameters * precision.weight_bytes
    own = precision.part(precision_part(part)).weight_bytes
    held = _shard(part, grid) * own
    if isinstance(part, Attention | LatentAttention | CompressedAttention):
        wider = precision.part("attention_output").weight_bytes - own
        held = held + part.output_parameters / grid.tp * wider
    return held


def _mixture_weights(part: MoE, precision: Precision, grid: Grid) -> Values:
    slices = grid.group / grid.ep
    columns = np.ceil(part.width / slices) / part.width
    experts = np.ceil(part.experts / grid.ep)
    routed = experts * part.expert_parameters * columns * precision.expert_weight_bytes
    shared = part.shared_parameters / grid.tp * precision.part("shared").weight_bytes
    latent = part.latent_parameters * precision.weight_bytes
    return shared + latent + routed + part.router_parameters * precision.unquantised_bytes


def _shard(part: TokenMixer, grid: Grid) -> Values:
    """Parameters of a token mixer on one device; what few devices can share, all have."""
    tp = grid.tp
    if isinstance(part, Attention):
        kv_share = np.ceil(part.kv_heads / tp) / part.kv_heads
        return (part.parameters - part.kv_parameters) / tp + part.kv_parameters * kv_share
    if isinstance(part, StateSpaceDual):
        share = np.ceil(part.groups / tp) / part.groups
        return (part.parameters - part.group_parameters) / tp + part.group_parameters * share
    if isinstance(part, LatentAttention | CompressedAttention | GatedDeltaNet):
        replicated = part.replicated_parameters
        return (part.parameters - replicated) / tp + replicated
    return part.parameters / tp


def part_cache(part: Part, precision: Precision, grid: Grid) -> Values:
    """Bytes of cache or state on one device: the prompt once per request, the rest per beam."""
    if isinstance(part, Attention | LatentAttention | CompressedAttention):
        held = _cache(part, precision.kv_bytes, grid)
        return NOTHING if held is NOTHING else _requests(grid) * held
    if isinstance(part, Recurrent):
        # of a token drafted, a state is kept in case those after it are rejected
        return recurrent_state(part, grid, _requests(grid) * (grid.beams + grid.drafted))
    return NOTHING


def _requests(grid: Grid) -> Values:
    """Count the requests of an attention replica [1]."""
    return np.ceil(grid.batch / grid.attention_dp)


def _cache(
    part: Attention | LatentAttention | CompressedAttention, element: float, grid: Grid
) -> Values:
    """Bytes of the cache of one request."""
    if isinstance(part, Attention):
        if part.shares_cache:
            return NOTHING
        reach = None if grid.engine.caches_whole_context else part.window or part.chunk
        return key_value_bytes(
            tokens=_cached_tokens(grid, window=reach),
            kv_heads=np.ceil(part.kv_heads / grid.tp),
            head_dim=part.head_dim,
            v_dim=part.v_dim,
            element_bytes=element,
        )
    tokens, index = _cached_tokens(grid), part.indexer
    if isinstance(part, LatentAttention):
        latent = latent_bytes(
            tokens=tokens, rank=part.kv_rank, rope_dim=part.rope_dim, element_bytes=element
        )
        return latent + index_bytes(tokens=tokens, head_dim=index.head_dim) if index else latent
    entries, kept = _cached_tokens(grid, window=part.window), 0.0
    if part.ratio:
        entries = entries + tokens / part.ratio
        kept = (grid.beams + grid.drafted) * part.state * WAITING_BYTES
    held = kept + compressed_bytes(
        entries=entries, head_dim=part.head_dim, rope_dim=part.rope_dim, element_bytes=element
    )
    return (
        held + index_bytes(tokens=tokens / part.ratio, head_dim=index.head_dim) if index else held
    )


def recurrent_state(part: Recurrent, grid: Grid, sequences: Values) -> Values:
    """Bytes of the state of a recurrent layer on one device."""
    tp = grid.tp
    if isinstance(part, GatedDeltaNet):
        state, channels = part.values * part.key_dim / tp, part.convolved / tp
    elif isinstance(part, StateSpaceDual):
        state = part.inner * part.state / tp
        channels = part.inner / tp + 2 * np.ceil(part.groups / tp) * part.state
    else:
        state, channels = part.inner * part.state / tp, part.inner / tp
    return state_bytes(
        sequences=sequences, state=state, channels=channels, convolution=part.convolution
    )


def _cached_tokens(grid: Grid, *, window: int | None = None) -> Values:
    """Count the tokens of a request that are cached, in whole blocks."""
    block = grid.engine.kv_block_tokens
    if grid.beams > 1:
        prompt = rounded_to_blocks(tokens=np.minimum(grid.inputs, window or np.inf), block=block)
        own = rounded_to_blocks(tokens=np.minimum(grid.outputs, window or np.inf), block=block)
        return prompt + own * grid.beams
    longest: Values = grid.inputs + grid.outputs + grid.drafted
    if window is not None:
        whole = np.min(grid.inputs) >= window  # every sequence fills it
        longest = float(window) if whole else np.minimum(longest, window)
    return rounded_to_blocks(tokens=longest, block=block)
