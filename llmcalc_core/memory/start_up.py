"""What an engine holds once it has started: weights, what lies beside, and the cache's pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import held_before
from llmcalc_core.memory.cache_groups import BLOCK_TOKENS, CacheGroups, cache_groups
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.held_blocks import (
    printed_blocks,
    printed_concurrency,
    running_requests,
)
from llmcalc_core.memory.pooled_cache import kept_bytes
from llmcalc_core.memory.profiled import (
    default_share,
    graph_bytes,
    is_since,
    outside_bytes,
)
from llmcalc_core.memory.static_fraction import pools, static_fraction
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

GROUPS_COUNTED = (0, 20)
"""That from which it prints concurrency times length as tokens, and keeps prefixes of models with
states (so logs of DeepSeek-V4; those of 0.17 print blocks over groups)."""

TWO_STEPS_COUNTED = (0, 25)
"""That from which windows are counted with the tokens of every step under way, of which
asynchronous scheduling has one more (pull request 47728, merged in July 2026)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server was told when it started.

    Attributes
    ----------
    max_model_len : int
        Longest context [tokens].
    memory_fraction : float or None
        Share of what is visible, of which each engine has its own meaning; None: its default [1].
    prompt, answer : int
        Tokens of the requests that run [tokens].
    states : int or None
        States that SGLang was told to have room for (``max_mamba_cache_size``) [1].
    max_num_batched_tokens : int or None
        Most tokens of a step; None: the engine's own [tokens].
    max_num_seqs : int or None
        Most requests at once, where the server was told [1].
    block_size : int
        Tokens of a block of vLLM's cache where no layer asks for more [tokens].
    prefix_caching : bool or None
        Whether prefixes are kept; None: as the version does.
    images_per_prompt : int or None
        Most images of a request (``--limit-mm-per-prompt``); None: as many as fill a step [1].
    """

    max_model_len: int
    memory_fraction: float | None
    prompt: int
    answer: int
    states: int | None = None
    max_num_batched_tokens: int | None = None
    max_num_seqs: int | None = None
    block_size: int = BLOCK_TOKENS
    prefix_caching: bool | None = None
    images_per_prompt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """What the fullest device of a replica holds once its engine has started.

    Attributes
    ----------
    visible_bytes, allowed_bytes : float
        What a program sees of the device, and the share that the engine may fill [bytes].
    weights_bytes, activations_bytes, outside_bytes, graphs_bytes : float
        Weights; the peak of activations that is kept free; what lies outside of the allocator;
        captured graphs, 0 where they are not counted [bytes].
    pool_bytes, state_bytes : float
        Left for the cache; of it states that have a pool of their own; below zero: missing [bytes].
    block_tokens, blocks : float
        Tokens of a block, and blocks of the pool; of an engine without groups all tokens [1].
    tokens, concurrency : float
        As the engine prints them: tokens of the pool, requests of the longest context [1].
    longest : float
        Longest context with which the engine starts, at most the one asked for [tokens].
    running : float
        Requests of the prompts and answers asked for that run at once [1].
    """

    visible_bytes: float
    allowed_bytes: float
    weights_bytes: float
    activations_bytes: float
    outside_bytes: float
    graphs_bytes: float
    pool_bytes: float
    state_bytes: float = 0.0
    block_tokens: float
    blocks: float
    tokens: float
    concurrency: float
    longest: float
    running: float

    @property
    def starts(self) -> bool:
        """Whether the engine starts: a request of the longest context has room."""
        return self.pool_bytes > 0 and self.concurrency >= 1


def start_up(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    layout: Layout,
    *,
    engine: Engine,
    settings: ServerSettings,
    techniques: Techniques = NO_TECHNIQUES,
) -> StartUp:
    """Budget the memory of the fullest device as an engine does when it starts.

    Parameters
    ----------
    model, hardware, precision, layout
        What runs on what, in which types and plan.
    engine : Engine
        With the requests of a step that it is set to.
    settings : ServerSettings
        What it was told.
    techniques : Techniques
        Adapters, drafting and what is kept on the host.

    Returns
    -------
    StartUp
        Of one device.
    """
    told = settings.max_num_batched_tokens
    if told is not None:
        engine = replace(engine, token_budget=told, budget_by_length=False)
    if settings.images_per_prompt is not None:
        engine = replace(engine, images_per_prompt=settings.images_per_prompt)
    grid = make_grid(
        (layout,), batches=(1,), inputs=(max(settings.max_model_len - 1, 1),), outputs=(1,),
        engine=engine, techniques=techniques,
    )  # fmt: skip
    grid = changed(grid, prefill_tokens=np.float64(engine.token_budget))
    held = device_memory(model, precision, grid)
    of_engine = {
        "vllm": _of_blocks, "sglang": _of_static_fraction, "llama.cpp": _of_context,
    }  # fmt: skip
    return of_engine.get(engine.name, _of_free)(
        _Asked(model, hardware, precision, layout, engine, settings, techniques), held
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question, as :func:`start_up` has it."""

    model: Model
    hardware: Hardware
    precision: Precision
    layout: Layout
    engine: Engine
    settings: ServerSettings
    techniques: Techniques

    @property
    def stage_share(self) -> float:
        """Share of the layers that the fullest stage has [1]."""
        count = self.model.layer_count
        return -(-count // self.layout.pp) / count

    def token_bytes(self) -> float:
        """Bytes of a token in all layers of a stage, whatever they keep [bytes]."""
        pages = cache_groups(self.model, self.precision.kv_bytes, self.layout.tp)
        found = pages.groups if pages else ()
        own = sum(one.layers * one.page.token_bytes / one.page.entry_tokens for one in found
                  if one.page.kept != "state")  # fmt: skip
        return own * self.stage_share


def _of_blocks(asked: _Asked, held: Memory) -> StartUp:
    """Budget as vLLM does: a share of what is visible, less the peaks of a dummy step."""
    settings, engine = asked.settings, asked.engine
    caching = settings.prefix_caching
    if caching is None:
        caching = is_since(engine, GROUPS_COUNTED)
    draft = draft_of(asked.model, asked.techniques) if asked.techniques.speculative_tokens else None
    groups = cache_groups(
        asked.model, asked.precision.kv_bytes, asked.layout.tp, prefix_caching=caching,
        draft=draft, block_tokens=settings.block_size,
    )  # fmt: skip
    visible = asked.hardware.visible_bytes
    allowed = visible * (settings.memory_fraction or default_share(engine))
    graphs = graph_bytes(engine)
    stage, stages = asked.layout.stage_devices, asked.layout.pp
    outside = float(outside_bytes(engine, stage_devices=stage, stages=stages))
    beside = float(held.weights.item()) + float(held.activations.item()) + outside + graphs
    pool = allowed - beside
    steps = asked.layout.pp + 1 if is_since(engine, TWO_STEPS_COUNTED) else 1
    figures = _block_figures(asked, groups, pool, steps * float(engine.token_budget))
    return StartUp(
        visible_bytes=visible,
        allowed_bytes=allowed,
        weights_bytes=held.weights.item(),
        activations_bytes=held.activations.item(),
        outside_bytes=outside,
        graphs_bytes=graphs,
        pool_bytes=pool,
        **figures,
    )


_DEFAULT_FRACTION = 0.9
"""TensorRT-LLM's ``free_gpu_memory_fraction``."""


def _block_figures(
    asked: _Asked, groups: CacheGroups | None, pool: float, in_flight: float
) -> dict[str, float]:
    """Count blocks, tokens and requests of a pool of equal blocks."""
    settings, length = asked.settings, float(asked.settings.max_model_len)
    if groups is None or pool <= 0:
        return {
            "block_tokens": settings.block_size, "blocks": 0.0, "tokens": 0.0, "concurrency": 0.0,
            "longest": 0.0, "running": 0.0,
        }  # fmt: skip
    blocks = pool // (groups.block_bytes * asked.stage_share)
    concurrency = float(
        printed_concurrency(groups, blocks=blocks, length=length, in_flight=in_flight)
    )
    block = max(group.page.block for group in groups.groups)
    tokens = concurrency * length
    if not is_since(asked.engine, GROUPS_COUNTED):
        tokens = blocks // len(groups.groups) * min(group.page.block for group in groups.groups)
    running = running_requests(
        groups, blocks=blocks, prompt=float(settings.prompt), answer=float(settings.answer),
        token_budget=float(asked.engine.token_budget), in_flight=in_flight,
    )  # fmt: skip

    def fits(context: int) -> bool:
        needed = printed_blocks(groups, length=float(context), in_flight=in_flight)
        return float(needed) <= blocks - 1

    return {
        "block_tokens": float(block),
        "blocks": blocks,
        "tokens": float(np.floor(tokens)),
        "concurrency": concurrency,
        "longest": float(_longest(settings.max_model_len, fits)),
        "running": min(float(running), float(asked.engine.max_num_seqs)),
    }


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """Find the longest context that fits, by bisection; 0 if none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _of_static_fraction(asked: _Asked, held: Memory) -> StartUp:
    """Budget as SGLang does: weights and pools are a share of what is free before them."""
    visible = asked.hardware.visible_bytes
    free = visible - held_before(asked.hardware, peers=asked.layout.stage_devices - 1)
    share = asked.settings.memory_fraction or static_fraction(
        asked.hardware.memory_bytes, asked.engine.token_budget, devices=asked.layout.devices,
        tp=asked.layout.tp, tower=asked.model.vision,
    )  # fmt: skip
    weights = float(held.weights.item())
    pool = free * share - weights
    kept = kept_bytes(asked.model, asked.precision.kv_bytes, asked.layout.tp)
    told, each = _told_states(asked)
    found = pools(kept.of_stage(asked.stage_share), pool, states=told)
    context = float(asked.settings.prompt + asked.settings.answer)
    states = found.states / each
    requests = min(found.tokens / context, states) if pool > 0 else 0.0
    return StartUp(
        visible_bytes=visible,
        allowed_bytes=free * share,
        weights_bytes=weights,
        activations_bytes=free * (1 - share),
        outside_bytes=visible - free,
        graphs_bytes=0.0,
        pool_bytes=found.token_bytes,
        state_bytes=found.state_bytes,
        block_tokens=1.0,
        blocks=found.tokens,
        tokens=found.tokens,
        concurrency=found.tokens / asked.settings.max_model_len,
        longest=min(found.tokens, float(asked.settings.max_model_len)),
        running=float(np.floor(max(requests, 0.0))),
    )


def _told_states(asked: _Asked) -> tuple[int | None, int]:
    """Give the states that SGLang's pool is told to have, and those that a request takes of it.

    Without prefixes a request has one state, and the pool one for each request that may run, where
    that is said; else its share of the room (``_handle_max_mamba_cache`` and
    ``_calculate_mamba_ratio`` of mem_cache/kv_cache_configurator.py 0.5.23; 0.5.9 has the former).
    """
    settings, engine = asked.settings, asked.engine
    if settings.prefix_caching is not False:
        return settings.states, engine.states_per_request
    ranks = asked.layout.attention_dp
    running = settings.max_num_seqs and max(settings.max_num_seqs // ranks, 1)
    return (running if settings.states is None else settings.states), 1


def _of_context(asked: _Asked, held: Memory) -> StartUp:
    """Budget as llama.cpp does: the whole context is allocated at once, beside all the rest.

    ``llama_kv_cache`` of src/llama-kv-cache.cpp, read 2026-11-30; the slots of a server share the
    context.
    """
    visible, length = asked.hardware.visible_bytes, float(asked.settings.max_model_len)
    beside = float(held.weights.item()) + float(held.activations.item()) + float(held.reserve)
    cache = float(held.kv_cache.item())
    room = visible - beside
    longest = min(max(np.floor(room / (cache / length)), 0.0), length) if cache else length
    context = float(asked.settings.prompt + asked.settings.answer)
    fits = cache <= room
    return StartUp(
        visible_bytes=visible,
        allowed_bytes=visible,
        weights_bytes=held.weights.item(),
        activations_bytes=held.activations.item(),
        outside_bytes=float(held.reserve),
        graphs_bytes=0.0,
        pool_bytes=cache,
        block_tokens=1.0,
        blocks=length,
        tokens=length,
        concurrency=float(fits),
        longest=longest,
        running=min(float(length // context), float(asked.engine.max_num_seqs)) * fits,
    )


def _of_free(asked: _Asked, held: Memory) -> StartUp:
    """Budget as TensorRT-LLM does: the cache gets a share of what all the rest leaves free."""
    visible = asked.hardware.visible_bytes
    fraction = asked.settings.memory_fraction or _DEFAULT_FRACTION
    beside = float(held.weights.item()) + float(held.activations.item()) + float(held.reserve)
    of_free = asked.engine.memory_fraction_of == "free"
    pool = (visible - beside) * fraction if of_free else visible * fraction - beside
    each = asked.token_bytes()
    tokens = float(np.floor(max(pool, 0.0) / each)) if each else 0.0
    context = float(asked.settings.prompt + asked.settings.answer)
    return StartUp(
        visible_bytes=visible,
        allowed_bytes=pool + beside,
        weights_bytes=held.weights.item(),
        activations_bytes=held.activations.item(),
        outside_bytes=float(held.reserve),
        graphs_bytes=0.0,
        pool_bytes=pool,
        block_tokens=float(asked.engine.kv_block_tokens),
        blocks=tokens // asked.engine.kv_block_tokens,
        tokens=tokens,
        concurrency=tokens / asked.settings.max_model_len,
        longest=min(tokens, float(asked.settings.max_model_len)),
        running=float(tokens // context),
    )
