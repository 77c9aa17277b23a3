"""Attention on one chunk of a prompt, and what is unpacked for it: timed once for like chunks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.sections import sections, sections_of_lengths
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.work import Pass, Section, pass_of
from llmcalc_core.records import changed
from llmcalc_core.simulation.prompt_case import BLOCKS, PromptCase
from llmcalc_core.simulation.token_table import TIMES


def each_chunk(case: Case, chunks: Values) -> dict[str, Values]:
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
    offloads, chunk = grid.techniques.offloads, one_chunk(case, chunks)
    work = sections(model, chunk) if offloads else sections_of_lengths(model, chunk)
    own = tuple(
        Section(
            operations=tuple([one for one in section.operations if one.by_prompt]),
            messages=(),
            streamed=cached_bytes(section) if offloads else 0.0,
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


def one_chunk(case: Case, chunks: Values) -> Pass:
    """Describe one chunk of a prompt that is read in so many, with nothing at the host."""
    model, _, precision, grid, _ = case
    alone = changed(grid, prefill_chunks=chunks, weights_offload=0.0, kv_offload=0.0)
    return pass_of(model.hidden, alone, precision, requests=1.0, on_all_replicas=1.0, decode=False)


def cached_bytes(section: Section) -> Values:
    """Keys, values and states of the sequences that a section reads or writes [bytes]."""
    return summed([one.cached for one in section.operations])
