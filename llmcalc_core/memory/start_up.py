"""What an engine holds once it has started: weights, what lies beside, and the cache's pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.server import Server, ServerSettings, StartUp
from llmcalc_core.memory.sglang_start_up import sglang_start_up
from llmcalc_core.memory.vllm_start_up import vllm_start_up
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


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
        "vllm": vllm_start_up, "sglang": sglang_start_up, "llama.cpp": _of_context,
    }  # fmt: skip
    return of_engine.get(engine.name, _of_free)(
        Server(model, hardware, precision, layout, engine, settings, grid), held
    )


def _of_context(asked: Server, held: Memory) -> StartUp:
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


def _of_free(asked: Server, held: Memory) -> StartUp:
    """Budget as TensorRT-LLM does: the cache gets a share of what all the rest leaves free."""
    visible = asked.hardware.visible_bytes
    fraction = asked.share
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
