"""What passes of a step hold: micro batches that decode, chunks of prompts that are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import ceiling, larger
from llmcalc_core.layers.work import Pass, pass_of
from llmcalc_core.records import changed
from llmcalc_core.simulation.load import Load
from llmcalc_core.workload.grid import Grid


def prompts(grid: Grid, count: Values) -> Grid:
    """Give every attention replica some prompts, which go through the stages in one piece."""
    batch = grid.attention_dp * count
    return changed(grid, batch=batch, micro_batch=batch, micro_batches=batch / batch)


def in_micro_batches(grid: Grid) -> Grid:
    """Divide what is in flight over the stages evenly, as schedulers of a pipeline do."""
    micro_batches = np.minimum(grid.pp, np.maximum(grid.batch / grid.attention_dp, 1.0))
    return changed(grid, micro_batches=micro_batches, micro_batch=grid.batch / micro_batches)


def decode_pass(case: tuple[Any, ...], load: Load, sequences: Values) -> Pass:
    """Describe a micro batch of so many sequences that decode on an attention replica."""
    model, _, precision, grid = case[:4]
    each = sequences / grid.micro_batches
    return pass_of(
        model.hidden, grid, precision,
        requests=each, on_all_replicas=each * replicas_in_use(grid, load), decode=True,
    )  # fmt: skip


def prompt_pass(case: tuple[Any, ...], load: Load) -> Pass:
    """Describe the chunks of prompts that a step reads, all replicas at the same time.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        How many, and in how many chunks a prompt is read.

    Returns
    -------
    Pass
        What layers need to know.
    """
    grid = case[3]
    return _prompts(case, load.read, load.read * replicas_in_use(grid, load), load.chunks)


def full_pass(case: tuple[Any, ...]) -> Pass:
    """Describe a step that reads as many tokens of prompts as the engine's budget allows."""
    grid = case[3]
    chunks = ceiling(grid.prefill_tokens / grid.token_budget) if grid.engine.chunks_prompts else 1.0
    each = grid.prefill_tokens / chunks
    count = larger(grid.token_budget / each, 1.0)
    step = _prompts(case, count, count * grid.attention_dp, chunks)
    # As many to the last bit for all lengths that fill it, so that what they take is kept.
    tokens = larger(grid.token_budget, each)
    return changed(
        step,
        tokens=tokens / step.cp,
        replica_tokens=tokens,
        stage_tokens=tokens * grid.attention_dp,
        hidden_bytes=tokens / step.cp * step.hidden * step.precision.output_bytes,
    )


def _prompts(case: tuple[Any, ...], read: Values, on_all: Values, chunks: Values) -> Pass:
    model, _, precision, grid = case[:4]
    own = grid
    if grid.draft_tokens or not is_number(chunks, grid.prefill_chunks):
        own = changed(grid, prefill_chunks=chunks, micro_batch=on_all)
    return pass_of(
        model.hidden, own, precision, requests=read, on_all_replicas=on_all, decode=False
    )


def is_number(values: Values, number: Values) -> bool:
    """Whether two values are numbers, and the same."""
    return isinstance(values, float) and isinstance(number, float) and values == number


def replicas_in_use(grid: Grid, load: Load) -> Values:
    """Count the attention replicas that have requests [1]."""
    if is_number(grid.attention_dp, 1.0):
        return 1.0
    return load.in_flight / load.requests
