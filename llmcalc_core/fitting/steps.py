"""The steps of a measured run: what it decodes in, and what it reads prompts in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.mixed import mixed_sections
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.fitting.run import Configuration
from llmcalc_core.formulas import Values
from llmcalc_core.layers.work import Pass, Section, make_pass
from llmcalc_core.simulation.load import Load, load_of
from llmcalc_core.simulation.step_passes import (
    decode_pass,
    full_pass,
    in_micro_batches,
    prompt_pass,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunStep:
    """A step of a run.

    Attributes
    ----------
    work : tuple of Section
        What it computes and sends.
    sequences, tokens : float
        Sequences of an attention replica [1], and tokens on a device [tokens].
    spread_tokens : float
        Standard deviation of the tokens of steps like it [tokens].
    """

    work: tuple[Section, ...]
    sequences: float
    tokens: float
    spread_tokens: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunSteps:
    """The steps of a run.

    Attributes
    ----------
    load : Load
        What they hold; of a batch that started together, of no account.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.
    decode, reading, full : RunStep
        One that decodes, one that reads prompts (all of a batch that started together), and one
        that is full of them.
    full_prompt_tokens : float
        Tokens of prompts in a full step of an attention replica [tokens].
    """

    load: Load
    mixes: float
    decode: RunStep
    reading: RunStep
    full: RunStep
    full_prompt_tokens: float

    def of(self, kind: str) -> RunStep:
        """Give the step of a kind: 'decode', 'reading' or 'full'."""
        found: RunStep = getattr(self, kind)
        return found


def steps_of(one: Configuration) -> RunSteps:
    """Describe the steps of a run."""
    grid, model = one.grid(), one.model
    mixes = float(not one.serves.prefill_first)
    behaviour = efficiency_for(one.hardware, one.precision, engine=one.serves).behaviour
    load = load_of(in_micro_batches(grid), mixes=mixes, arrivals=one.arrivals, behaviour=behaviour)
    case = (model, one.hardware, one.precision, in_micro_batches(grid))
    if one.loop:
        decodes = decode_pass(case, load, load.most_decoding)
        reads, full = prompt_pass(case, load), full_pass(case)
    else:
        decodes = make_pass(model.hidden, grid, one.precision, decode=True)
        full = reads = make_pass(model.hidden, grid, one.precision, decode=False)
    reading = _step(model, reads)
    if one.loop and mixes:
        reading = _mixed(model, decode_pass(case, load, load.beside), reads)
    if one.loop:
        reading = replace(reading, spread_tokens=_number(load.spread_tokens))
    return RunSteps(
        load=load,
        mixes=mixes,
        decode=_step(model, decodes),
        reading=reading,
        full=_step(model, full),
        full_prompt_tokens=_number(full.replica_tokens),
    )


def _step(model: Model, one: Pass) -> RunStep:
    return RunStep(
        work=sections(model, one), sequences=_number(one.sequences), tokens=_number(one.tokens)
    )


def _mixed(model: Model, decodes: Pass, reads: Pass) -> RunStep:
    return RunStep(
        work=mixed_sections(
            sections(model, decodes),
            sections(model, reads),
            decoding=np.minimum(decodes.sequences, 1.0),
        ),
        sequences=_number(decodes.sequences) + _number(reads.sequences),
        tokens=_number(decodes.tokens) + _number(reads.tokens),
    )


def _number(value: Values) -> float:
    return float(np.asarray(value).item())
