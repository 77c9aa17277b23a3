"""Times of steps over how many sequences decode in them, and how many prompts they read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, timed
from llmcalc_core.costmodel.phases import phase_times_of
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.between import Between
from llmcalc_core.simulation.load import load_of
from llmcalc_core.simulation.prefills import (
    decode_pass,
    in_micro_batches,
    mixes_prompts,
    reading_times,
)
from llmcalc_core.simulation.reading import reading_step
from llmcalc_core.workload.arrivals import AT_RANDOM


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepCurves:
    """Steps of plans; arrays of shape (plans, numbers, inputs, outputs), or of rows.

    Attributes
    ----------
    decode : array
        Time of a step that decodes [s].
    alone, some, full : array
        Times of steps that read one chunk of a prompt, ``count`` of them, and as many as there is
        room for, beside decoding or alone [s].
    count, fit : array
        Chunks that these read; the latter below 2 where prompts are longer than a step [1].
    through : array
        Time of a chunk on its way through all pipeline stages [s].
    chunks : array
        Steps that a prompt is read in [1].
    """

    decode: Floats
    alone: Floats
    some: Floats
    full: Floats
    count: Floats
    fit: Floats
    through: Floats
    chunks: Floats

    @property
    def one_by_one(self) -> NDArray[np.bool_]:
        """Whether a step has room for no more than a prompt."""
        return np.asarray((self.fit < _TWO) | (self.chunks > 1))

    @property
    def full_step_prompt_s(self) -> Floats:
        """Time of a prompt in steps that are full [s]."""
        return self.chunks * self.full / self.fit

    def of_layouts(self, layout: NDArray[np.intp]) -> StepCurves:
        """Give those of plans that have some of the layouts."""
        return self._each(lambda values: values[layout])

    def at(self, place: Between) -> StepCurves:
        """Interpolate at numbers of sequences that decode."""
        return self._each(place.take)

    def at_knot(self, knot: NDArray[np.intp]) -> StepCurves:
        """Take those at known numbers, by their positions of shape (plans, rates, ...)."""
        return self._each(lambda values: np.take_along_axis(values, knot, axis=1))

    def _each(self, change: Any) -> StepCurves:  # noqa: ANN401 - a function of an array
        return StepCurves(**{one.name: change(getattr(self, one.name)) for one in fields(self)})


_TWO = 1 + 1e-6
"""Prompts of a step above which there are two [1]."""


def step_curves(case: Case, *, chunked: bool = True) -> StepCurves:
    """Time steps of every plan, number of sequences and length.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid whose batches are numbers in flight, and efficiency.
    chunked : bool, default True
        Whether prompts are read beside decode steps.

    Returns
    -------
    StepCurves
        Of the shape of the grid; of an attention replica where there are several.
    """
    model, hardware, precision, whole, efficiency = case
    mixes = mixes_prompts(efficiency, chunked=chunked)
    grid = in_micro_batches(whole)
    even = (model, hardware, precision, grid, efficiency)
    load = load_of(grid, mixes=mixes, arrivals=AT_RANDOM, behaviour=efficiency.behaviour)
    decodes = decode_pass(even, load, load.most_decoding)
    work = sections(model, decodes)
    decoding = timed(even, decodes, work, None)
    once = (model, hardware, precision, replace(grid, gained=1.0), efficiency)
    decode = phase_times_of(once, decoding, decode=True)
    fit = np.asarray(load.room / load.chunk_tokens)
    if not grid.engine.fills_steps:  # whole prompts, or one of those that are longer than a step
        fit = np.where(load.chunks > 1, fit, np.maximum(np.floor(fit), 1.0))
    most = np.maximum(fit, 1.0)
    count = np.sqrt(most)

    def reading(read: Values) -> MicroBatch:
        own = replace(load, read=read, beside=load.requests)
        return reading_step(even, own, (decoding.one, work), mixes=mixes)

    alone, some, full = (
        reading_times(even, reading(read), decode, mixes)
        for read in (np.ones_like(most), count, most)
    )
    shape = whole.shape
    return StepCurves(
        decode=np.broadcast_to(decode.latency_s, shape),
        alone=np.broadcast_to(alone.latency_s, shape),
        some=np.broadcast_to(some.latency_s, shape),
        full=np.broadcast_to(full.latency_s, shape),
        count=np.broadcast_to(count, shape),
        fit=np.broadcast_to(fit, shape),
        through=np.broadcast_to(alone.period_s, shape),
        chunks=np.broadcast_to(load.chunks, shape),
    )
