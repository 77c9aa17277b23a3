"""Steps that read prompts, beside decoding or alone: their passes, their times, their rate."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

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
    sections_of_tokens,
)
from llmcalc_core.costmodel.step_pass import TokenCase
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Values
from llmcalc_core.layers.work import Pass, Section
from llmcalc_core.records import changed
from llmcalc_core.simulation.chunk_times import cached_bytes, each_chunk, one_chunk
from llmcalc_core.simulation.load import Load
from llmcalc_core.simulation.prompt_case import BLOCKS, PromptCase
from llmcalc_core.simulation.step_passes import (
    decode_pass,
    full_pass,
    is_number,
    prompt_pass,
    replicas_in_use,
)
from llmcalc_core.simulation.token_table import TIMES, token_table


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
    each = each_chunk(case, load.chunks)
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
    if not is_number(some, 1.0) and np.min(some) < 1:
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
    offloads = grid.techniques.offloads
    streamed = [grid.kv_offload * cached_bytes(one) if offloads else 0.0 for one in work]
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


def _logits(case: Case) -> PassTimes:
    """Time the logits of one prompt beside which none decodes."""
    model, hardware, _, _, efficiency = case
    last = last_section(model, one_chunk(case, 1.0))
    head = tuple(one for one in last.operations if one.name == LOGITS)
    others = (NOTHING,) * (len(section_counts(model)) - 1)
    return pass_times(model, (*others, last._replace(operations=head)), hardware, efficiency)
