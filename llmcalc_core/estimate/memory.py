"""Memory of the fullest device of a plan, by what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.domain.drafts import draft_of
from llmcalc_core.domain.layers import (
    Attention,
    FeedForward,
    GatedDeltaNet,
    LatentAttention,
    Layer,
    Mixture,
)
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.precision import Precision
from llmcalc_core.estimate.adapters import adapter_bytes
from llmcalc_core.estimate.grid import Grid, draft_grid
from llmcalc_core.estimate.sections import layer_section
from llmcalc_core.estimate.stages import stage_counts
from llmcalc_core.estimate.work import make_pass
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.kv_cache import (
    delta_state_bytes,
    index_bytes,
    key_value_bytes,
    latent_bytes,
    rounded_to_blocks,
    state_bytes,
)

RUNTIME_RESERVE_BYTES = 2.0**30
"""Kernels, workspaces and allocator slack of a runtime inside its share: 1 GiB, assumed."""

WHOLE_PROMPT_RESERVE_BYTES = 3 * 2.0**30
"""The same of FasterTransformer: what its smallest models use beyond weights and cache in the
memory column of its GPT guide, 2.9 to 3.1 GiB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Bytes on the fullest device, by kind; arrays that broadcast to the grid."""

    weights: Floats
    kv_cache: Floats
    activations: Floats
    reserve: float
    total: Floats


def device_memory(
    model: Model, precision: Precision, grid: Grid, *, whole_prompts: bool = False
) -> Memory:
    """Count what the fullest device of each plan holds at the longest context.

    Parameters
    ----------
    model, precision
        What is stored, in which types.
    grid : Grid
        Plans and workloads.
    whole_prompts : bool, default False
        Whether the engine reads all prompts of a batch at once, with a buffer of its own for every
        operation (FasterTransformer), and not in chunks.

    Returns
    -------
    Memory
        Bytes by kind [bytes], of the pipeline stage that needs the most.
    """
    held = [_layer_weights(layer, precision, grid) for layer in model.layers]
    cached = [_layer_cache(layer, precision, grid) for layer in model.layers]
    if grid.techniques.lora_adapters:
        step = make_pass(model, grid, precision, decode=False)
        sections = (layer_section(layer, step) for layer in model.layers)
        adapters = [adapter_bytes(section.operations, step) for section in sections]
        held = [own + more for own, more in zip(held, adapters, strict=True)]
    first, last = _outer_weights(model, precision, grid)
    if grid.drafted:
        draft = draft_of(model, grid.techniques)
        own = device_memory(draft, precision, draft_grid(draft, grid))
        last = last + own.weights
        cached = [*cached, 0.0, own.kv_cache]
    stages = [
        _stage_bytes(counts, [*held, first, last], cached)
        for counts in stage_counts(model, tuple(layout.pp for layout in grid.layouts))
    ]
    weights, cache = stages[0]
    for more_weights, more_cache in stages[1:]:
        fuller = more_weights + more_cache > weights + cache
        weights = np.where(fuller, more_weights, weights)
        cache = np.where(fuller, more_cache, cache)
    fullest = weights + cache
    activations = (_buffers if whole_prompts else _activations)(model, precision, grid)
    reserve = WHOLE_PROMPT_RESERVE_BYTES if whole_prompts else RUNTIME_RESERVE_BYTES
    return Memory(
        weights=np.asarray(weights),
        kv_cache=np.asarray(cache),
        activations=np.asarray(activations),
        reserve=reserve,
        total=np.asarray(fullest + activations + reserve),
    )


def _stage_bytes(counts: Floats, held: list[Values], cached: list[Values]) -> tuple[Values, Values]:
    """Weights and cache of one stage of every layout, from those of its sections."""
    sections = counts[0] if len(counts) == 1 else counts.T[:, :, None, None, None]
    weights: Values = 0.0
    cache: Values = 0.0
    for count, part in zip(sections, held, strict=True):
        weights = weights + count * part
    for count, part in zip(sections, cached, strict=False):
        cache = cache + count * part
    return weights, cache


def _layer_weights(layer: Layer, precision: Precision, grid: Grid) -> Values:
    """Weights of one layer on one device: projections sharded, norms and router replicated."""
    channel, wide = layer.channel, layer.norm_parameters
    held = _mixer_weights(layer, precision, grid)
    if isinstance(channel, FeedForward):
        columns = np.ceil(channel.width / grid.tp) / channel.width
        held = held + channel.parameters * columns * precision.weight_bytes
    elif isinstance(channel, Mixture):
        slices = grid.group / grid.ep
        columns = np.ceil(channel.width / slices) / channel.width
        experts = np.ceil(channel.experts / grid.ep)
        routed = experts * channel.expert_parameters * columns * precision.expert_weight_bytes
        shared = channel.shared_parameters / grid.tp * precision.part("shared").weight_bytes
        held = held + shared + routed
        wide += channel.router_parameters
    return held + wide * precision.unquantised_bytes


def _mixer_weights(layer: Layer, precision: Precision, grid: Grid) -> Values:
    """Weights of the projections of a token mixer; what few devices can share, all have."""
    mixer, own = layer.mixer, precision.part(layer.mixer_part).weight_bytes
    if isinstance(mixer, Attention):
        kv_share = np.ceil(mixer.kv_heads / grid.tp) / mixer.kv_heads
        sharded = mixer.parameters - mixer.kv_parameters
        held = sharded / grid.tp + mixer.kv_parameters * kv_share
    elif isinstance(mixer, LatentAttention):
        sharded = mixer.parameters - mixer.replicated_parameters
        held = sharded / grid.tp + mixer.replicated_parameters
    else:
        return mixer.parameters / grid.tp * own
    wider = precision.part("attention_output").weight_bytes - own
    return held * own + mixer.output_parameters / grid.tp * wider


def _layer_cache(layer: Layer, precision: Precision, grid: Grid) -> Values:
    """Cache of one layer on one device: the prompt once per request, the rest once per beam."""
    requests = np.ceil(grid.batch / grid.attention_ranks)
    states = grid.beams + grid.drafted  # of a token drafted, in case those after are rejected
    mixer = layer.mixer
    if isinstance(mixer, Attention):
        tokens = _cached_tokens(grid, requests, window=mixer.window or mixer.chunk)
        return key_value_bytes(
            tokens=tokens,
            kv_heads=np.ceil(mixer.kv_heads / grid.tp),
            head_dim=mixer.head_dim,
            element_bytes=precision.kv_bytes,
        )
    if isinstance(mixer, LatentAttention):
        tokens = _cached_tokens(grid, requests, window=None)
        latent = latent_bytes(
            tokens=tokens,
            rank=mixer.kv_rank,
            rope_dim=mixer.rope_dim,
            element_bytes=precision.kv_bytes,
        )
        index = mixer.indexer
        return latent + index_bytes(tokens=tokens, head_dim=index.head_dim) if index else latent
    if isinstance(mixer, GatedDeltaNet):
        return delta_state_bytes(
            sequences=requests * states,
            heads=mixer.value_heads / grid.tp,
            key_dim=mixer.key_dim,
            value_dim=mixer.value_dim,
            channels=mixer.convolved / grid.tp,
            convolution=mixer.convolution,
        )
    return state_bytes(
        sequences=requests * states,
        inner=mixer.inner / grid.tp,
        state=mixer.state,
        convolution=mixer.convolution,
    )


def _cached_tokens(grid: Grid, requests: Floats, *, window: int | None) -> Values:
    if grid.beams > 1:
        prompt = rounded_to_blocks(tokens=np.minimum(grid.inputs, window or np.inf))
        own = rounded_to_blocks(tokens=np.minimum(grid.outputs, window or np.inf))
        return requests * (prompt + own * grid.beams)
    longest = np.minimum(grid.inputs + grid.outputs + grid.drafted, window or np.inf)
    cached: Values = requests * rounded_to_blocks(tokens=longest)
    return cached


def _outer_weights(model: Model, precision: Precision, grid: Grid) -> tuple[Values, Values]:
    """Embedding on the first stage; head and final norm on the last, shared if tied and one."""
    rows = np.ceil(model.vocabulary / grid.tp) / model.vocabulary
    embedding = model.embedding_parameters * rows
    if model.tied:
        copy = np.where(grid.pp > 1, model.vocabulary * model.hidden * rows, 0.0)
    else:
        copy = model.head_parameters * rows
    last = copy + model.final_norm_parameters
    wide = precision.unquantised_bytes
    return embedding * wide, last * wide


def _activations(model: Model, precision: Precision, grid: Grid) -> Values:
    """Peak activations of the widest layer at the prefill chunk, and the logits."""
    decoded = grid.beams + grid.drafted  # tokens of a request in a decode step
    read = grid.micro * grid.computed / grid.attention_ranks / grid.contexts
    wave = np.maximum(read, grid.micro * decoded)
    tokens = np.minimum(wave, grid.chunk_tokens)
    widest = max(_layer_width(layer) for layer in model.layers)
    streams = 3 * model.hidden + widest / grid.tp
    logits = grid.micro / grid.attention_ranks * decoded * np.ceil(model.vocabulary / grid.tp)
    alive: Values = (tokens * streams + logits * 2) * precision.output_bytes
    return alive


def _buffers(model: Model, precision: Precision, grid: Grid) -> Values:
    """Activations of whole prompts, every operation of a layer in a buffer of its own.

    Of a token: six streams of the hidden size; queries, keys and values twice (as projected, and
    by head), the widest layer of the rest, and a row of attention scores per head.
    """
    tokens = np.maximum(grid.micro * grid.inputs / grid.attention_ranks, grid.micro * grid.beams)
    widest = max(_layer_width(layer) for layer in model.layers)
    sharded = 6 * model.hidden + widest + model.heads * grid.inputs
    alive: Values = tokens * (6 * model.hidden + sharded / grid.tp) * precision.output_bytes
    return alive


def _layer_width(layer: Layer) -> float:
    """Elements per token that the layer's widest operation has alive."""
    mixer, channel = layer.mixer, layer.channel
    if isinstance(mixer, Attention):
        width = ((2 + mixer.gated) * mixer.heads + 2 * mixer.kv_heads) * mixer.head_dim
    elif isinstance(mixer, LatentAttention):
        form = 2 * mixer.kv_rank if mixer.indexer else mixer.nope_dim + mixer.v_dim
        width = mixer.heads * (mixer.nope_dim + mixer.rope_dim + form + mixer.v_dim)
    elif isinstance(mixer, GatedDeltaNet):
        width = 2 * mixer.convolved + 2 * mixer.values
    else:
        width = 4 * mixer.inner
    if isinstance(channel, FeedForward):
        return float(max(width, (channel.up_projections + 1) * channel.width))
    if isinstance(channel, Mixture):
        return float(max(width, channel.top_k * (channel.up_projections + 1) * channel.width))
    return float(width)
