"""What vLLM holds once it has started: a share of the device, less the peaks of a dummy step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.memory.cache_groups import CacheGroups, cache_groups
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.memory.held_blocks import (
    printed_blocks,
    printed_concurrency,
    running_requests,
)
from llmcalc_core.memory.profiled import (
    graph_bytes,
    is_since,
    outside_bytes,
)
from llmcalc_core.memory.server import Server, StartUp

GROUPS_COUNTED = (0, 20)
"""That from which it prints concurrency times length as tokens, and keeps prefixes of models with
states (so logs of DeepSeek-V4; those of 0.17 print blocks over groups)."""

TWO_STEPS_COUNTED = (0, 25)
"""That from which windows are counted with the tokens of every step under way, of which
asynchronous scheduling has one more (pull request 47728, merged in July 2026)."""


def vllm_start_up(asked: Server, held: Memory) -> StartUp:
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
    allowed = visible * asked.share
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


def _block_figures(
    asked: Server, groups: CacheGroups | None, pool: float, in_flight: float
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
