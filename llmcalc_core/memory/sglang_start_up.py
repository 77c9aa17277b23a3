"""What SGLang holds once it has started: weights and pools in a share of what was free before."""

from __future__ import annotations

import numpy as np

from llmcalc_core.memory.budget import held_before
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.memory.pooled_cache import kept_bytes
from llmcalc_core.memory.server import Server, StartUp
from llmcalc_core.memory.static_pools import pools


def sglang_start_up(asked: Server, held: Memory) -> StartUp:
    """Budget as SGLang does: weights and pools are a share of what is free before them."""
    visible = asked.hardware.visible_bytes
    free = visible - held_before(asked.hardware, peers=asked.layout.stage_devices - 1)
    share = asked.share
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


def _told_states(asked: Server) -> tuple[int | None, int]:
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
