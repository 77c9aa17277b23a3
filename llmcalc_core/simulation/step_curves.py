"""Times of steps over how many sequences decode in them, and how many prompts they read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.costmodel.micro_batch import Case, times_of_pass
from llmcalc_core.costmodel.phases import phase_times_of, traversal_times
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.records import changed
from llmcalc_core.simulation.load import load_of
from llmcalc_core.simulation.prefill_steps import mixes_prompts, prefill_step
from llmcalc_core.simulation.step_passes import decode_pass
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.requests import AT_RANDOM


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interpolation:
    """Where numbers in flight lie: after which of the known ones, and how far on to the next.

    Attributes
    ----------
    knot : array of int of shape (plans, rates, inputs, outputs)
        The known one before, but for the last.
    part : array of the same shape
        Part of the way to the next [1].
    """

    knot: NDArray[np.intp]
    part: Floats

    @classmethod
    def of(cls, numbers: Floats, sought: Floats) -> Interpolation:
        """Place numbers, of which those beyond the last known one are taken for it.

        Examples
        --------
        >>> place = Interpolation.of(np.array([1.0, 2.0, 4.0]), np.array([[[[2.5]]], [[[9.0]]]]))
        >>> place.knot.ravel().tolist(), place.part.ravel().tolist()
        ([1, 1], [0.25, 1.0])
        """
        knot = np.clip(np.searchsorted(numbers, sought, side="right") - 1, 0, numbers.size - 2)
        way = (sought - numbers[knot]) / np.diff(numbers)[knot]
        return cls(knot=knot, part=np.clip(way, 0.0, 1.0))

    def take(self, values: Floats) -> Floats:
        """Interpolate values of shape (plans, numbers, inputs, outputs) linearly."""
        shape = np.broadcast_shapes(self.knot.shape, (values.shape[0], 1, *values.shape[2:]))
        knot = np.broadcast_to(self.knot, shape)
        before = np.take_along_axis(values, knot, axis=1)
        found = np.take_along_axis(values, knot + 1, axis=1)
        found -= before
        found *= self.part
        found += before
        return found

    def nearest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Take values of that shape at the nearer of both numbers."""
        shape = np.broadcast_shapes(self.knot.shape, (values.shape[0], 1, *values.shape[2:]))
        knot = np.broadcast_to(self.knot + (self.part > 1 / 2), shape)
        return np.take_along_axis(values, knot, axis=1)


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
    chunks : array
        Steps that a prompt is read in [1].
    lanes : array
        Steps that a pipeline forms in the time of one of them, each of which reads what has come
        [1].
    behind, within : array or None
        Of a pipeline, where more follow a step behind: time of one that is full by itself, and the
        chunks that it reads, ``fit`` where there is one stage [s], [1].
    """

    decode: Floats
    alone: Floats
    some: Floats
    full: Floats
    count: Floats
    fit: Floats
    chunks: Floats
    lanes: Floats
    behind: Floats | None = None
    within: Floats | None = None

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
        return self.each(lambda values: values[layout])

    def at(self, place: Interpolation) -> StepCurves:
        """Interpolate at numbers of sequences that decode."""
        return self.each(place.take)

    def at_knot(self, knot: NDArray[np.intp]) -> StepCurves:
        """Take those at known numbers, by their positions of shape (plans, rates, ...)."""
        return self.each(lambda values: np.take_along_axis(values, knot, axis=1))

    def each(self, change: Any) -> StepCurves:  # noqa: ANN401 - a function of an array
        """Change every array."""
        changed: dict[str, Any] = {}
        for one in fields(self):
            known = getattr(self, one.name)
            changed[one.name] = None if known is None else change(known)
        return StepCurves(**changed)


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
    lanes = _lanes(whole, efficiency.behaviour, mixes=mixes)
    grid = changed(whole, micro_batches=lanes, micro_batch=whole.batch / lanes)
    even = (model, hardware, precision, grid, efficiency)
    load = load_of(grid, mixes=mixes, arrivals=AT_RANDOM, behaviour=efficiency.behaviour)
    decodes = decode_pass(even, load, load.most_decoding)
    decoding = times_of_pass(even, decodes)
    once = (model, hardware, precision, changed(grid, acceptance_length=1.0), efficiency)
    decode = phase_times_of(once, decoding, decode=True)
    fit = np.asarray(load.room / load.chunk_tokens / lanes)
    if not grid.engine.fills_steps:  # whole prompts, or one of those that are longer than a step
        fit = np.where(load.chunks > 1, fit, np.maximum(np.floor(fit), 1.0))
    most = np.maximum(fit, 1.0)

    def reading(read: Values) -> Floats:
        own = replace(load, read=read, beside=load.requests)
        beside = prefill_step(even, own, (decoding.one, decodes), mixes=mixes)
        return traversal_times(beside).latency_s

    steps = StepCurves(
        decode=decode.latency_s,
        alone=reading(np.ones_like(most)),
        some=reading(np.sqrt(most)),
        full=reading(most),
        count=np.sqrt(most),
        fit=fit,
        chunks=np.asarray(load.chunks),
        lanes=lanes,
    )
    if whole.is_pipelined:
        steps = _through_stages(steps, whole.pp)
    return steps.each(lambda values: np.broadcast_to(values, whole.shape))


def _lanes(grid: Grid, behaviour: Behaviour, *, mixes: float) -> Floats:
    """Count the micro batches that come about while requests come at random [1].

    An engine that forms a step when the one before has ended finds nobody for the next one: all
    decode in one micro batch (``run_pipeline``). One that has others ahead fills them in turn.
    """
    if mixes and not behaviour.overlaps:
        return np.ones_like(grid.batch, float)
    return np.minimum(grid.pp, np.maximum(grid.batch / grid.attention_dp, 1.0))


def _through_stages(steps: StepCurves, pp: Values) -> StepCurves:
    """Give the steps of pipelines from those of one micro batch on its way.

    No step overtakes another one, so that each prompt holds all of them back by its way. More than
    a step has room for follow in the next ones, a stage behind: full steps are under way on all
    stages then, and none takes longer.
    """
    few, single = steps.fit < _TWO, (np.asarray(pp) > 1) & (steps.fit < _TWO)
    behind = np.where(few, steps.full * (2 - 1 / pp), steps.full)
    within = np.where((np.asarray(pp) > 1) & few, pp, steps.fit)
    return replace(
        steps,
        alone=steps.alone * (1 + (steps.chunks - 1) / pp) / steps.chunks,
        some=np.where(single, behind, steps.some),
        count=np.where(single, within, steps.count),
        fit=steps.fit * pp,
        behind=behind,
        within=within,
    )
