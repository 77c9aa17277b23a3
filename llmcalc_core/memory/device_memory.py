"""Memory of the fullest device of a plan, by what it holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from llmcalc_core.architecture.drafting import draft_grid, draft_of, draft_precision
from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.pipeline import section_counts, stage_counts
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.adapters import adapter_bytes
from llmcalc_core.layers.part import NO_CACHE
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.graph_buffers import graph_buffer_bytes
from llmcalc_core.memory.paged_cache import paged_bytes
from llmcalc_core.memory.pooled_cache import pooled_bytes
from llmcalc_core.memory.profiled import reserved_bytes
from llmcalc_core.memory.profiled_peak import profiled_peak
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout

_OWN: Values = 1.0
"""What caches are multiplied by that are not grouped."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Bytes on the fullest device, by kind; arrays that broadcast to the grid.

    ``host_weights`` and ``host_kv_cache`` are what it has in its host's memory instead.
    """

    weights: Floats
    kv_cache: Floats
    activations: Floats
    reserve: Floats
    total: Floats
    host_weights: Values = 0.0
    host_kv_cache: Values = 0.0

    @property
    def host(self) -> Values:
        """All that a device has in its host's memory [bytes]."""
        return self.host_weights + self.host_kv_cache


def device_memory(model: Model, precision: Precision, grid: Grid) -> Memory:
    """Count what the fullest device of each plan holds at the longest context.

    Parameters
    ----------
    model, precision
        What is stored, in which types.
    grid : Grid
        Plans and workloads. An engine that does not chunk prompts reads all of a batch at once,
        with a buffer of its own for every operation.

    Returns
    -------
    Memory
        Bytes by kind [bytes], of the pipeline stage that needs the most.
    """
    weights_of, first, last = _section_weights(model, precision, grid.layouts, grid.engine)
    caches, pages = _caches(model, precision, grid)
    every = stage_counts(model, tuple(layout.pp for layout in grid.layouts))
    host_weights: Values = 0.0
    host_cache: Values = 0.0
    if grid.techniques.offloads:
        weights, cache = grid.weights_offload, grid.kv_offload
        at_host = [weights * own for own in weights_of], [cache * own for own in caches]
        for counts in every:
            more_weights, more_cache = _stage_bytes(counts, *at_host)
            host_weights = np.maximum(host_weights, more_weights)
            host_cache = np.maximum(host_cache, more_cache)
        weights_of = [(1 - weights) * own for own in weights_of]
        caches = [(1 - cache) * own for own in caches]
        host_cache = host_cache * pages
    if grid.techniques.lora_adapters:
        adapters = _adapter_bytes(model, precision, grid)
        weights_of = [own + more for own, more in zip(weights_of, adapters, strict=True)]
    if grid.draft_tokens:
        draft_weights, draft_cache = _draft_bytes(model, precision, grid)
        last = last + draft_weights
        caches = [*caches, NO_CACHE, draft_cache / pages]
    weights, cache = _stage_bytes(every[0], [*weights_of, first, last], caches, pages)
    for counts in every[1:]:
        other = _stage_bytes(counts, [*weights_of, first, last], caches, pages)
        weights, cache = _fuller((weights, cache), other)
    activations, reserve = _beside_cache(model, precision, grid)
    return Memory(
        weights=np.asarray(weights),
        kv_cache=np.asarray(cache),
        activations=np.asarray(activations),
        reserve=np.asarray(reserve),
        total=np.asarray(weights + cache + activations + reserve),
        host_weights=host_weights,
        host_kv_cache=host_cache,
    )


def _caches(model: Model, precision: Precision, grid: Grid) -> tuple[list[Values], Values]:
    """Count the caches of all requests, of each part of one layer, and what to multiply them by.

    Where caches are grouped, that is what all groups take, and each part has its share of it.
    """
    pages = paged_bytes(model, precision, grid)
    if pages is None:
        pages = pooled_bytes(model, precision, grid)
    if pages is None:
        return [part.cache_bytes(precision, grid) for part in model.parts], _OWN
    one = replace(grid, batch=np.ones(()), attention_dp=np.ones(()))
    own = [part.cache_bytes(precision, one) for part in model.parts]
    counts = np.ravel(section_counts(model)).tolist()
    filled = sum(
        count * cache for count, cache in zip(counts, own, strict=False) if cache is not NO_CACHE
    )
    return [cache if cache is NO_CACHE else cache / filled for cache in own], pages


@lru_cache(maxsize=256)
def _section_weights(
    model: Model, precision: Precision, layouts: tuple[Layout, ...], engine: Engine
) -> tuple[list[Values], Values, Values]:
    """Weights of each part, of the first and of the last one, whatever the workload [bytes]."""
    grid = make_grid(layouts, batches=(1,), inputs=(1,), outputs=(1,), engine=engine)
    parts = [part.weight_bytes(precision, grid) for part in model.parts]
    return parts, *_outer_weights(model, precision, grid)


