"""Memory of the fullest device of a plan, by what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce

import numpy as np

from llmcalc_core.architecture.drafting import draft_grid, draft_of, draft_precision
from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.pipeline import section_counts, stages_of
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.single_numbers import ceiling, larger, smaller
from llmcalc_core.layers.adapters import adapter_bytes
from llmcalc_core.layers.part import NO_CACHE
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.graph_buffers import graph_buffer_bytes
from llmcalc_core.memory.paged_cache import paged_bytes
from llmcalc_core.memory.pooled_cache import pooled_bytes
from llmcalc_core.memory.profiled import profiled_tokens, reserved_bytes
from llmcalc_core.memory.profiled_peak import profiled_peak
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed, record
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout

_OWN: Values = 1.0
"""What caches are multiplied by that are not grouped."""


@record()
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
    layers, outer = _stage_weights(model, precision, grid.layouts, grid.engine)
    every = stages_of(model, tuple([layout.pp for layout in grid.layouts]))
    caches, pages = _caches(model, precision, grid)
    held: Iterable[Values] = _of_stages(every, caches)
    if pages is not _OWN:
        held = (one * pages for one in held)
    host_weights: Values = 0.0
    host_cache: Values = 0.0
    if grid.techniques.offloads:
        weights_away, cache_away = grid.weights_offload, grid.kv_offload
        cached = list(held)
        host_weights = weights_away * reduce(larger, layers)
        host_cache = cache_away * reduce(larger, cached)
        layers = [(1 - weights_away) * own for own in layers]
        held = [(1 - cache_away) * own for own in cached]
    if grid.techniques.lora_adapters:
        adapters = _of_stages(every, _adapter_bytes(model, precision, grid))
        layers = [own + more for own, more in zip(layers, adapters, strict=True)]
    if grid.draft_tokens:
        draft_weights, draft_cache = _draft_bytes(model, precision, grid)
        ends = list(_of_stages(every, [NO_CACHE] * (len(model.parts) + 1) + [1.0]))
        outer = [own + is_last * draft_weights for own, is_last in zip(outer, ends, strict=True)]
        held = [own + is_last * draft_cache for own, is_last in zip(held, ends, strict=True)]
    stages = zip(layers, outer, held, strict=True)
    weights, cache = reduce(_fuller, ((own + ends, cache) for own, ends, cache in stages))
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
    one = changed(grid, batch=np.ones(()), attention_dp=np.ones(()))
    own = [part.cache_bytes(precision, one) for part in model.parts]
    counts = np.ravel(section_counts(model)).tolist()
    filled = sum(
        count * cache for count, cache in zip(counts, own, strict=False) if cache is not NO_CACHE
    )
    return [cache if cache is NO_CACHE else cache / filled for cache in own], pages


@lru_cache(maxsize=256)
def _stage_weights(
    model: Model, precision: Precision, layouts: tuple[Layout, ...], engine: Engine
) -> tuple[list[Values], list[Values]]:
    """Weights of the layers of each stage, and of what is before and after, for any workload."""
    grid = make_grid(layouts, batches=(1,), inputs=(1,), outputs=(1,), engine=engine)
    parts = [part.weight_bytes(precision, grid) for part in model.parts]
    ends = [NO_CACHE] * len(parts) + list(_outer_weights(model, precision, grid))
    every = stages_of(model, tuple([layout.pp for layout in layouts]))
    return list(_of_stages(every, parts)), list(_of_stages(every, ends))


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
        rows = ceiling(model.vocabulary / grid.tp) * model.hidden * precision.unquantised_bytes
        weights = weights + np.where(grid.pp > 1, rows, 0.0)  # an embedding for the last stage
    return weights, draft.copies * memory.kv_cache


def _of_stages(every: tuple[tuple[Values, ...], ...], each: list[Values]) -> Iterator[Values]:
    """Bytes of each distinct stage of every layout, from those of the sections that it has."""
    for counts in every:
        own: Values = NO_CACHE
        for count, part in zip(counts, each, strict=False):
            if part is not NO_CACHE:
                own = own + count * part
        yield own


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
    rows = ceiling(model.vocabulary / grid.tp) / model.vocabulary
    embedding = model.embedding_parameters * rows
    wide = precision.unquantised_bytes
    on_host = grid.engine.embeds_on_host
    copy = model.head_parameters * rows * precision.head_bytes
    if model.tied:
        apart = (grid.pp > 1) | on_host
        copy = np.where(apart, model.vocabulary * model.hidden * rows, 0.0) * precision.head_bytes
    first = embedding + model.vision_parameters / grid.tp if model.vision else embedding
    held = 0.0 if on_host else embedding * precision.embedding_bytes
    outer = held + (first - embedding) * wide
    return outer, copy + model.final_norm_parameters * precision.others_bytes


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
    wave = larger(read, grid.micro_batch * decoded)
    tokens = smaller(wave, grid.token_budget)
    if grid.engine.profiles_sampler:
        tokens = np.asarray(profiled_tokens(grid) / grid.cp)
    widest: Values = 0.0
    for divided, whole in model.activation_widths:
        widest = larger(widest, divided / grid.tp + whole)
    streams = (2 + model.most_residual_rows) * model.hidden + widest
    logits = grid.micro_batch / grid.attention_dp * decoded * ceiling(model.vocabulary / grid.tp)
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
