"""The steps of a measured run: what it decodes in, and what it reads prompts in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.mixed import mixed_sections
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.engines import find_engine
from llmcalc_core.fitting.run import Configuration
from llmcalc_core.formulas import Values
from llmcalc_core.layers.work import Pass, Section, make_pass
from llmcalc_core.simulation.closed_loop import read_on_all
from llmcalc_core.simulation.load import Load, load_of
from llmcalc_core.simulation.prefills import decode_pass, full_pass, in_micro_batches, prompt_pass

Work = tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunSteps:
    """Work of the steps of a run.

    Attributes
    ----------
    load : Load
        What steps hold; of a batch that started together, of no account.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.
    sequences : float
        Sequences of an attention replica that decode [1].
    decode, reading, full : tuple of Section
        Of a step that decodes, of one that reads prompts (all of a batch that started together),
        and of one that is full of them.
    reading_tokens, full_tokens : float
        Tokens of the latter two on a device [tokens].
    full_prompt_tokens : float
        Tokens of prompts in a full step of an attention replica [tokens].
    """

    load: Load
    mixes: float
    sequences: float
    decode: Work
    reading: Work
    full: Work
    reading_tokens: float
    full_tokens: float
    full_prompt_tokens: float


def steps_of(one: Configuration) -> RunSteps:
    """Describe the steps of a run."""
    grid, model = one.grid(), one.model
    mixes = float(not find_engine(one.engine).prefill_first)
    load = load_of(in_micro_batches(grid), mixes=mixes, arrivals=one.arrivals)
    if not one.loop:
        decodes = make_pass(model.hidden, grid, one.precision, decode=True)
        reads = make_pass(model.hidden, grid, one.precision, decode=False)
        return _described(model, load, mixes, (decodes, reads, reads), beside=False)
    case = (model, one.hardware, one.precision, in_micro_batches(grid))
    decodes = decode_pass(case, load)
    reads = prompt_pass(case, load, load.read, read_on_all(load, grid.attention_dp, mixes))
    passes = decodes, reads, full_pass(case, load)
    return _described(model, load, mixes, passes, beside=mixes > 0)


def _described(
    model: Model, load: Load, mixes: float, passes: tuple[Pass, Pass, Pass], *, beside: bool
) -> RunSteps:
    decodes, reads, full = passes
    decode, alone = sections(model, decodes), sections(model, reads)
    tokens = decodes.tokens + reads.tokens if beside else reads.tokens
    return RunSteps(
        load=load,
        mixes=mixes,
        sequences=_number(decodes.sequences),
        decode=decode,
        reading=mixed_sections(decode, alone) if beside else alone,
        full=sections(model, full),
        reading_tokens=_number(tokens),
        full_tokens=_number(full.tokens),
        full_prompt_tokens=_number(full.replica_tokens),
    )


def _number(value: Values) -> float:
    return float(np.asarray(value).item())
