"""Prompts that are read: passes of chunks of them, and the rate of a full step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, mixed_times, timed
from llmcalc_core.costmodel.phases import phase_times_of
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas import Values
from llmcalc_core.layers.work import Pass, Section, pass_of
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


def decode_pass(case: tuple[Any, ...], load: Load) -> Pass:
    """Describe the sequences that decode in a micro batch of a step."""
    model, _, precision, grid = case[:4]
    each = load.decoding / grid.micro_batches
    return pass_of(
        model.hidden, grid, precision,
        requests=each, on_all_replicas=each * grid.attention_dp, decode=True,
    )  # fmt: skip


def prompt_pass(case: tuple[Any, ...], load: Load, read: Values, on_all: Values) -> Pass:
    """Describe the chunks of prompts that a micro batch of a step reads.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        In how many chunks a prompt is read.
    read, on_all : float or array
        Chunks on the attention replica that reads most, and on all of them [1].

    Returns
    -------
    Pass
        What layers need to know.
    """
    model, _, precision, grid = case[:4]
    on_all = on_all / grid.micro_batches
    own = replace(grid, pieces=load.chunks, micro=on_all)
    return pass_of(
        model.hidden, own, precision,
        requests=read / grid.micro_batches, on_all_replicas=on_all, decode=False,
    )  # fmt: skip


def reading_step(
    case: Case,
    load: Load,
    on_all: Values,
    decoding: tuple[Pass, tuple[Section, ...]] | None,
    *,
    listed: bool = False,
) -> MicroBatch:
    """Time a step that reads prompts, beside sequences that decode or alone.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        What steps hold.
    on_all : float or array
        Chunks that all attention replicas read in it [1].
    decoding : tuple, optional
        The pass of what decodes, and its sections.
    listed : bool, default False
        Whether to keep every operation and message as a row.

    Returns
    -------
    MicroBatch
        Of such a step.
    """
    reads = prompt_pass(case, load, load.read, on_all)
    if decoding is None:
        return timed(case, reads, sections(case[0], reads), reads.tokens, listed=listed)
    return mixed_times(case, decoding[0], reads, work=decoding[1], listed=listed)


def full_pass(case: tuple[Any, ...], load: Load) -> Pass:
    """Describe a step that reads as many tokens of prompts as it has room for."""
    grid = replace(case[3], micro_batches=np.asarray(1.0))
    tokens = _over_inputs(load.chunk_tokens)
    count = np.maximum(grid.chunk_tokens / tokens, 1.0)
    narrow = replace(load, chunks=_over_inputs(load.chunks))
    return prompt_pass((*case[:3], grid), narrow, count, count * grid.attention_dp)


def seconds_per_token(case: Case, load: Load) -> Values:
    """Time of a prompt's token in a step that reads as many as it has room for [s]."""
    model, hardware, precision, grid, efficiency = case
    reads = full_pass(case, load)
    alone = replace(grid, micro_batches=np.asarray(1.0), pieces=1.0)
    full = (model, hardware, precision, alone, efficiency)
    parts = timed(full, reads, sections(model, reads), reads.tokens)
    times = phase_times_of(full, parts, decode=False)
    return times.period_s / reads.replica_tokens


def _over_inputs(values: Values) -> Values:
    """Give the value for the smallest batch: a full step does not depend on who decodes."""
    if isinstance(values, np.ndarray) and values.ndim:
        return values[:, :1, :, :1]
    return values


def mixes_prompts(efficiency: Efficiency, *, chunked: bool) -> float:
    """Say whether prompts are read beside decode steps, 1, or in steps of their own, 0."""
    return float(chunked and not efficiency.behaviour.prefill_first)
