"""Steps that read prompts, beside decoding or alone: their passes, their times, their rate."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.micro_batch import (
    Case,
    MicroBatch,
    micro_batch_of,
    mixed_times,
    timed,
    times_of_pass,
)
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times_of, traversal_times
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import (
    LOGITS,
    NOTHING,
    last_section,
    sections,
    sections_of_lengths,
    sections_of_tokens,
)
from llmcalc_core.costmodel.step_pass import TokenCase
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.single_numbers import ceiling, larger
from llmcalc_core.layers.work import Pass, Section, pass_of
from llmcalc_core.records import changed
from llmcalc_core.simulation.load import Load
from llmcalc_core.simulation.prompt_case import BLOCKS, PromptCase
from llmcalc_core.simulation.token_table import TIMES, token_table
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
    if grid.draft_tokens or not _is_number(chunks, grid.prefill_chunks):
        own = changed(grid, prefill_chunks=chunks, micro_batch=on_all)
    return pass_of(
        model.hidden, own, precision, requests=read, on_all_replicas=on_all, decode=False
    )


def _is_number(values: Values, number: Values) -> bool:
    """Whether two values are numbers, and the same."""
    return isinstance(values, float) and isinstance(number, float) and values == number


def replicas_in_use(grid: Grid, load: Load) -> Values:
    """Count the attention replicas that have requests [1]."""
    if _is_number(grid.attention_dp, 1.0):
        return 1.0
    return load.in_flight / load.requests


def listed_prefill_step(case: Case, load: Load, *, mixes: float) -> MicroBatch:
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


def prefill_times(
    case: Case, reading: MicroBatch, decode: PhaseTimes, mixes: float
) -> tuple[PhaseTimes, Values]:
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
        ``latency_s`` is that of the step, ``period_s`` that of the way through all stages, and
        ``by_kind`` what is not of
    float or array
        so many steps that decode [1].
    """
    grid, through = case[3], traversal_times(reading)
    if not grid.is_pipelined:
        return through, 0.0
    way = through.latency_s
    if not mixes:
        return replace(through, latency_s=way / grid.pp, stretch=1 / grid.pp), 0.0
    alone = decode.traversal_s
    latency = decode.latency_s + (way - alone) / grid.pp
    shorter = 1 - alone / (grid.pp * decode.latency_s)
    return replace(through, latency_s=latency, stretch=1 / grid.pp), shorter


def seconds_per_token(case: Case) -> Values:
    """Time of a prompt's token in a step that reads as many as it has room for [s]."""
    plans, away = PromptCase.of(case), case[3].weights_offload
    if np.ndim(away):
        return _full_step(plans, away)
    kept = _kept_full_step if plans.is_one else _full_step_of_block
    return kept(plans, float(away))


def _full_step(plans: PromptCase, weights_offload: Values) -> Values:
    """Time of a token of a full step, with some weights at the host [s]."""
    model, hardware, precision, whole, efficiency = plans.case()
    grid = changed(
        whole, micro_batches=np.asarray(1.0), prefill_chunks=1.0, weights_offload=weights_offload
    )
    case = (model, hardware, precision, grid, efficiency)
    reads = full_pass(case)
    parts = times_of_pass(case, reads, bounds=False)
    return phase_times_of(case, parts, decode=False).period_s / reads.replica_tokens


_kept_full_step = lru_cache(maxsize=1024)(_full_step)
_full_step_of_block = lru_cache(maxsize=BLOCKS)(_full_step)


def mixes_prompts(efficiency: Efficiency, *, chunked: bool) -> float:
    """Say whether prompts are read beside decode steps, 1, or in steps of their own, 0."""
    return float(chunked and not efficiency.behaviour.prefill_first)


_BUSY = ("gemm", "attention", "memory", "link", "host_link")
_ONCE = ("launch", "kernels")


def prefill_step(
    case: Case, load: Load, decode: tuple[PassTimes, Pass], *, mixes: float
) -> MicroBatch:
    """Time a micro batch that reads prompts, beside sequences that decode or alone.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        What steps hold.
    decode : tuple
        Times of a step in which as many decode as ever do, and its pass: those that decode beside
        have a part of its attention.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.

    Returns
    -------
    MicroBatch
        Of such a step.
    """
    grid = case[3]
    reads, tokens = prompt_pass(case, load), load.read * load.chunk_tokens
    table, which = token_table(case, replicas_in_use(grid, load), with_logits=not mixes)
    found = table.at(tokens + load.beside * (1 + grid.draft_tokens) if mixes else tokens, which)
    each = _each_chunk(case, load.chunks)
    each["host_link"] = each["host_link"] * grid.kv_offload
    found["host_link"] = found["host_link"] * grid.weights_offload
    parts = {
        name: [
            found[name],
            each[name] if name in _ONCE or not _is_some(each[name]) else load.read * each[name],
        ]
        for name in TIMES
    }
    if not mixes:
        return micro_batch_of(
            case, (reads,), _pass_times(parts), reads.tokens, spread_tokens=load.spread_tokens
        )
    own, some = _of_decoding(case, decode[1], table.names), np.minimum(load.requests - 1, 1.0)
    for name in TIMES:
        parts[name].append(getattr(own, name) * some)
    if not _is_number(some, 1.0) and np.min(some) < 1:
        alone = _logits(case)
        for name in TIMES:
            parts[name].append(getattr(alone, name) * (1 - some))
    parts["attention"].append(decode[0].attention * (load.beside / load.most_decoding))
    decodes = decode_pass(case, load, load.beside)
    return micro_batch_of(
        case, (decodes, reads), _pass_times(parts), decodes.tokens + reads.tokens,
        spread_tokens=load.spread_tokens,
    )  # fmt: skip


