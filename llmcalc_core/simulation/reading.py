"""Steps that read prompts, of many plans and loads at once, from a table over their tokens.

Matrix products, elementwise operations and messages of a step depend on how many tokens of prompts
it reads; the table has their times for some numbers, between which they are taken as linear.
Attention is worked out for each load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, micro_batch_of
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import LOGITS, last_section, sections
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.work import Operation, Pass, Section, pass_of
from llmcalc_core.simulation.load import Load
from llmcalc_core.simulation.prefills import decode_pass, prompt_pass, replicas_in_use

_DOUBLING = 4
"""Knots of the table between a number of tokens and its double [1]."""

_SUMMED = ("gemm", "attention", "memory", "compute_bound", "launch", "link", "host_link")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Places:
    """Where loads lie between the knots: the knot before, and the part of the way to the next."""

    knot: NDArray[np.intp]
    part: Floats

    def of(self, table: Values, knots: int) -> Values:
        """Interpolate a table of shape (layouts, batches, knots, 1), if it has that axis at all."""
        if not isinstance(table, np.ndarray) or table.ndim == 0 or table.shape[2] == 1:
            return table
        layouts, batches = table.shape[:2]
        shape = np.broadcast_shapes((layouts, batches, 1, 1), self.knot.shape)
        flat = (*shape[:2], shape[2] * shape[3])
        rows = np.broadcast_to(table[..., 0], (*shape[:2], knots))
        slopes = np.diff(rows, axis=2)
        at = np.broadcast_to(self.knot, shape).reshape(flat)
        found: Floats = np.take_along_axis(slopes, at, axis=2)
        found *= np.broadcast_to(self.part, shape).reshape(flat)
        found += np.take_along_axis(rows, at, axis=2)
        return found.reshape(shape) if found.size > 1 else np.float64(found.item())


def reading_step(
    case: Case, load: Load, decode: tuple[PassTimes, tuple[Section, ...]], *, mixes: float
) -> MicroBatch:
    """Time a micro batch that reads prompts, beside sequences that decode or alone.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    load : Load
        What steps hold.
    decode : tuple
        Times of a step in which as many decode as ever do, and its work: those that decode beside
        have a part of its attention.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.

    Returns
    -------
    MicroBatch
        Of such a step.
    """
    reads = prompt_pass(case, load)
    read_tokens = load.read * load.chunk_tokens
    knots = _knots(2 * case[3].chunk_tokens)
    table, names = _table(case, load, knots, mixes=mixes)
    together = load.beside * (1 + case[3].drafted) if mixes else 0.0
    places = _places(knots, read_tokens + together)
    each = _each_chunk(case, load)
    found = {name: places.of(getattr(table, name), len(knots)) for name in _SUMMED}
    parts = {
        name: summed([value, load.read * getattr(each, name)]) for name, value in found.items()
    }
    parts["launch"] = summed([found["launch"], each.launch])
    if mixes:
        own, alone = _of_decoding(case, decode[1], names), _logits(case, load)
        some = np.minimum(load.beside, 1.0)
        parts = {
            name: summed([value, getattr(own, name) * some, getattr(alone, name) * (1 - some)])
            for name, value in parts.items()
        }
        beside = decode[0].attention * (load.beside / load.most_decoding)
        parts["attention"] = parts["attention"] + beside
    busy = ("gemm", "attention", "memory", "link", "host_link")
    one = PassTimes(
        gemm=parts["gemm"],
        attention=parts["attention"],
        memory=parts["memory"],
        compute_bound=parts["compute_bound"],
        launch=parts["launch"],
        link=parts["link"],
        host_link=parts["host_link"],
        device_s=summed([parts[name] for name in busy]),
        kernels=summed([places.of(table.kernels, len(knots)), each.kernels]),
    )
    if not mixes:
        return micro_batch_of(case, (reads,), one, reads.tokens)
    decodes = decode_pass(case, load, load.beside)
    return micro_batch_of(case, (decodes, reads), one, decodes.tokens + reads.tokens)


@lru_cache(maxsize=64)
def _knots(most: float) -> tuple[float, ...]:
    """Give numbers of tokens from 1 to the most that a step computes."""
    steps = max(int(np.ceil(_DOUBLING * np.log2(most))), 1) if most > 1 else 1
    return tuple(np.geomspace(1.0, max(most, 2.0), steps + 1).tolist())


def _places(knots: tuple[float, ...], tokens: Values) -> _Places:
    places = np.array(knots)
    knot = np.clip(np.searchsorted(places, tokens, side="right") - 1, 0, len(knots) - 2)
    full = np.reshape(knot, (1,) * (4 - np.ndim(knot)) + np.shape(knot))
    part = (np.reshape(tokens, full.shape) - places[full]) / np.diff(places)[full]
    return _Places(knot=full, part=part)


def _table(
    case: Case, load: Load, knots: tuple[float, ...], *, mixes: float
) -> tuple[PassTimes, list[set[str]]]:
    """Time what all tokens of a step do together, by their number; and name it, by section.

    Arrays of shape (layouts, 1, knots, 1). Where sequences decode beside, logits are theirs.
    """
    model, hardware, precision, grid, efficiency = case
    tokens = np.array(knots).reshape(1, 1, -1, 1)
    whole = replace(grid, inputs=tokens, computed=tokens, cached=0.0, pieces=1.0)
    reads = pass_of(
        model.hidden, whole, precision,
        requests=1.0, on_all_replicas=replicas_in_use(grid, load), decode=False,
    )  # fmt: skip
    work = [
        one._replace(operations=_chosen(one, by_prompt=False)) for one in sections(model, reads)
    ]
    if mixes:
        last = tuple(one for one in work[-1].operations if one.name != LOGITS)
        work[-1] = work[-1]._replace(operations=last, messages=())
    names = [{one.name for one in section.operations} for section in work]
    return pass_times(model, tuple(work), hardware, efficiency), names


def _of_decoding(case: Case, work: tuple[Section, ...], names: list[set[str]]) -> PassTimes:
    """Time what only the sequences that decode do, attention aside."""
    model, hardware, _, grid, efficiency = case
    own = []
    for at, (section, shared) in enumerate(zip(work, names, strict=True)):
        left = tuple(
            one for one in section.operations if not one.by_prompt and one.name not in shared
        )
        cached: Values = 0.0
        if isinstance(section.streamed, np.ndarray) or section.streamed:
            cached = grid.cache_away * sum(one.cached for one in section.operations)
        messages = section.messages if at == len(work) - 1 else ()
        own.append(Section(operations=left, messages=messages, streamed=cached))
    return pass_times(model, tuple(own), hardware, efficiency)


def _each_chunk(case: Case, load: Load) -> PassTimes:
    """Time attention on one chunk of a prompt, and what is unpacked for it."""
    model, hardware, _, _, efficiency = case
    own = tuple(
        Section(operations=_chosen(section, by_prompt=True), messages=())
        for section in sections(model, _one_chunk(case, load))
    )
    return pass_times(model, own, hardware, efficiency)


def _logits(case: Case, load: Load) -> PassTimes:
    """Time the logits of one prompt beside which none decodes."""
    model, hardware, _, _, efficiency = case
    last = last_section(model, _one_chunk(case, load))
    head = tuple(one for one in last.operations if one.name == LOGITS)
    others = (Section(operations=(), messages=()),) * (len(section_counts(model)) - 1)
    return pass_times(model, (*others, last._replace(operations=head)), hardware, efficiency)


def _one_chunk(case: Case, load: Load) -> Pass:
    model, _, precision, grid, _ = case
    count = np.asarray(replicas_in_use(grid, load))
    alone = replace(grid, pieces=load.chunks, micro=count)
    return pass_of(
        model.hidden, alone, precision, requests=1.0, on_all_replicas=count, decode=False
    )


def _chosen(section: Section, *, by_prompt: bool) -> tuple[Operation, ...]:
    return tuple(one for one in section.operations if one.by_prompt == by_prompt)
