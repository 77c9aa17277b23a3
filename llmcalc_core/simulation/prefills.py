"""Prompts that are read: passes of chunks of them, and the rate of a full step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.micro_batch import (
    Case,
    MicroBatch,
    is_pipelined,
    mixed_times,
    timed,
)
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times_of, traversal_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas import Values
from llmcalc_core.layers.work import Pass, pass_of
from llmcalc_core.simulation.load import Load
from llmcalc_core.workload.grid import Grid


def prompts(grid: Grid, count: Values) -> Grid:
    """Give every attention replica some prompts, which go through the stages in one piece."""
    batch = grid.attention_dp * count
    return replace(grid, batch=batch, micro=batch, micro_batches=batch / batch)


def in_micro_batches(grid: Grid) -> Grid:
    """Divide what is in flight over the stages evenly, as schedulers of a pipeline do."""
    micro_batches = np.minimum(grid.pp, np.maximum(grid.batch / grid.attention_dp, 1.0))
    return replace(grid, micro_batches=micro_batches, micro=grid.batch / micro_batches)


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
    chunks = np.ceil(grid.computed / grid.chunk_tokens) if grid.engine.chunks_prompts else 1.0
    count = np.maximum(grid.chunk_tokens * chunks / grid.computed, 1.0)
    return _prompts(case, count, count * grid.attention_dp, chunks)


def _prompts(case: tuple[Any, ...], read: Values, on_all: Values, chunks: Values) -> Pass:
    model, _, precision, grid = case[:4]
    own = replace(grid, pieces=chunks, micro=on_all)
    return pass_of(
        model.hidden, own, precision, requests=read, on_all_replicas=on_all, decode=False
    )


def replicas_in_use(grid: Grid, load: Load) -> Values:
    """Count the attention replicas that have requests [1]."""
    if np.all(grid.attention_dp == 1):
        return 1.0
    return load.in_flight / load.requests


def listed_reading_step(case: Case, load: Load, *, mixes: float) -> MicroBatch:
    """List what a micro batch of one load does that reads prompts, beside decoding or alone.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        What steps hold.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.

    Returns
    -------
    MicroBatch
        With every operation and message as a row.
    """
    reads = prompt_pass(case, load)
    if not mixes:
        return timed(case, reads, sections(case[0], reads), reads.tokens, listed=True)
    return mixed_times(case, decode_pass(case, load, load.beside), reads, listed=True)


def reading_times(case: Case, reading: MicroBatch, decode: PhaseTimes, mixes: float) -> PhaseTimes:
    """Give the time of a step that reads prompts, for the sequences that wait or decode beside.

    In a pipeline one of the micro batches reads them, and every stage takes longer once.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    reading : MicroBatch
        What reads.
    decode : PhaseTimes
        A step that decodes, of one token a sequence.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.

    Returns
    -------
    PhaseTimes
        ``latency_s`` is that of the step, ``period_s`` that of the way through all stages.
    """
    grid, through = case[3], traversal_times(reading)
    if not is_pipelined(grid):
        return through
    way = through.latency_s
    alone = mixes * sum(decode.by_bound.parts())
    shorter = mixes * (1 - alone / (grid.pp * decode.latency_s))
    return replace(
        through,
        latency_s=mixes * decode.latency_s + (way - alone) / grid.pp,
        by_kind=through.by_kind * (1 / grid.pp) + decode.by_kind * shorter,
    )


def seconds_per_token(case: Case) -> Values:
    """Time of a prompt's token in a step that reads as many as it has room for [s]."""
    model, hardware, precision, grid, efficiency = case
    reads = full_pass(case)
    alone = replace(grid, micro_batches=np.asarray(1.0), pieces=1.0)
    full = (model, hardware, precision, alone, efficiency)
    parts = timed(full, reads, sections(model, reads), reads.tokens)
    times = phase_times_of(full, parts, decode=False)
    return times.period_s / reads.replica_tokens


def mixes_prompts(efficiency: Efficiency, *, chunked: bool) -> float:
    """Say whether prompts are read beside decode steps, 1, or in steps of their own, 0."""
    return float(chunked and not efficiency.behaviour.prefill_first)