def _adapter_bytes(model: Model, precision: Precision, grid: Grid) -> list[Values]:
    """Bytes of the low-rank adapters of each part."""
    step = make_pass(model.hidden, grid, precision, decode=False)
    works = (part.work(step)[0] for part in model.parts)
    return [adapter_bytes(work, step) for work in works]


def _draft_bytes(model: Model, precision: Precision, grid: Grid) -> tuple[Values, Values]:
    """Weights and cache of what drafts, which is on the last stage."""
    draft = draft_of(model, grid.techniques)
    own = draft_precision(draft, precision)
    memory = device_memory(draft.model, own, draft_grid(draft.model, grid))
    weights: Values = draft.copies * memory.weights
    if draft.is_module and not model.tied:
        rows = np.ceil(model.vocabulary / grid.tp) * model.hidden * precision.unquantised_bytes
        weights = weights + np.where(grid.pp > 1, rows, 0.0)  # an embedding for the last stage
    return weights, draft.copies * memory.kv_cache


def _stage_bytes(
    counts: Floats, weights_of: list[Values], caches: list[Values], pages: Values = _OWN
) -> tuple[Values, Values]:
    """Weights and cache of one stage of every layout, from those of its sections."""
    sections = counts[0].tolist() if len(counts) == 1 else counts.T[:, :, None, None, None]
    weights: Values = 0.0
    cache: Values = 0.0
    for count, part in zip(sections, weights_of, strict=False):
        weights = weights + count * part
    for count, part in zip(sections, caches, strict=False):
        if part is not NO_CACHE:
            cache = cache + count * part
    return weights, cache if pages is _OWN else cache * pages


def _fuller(one: tuple[Values, Values], other: tuple[Values, Values]) -> tuple[Values, Values]:
    """Give weights and cache of the stage that has more of both together."""
    fuller = other[0] + other[1] > one[0] + one[1]
    if not isinstance(fuller, np.ndarray):
        return other if fuller else one
    weights, cache = (np.where(fuller, new, old) for new, old in zip(other, one, strict=True))
    return weights, cache


def _outer_weights(model: Model, precision: Precision, grid: Grid) -> tuple[Values, Values]:
    """Embedding and images on the first stage; head and final norm on the last.

    A tied head is the embedding where they are on one stage, and both are on the device.
    """
    rows = np.ceil(model.vocabulary / grid.tp) / model.vocabulary
    embedding = model.embedding_parameters * rows
    wide = precision.unquantised_bytes
    on_host = grid.engine.embeds_on_host
    if model.tied:
        apart = np.asarray((grid.pp > 1) | on_host)
        copy = np.where(apart, model.vocabulary * model.hidden * rows, 0.0) * wide
    else:
        copy = model.head_parameters * rows * precision.head_bytes
    first = embedding + model.vision_parameters / grid.tp if model.vision else embedding
    held = 0.0 if on_host else embedding * precision.embedding_bytes
    outer = held + (first - embedding) * wide
    return outer, copy + model.final_norm_parameters * wide


def _beside_cache(model: Model, precision: Precision, grid: Grid) -> tuple[Values, Values]:
    """Activations, and what lies outside of them: as vLLM finds them when it starts, or as used."""
    if grid.engine.graph_tokens:
        return graph_buffer_bytes(model, grid), grid.engine.runtime_reserve_bytes
    alive = _activations if grid.engine.chunks_prompts else _buffers
    used = alive(model, precision, grid)
    if not grid.engine.profiles_sampler:
        return used, grid.engine.runtime_reserve_bytes
    return profiled_peak(model, grid, used), reserved_bytes(grid)


def _activations(model: Model, precision: Precision, grid: Grid) -> Values:
    """Peak activations of the widest layer at the prefill chunk, and the logits."""
    decoded = grid.beams + grid.draft_tokens  # tokens of a request in a decode step
    read = grid.micro_batch * grid.prefill_tokens / grid.attention_dp / grid.cp
    wave = np.maximum(read, grid.micro_batch * decoded)
    tokens = np.minimum(wave, grid.token_budget)
    widest: Values = 0.0
    for divided, whole in model.activation_widths:
        widest = np.maximum(widest, divided / grid.tp + whole)
    streams = (2 + model.most_residual_rows) * model.hidden + widest
    logits = grid.micro_batch / grid.attention_dp * decoded * np.ceil(model.vocabulary / grid.tp)
    alive: Values = (tokens * streams + logits * 2) * precision.output_bytes
    return alive


def _buffers(model: Model, precision: Precision, grid: Grid) -> Values:
    """Activations of whole prompts, every operation of a layer in a buffer of its own.

    Of a token: six streams of the hidden size; queries, keys and values twice (as projected, and
    by head), the widest layer of the rest, and a row of attention scores per head.
    """
    tokens = np.maximum(
        grid.micro_batch * grid.inputs / grid.attention_dp, grid.micro_batch * grid.beams
    )
    sharded = 6 * model.hidden + model.activation_width + model.heads * grid.inputs
    alive: Values = tokens * (6 * model.hidden + sharded / grid.tp) * precision.output_bytes
    return alive