def _is_some(values: Values) -> bool:
    return isinstance(values, np.ndarray) or bool(values)


def _pass_times(parts: dict[str, list[Values]]) -> PassTimes:
    """Sum the parts of each time."""
    sums = {name: summed(values) for name, values in parts.items()}
    return PassTimes(
        gemm=sums["gemm"],
        attention=sums["attention"],
        memory=sums["memory"],
        compute_bound=sums["compute_bound"],
        launch=sums["launch"],
        link=sums["link"],
        host_link=sums["host_link"],
        device_s=summed([sums[name] for name in _BUSY]),
        kernels=sums["kernels"],
    )


def _of_decoding(case: Case, step: Pass, shared: tuple[frozenset[str], ...]) -> PassTimes:
    """Time what only the sequences that decode do, attention aside."""
    model, hardware, _, grid, efficiency = case
    tokens = TokenCase.of(model, hardware, efficiency, step)
    if tokens is not None:
        return (_kept_decoding if tokens.is_kept else _decoding_alone)(tokens, shared)
    work = sections(model, step)
    streamed = [grid.kv_offload * _cached(one) if grid.techniques.offloads else 0.0 for one in work]
    return pass_times(model, _not_shared(work, shared, streamed), hardware, efficiency)


def _decoding_alone(tokens: TokenCase, shared: tuple[frozenset[str], ...]) -> PassTimes:
    model = tokens.model
    work = sections_of_tokens(model, tokens.step())
    own = _not_shared(work, shared, [0.0] * len(work))
    return pass_times(model, own, tokens.hardware, tokens.efficiency)


_kept_decoding = lru_cache(maxsize=1024)(_decoding_alone)


def _not_shared(
    work: tuple[Section, ...], shared: tuple[frozenset[str], ...], streamed: list[Values]
) -> tuple[Section, ...]:
    """Give what steps that read prompts do not do for all their tokens, and the last messages."""
    last = len(work) - 1
    return tuple(
        Section(
            operations=tuple(
                [one for one in own.operations if not one.by_prompt and one.name not in names]
            ),
            messages=own.messages if at == last else (),
            streamed=moved,
        )
        for at, (own, names, moved) in enumerate(zip(work, shared, streamed, strict=True))
    )


def _each_chunk(case: Case, chunks: Values) -> dict[str, Values]:
    """Time attention on one chunk of a prompt, and what is unpacked for it.

    Of all numbers of chunks that there are, once. ``host_link`` is that of its cache, as if all of
    it were with the host.
    """
    plans = PromptCase.of(case)
    if np.ndim(chunks) == 0:
        kept = _kept_chunk if plans.is_one else _chunk_of_block
        times = kept(plans, float(chunks))
        return {name: getattr(times, name) for name in TIMES}
    numbers, which = np.unique(chunks, return_inverse=True)
    times = _one_chunk_times(plans, numbers.reshape(1, -1, 1, 1))
    at = which.reshape(np.shape(chunks))
    return {name: _of_chunks(getattr(times, name), at) for name in TIMES}


def _one_chunk_times(plans: PromptCase, chunks: Values) -> PassTimes:
    case = plans.case()
    model, hardware, _, grid, efficiency = case
    offloads, chunk = grid.techniques.offloads, _one_chunk(case, chunks)
    work = sections(model, chunk) if offloads else sections_of_lengths(model, chunk)
    own = tuple(
        Section(
            operations=tuple([one for one in section.operations if one.by_prompt]),
            messages=(),
            streamed=_cached(section) if offloads else 0.0,
        )
        for section in work
    )
    return pass_times(model, own, hardware, efficiency)


_kept_chunk = lru_cache(maxsize=1024)(_one_chunk_times)
_chunk_of_block = lru_cache(maxsize=BLOCKS)(_one_chunk_times)


def _of_chunks(times: Values, which: NDArray[np.intp]) -> Values:
    """Give each plan and load the times, of shape (layouts, few, inputs, 1), of its chunks."""
    if np.ndim(times) == 0 or np.shape(times)[1] == 1:
        return times
    layouts, few, inputs, _ = np.shape(times)
    first = np.arange(layouts)[:, None, None, None] * few + which
    found: Floats = np.ravel(times).take(first * inputs + np.arange(inputs)[:, None])
    return found


def _logits(case: Case) -> PassTimes:
    """Time the logits of one prompt beside which none decodes."""
    model, hardware, _, _, efficiency = case
    last = last_section(model, _one_chunk(case, 1.0))
    head = tuple(one for one in last.operations if one.name == LOGITS)
    others = (NOTHING,) * (len(section_counts(model)) - 1)
    return pass_times(model, (*others, last._replace(operations=head)), hardware, efficiency)


def _one_chunk(case: Case, chunks: Values) -> Pass:
    """Describe one chunk of a prompt that is read in so many, with nothing at the host."""
    model, _, precision, grid, _ = case
    alone = changed(grid, prefill_chunks=chunks, weights_offload=0.0, kv_offload=0.0)
    return pass_of(model.hidden, alone, precision, requests=1.0, on_all_replicas=1.0, decode=False)


def _cached(section: Section) -> Values:
    """Keys, values and states of the sequences that a section reads or writes [bytes]."""
    return summed([one.cached for one in section.operations])
