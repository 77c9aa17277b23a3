"""A server that a plan makes: what its engine is told, and the blocks that its memory has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.engines import Engine
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.requests import Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server is told, under the names of vLLM; None is the engine's default.

    Attributes
    ----------
    max_num_seqs, max_num_batched_tokens : int or None
        Most requests that run at once [1], and most tokens of a step [tokens].
    num_kv_blocks : int or None
        Blocks of the KV cache; None: what the memory has room for [1].
    prefix_caching : bool
        Whether the keys and values of prompts' beginnings are kept for requests to come.
    async_scheduling : bool or None
        Whether the host prepares a step while the devices run the one before.
    """

    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    num_kv_blocks: int | None = None
    prefix_caching: bool = True
    async_scheduling: bool | None = None


def settings_of(
    case: Case, engine: Engine, budget: MemoryBudget, requests: Requests, options: ServerOptions
) -> Settings:
    """Give the settings of a server for some requests.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid of one layout, and efficiency.
    engine : Engine
        What serves.
    budget : MemoryBudget
        What it may fill of a device.
    requests : Requests
        What is sent.
    options : ServerOptions
        What it is told.

    Returns
    -------
    Settings
        For :func:`llmcalc_core.simulation.scheduler.run`.
    """
    most = options.max_num_seqs or engine.max_num_seqs
    tokens = options.max_num_batched_tokens or engine.token_budget
    blocks = options.num_kv_blocks
    if blocks is None:
        blocks = math.floor(_cached_tokens(case, budget, requests, most) / engine.kv_block_tokens)
    return Settings(
        policy=engine.name,
        token_budget=tokens if engine.prefill_first else max(tokens, most),
        max_num_seqs=most,
        kv_blocks=max(blocks, 1),
        block_tokens=engine.kv_block_tokens,
        prefix_caching=options.prefix_caching and shares_anything(requests),
        steps_ahead=int(engine.overlaps_host),
    )


def shares_anything(requests: Requests) -> bool:
    """Whether any prompt begins as another one."""
    return bool((requests.prefix_tokens > 0).any() or (requests.conversation >= 0).any())


def _cached_tokens(case: Case, budget: MemoryBudget, requests: Requests, most: int) -> float:
    """Count the tokens that the cache of an attention replica has room for beside all else."""
    model, _, precision, grid, _ = case
    lengths = requests.input_tokens + requests.output_tokens
    usual, running = math.ceil(float(lengths.mean())), min(most, len(requests))
    whole = make_grid(
        grid.layouts, batches=(running * grid.layouts[0].attention_dp,), inputs=(usual,),
        outputs=(1,), engine=grid.engine,
        techniques=replace(grid.techniques, prefix_hit_rate=0.0),
    )  # fmt: skip
    memory = device_memory(model, precision, whole)
    cache = float(np.asarray(memory.kv_cache))
    room = float(budget.device_bytes) - (float(np.asarray(budget.counted(memory))) - cache)
    return room / cache * running * (usual + 1) if cache else math.inf
