"""Continuous batching in a pipeline: as many steps under way as it has stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from llmcalc_core.simulation.ledger import Ledger
from llmcalc_core.simulation.micro_batches import Flight, MicroBatches
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.overheads import NO_OVERHEADS, Overheads
from llmcalc_core.simulation.recorder import Recorder, outcome_of
from llmcalc_core.simulation.rules import RULES
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import FormedStep, Progress, check_room, described
from llmcalc_core.workload.requests import Requests


class StageTimes(Protocol):
    """How long steps take in a pipeline."""

    def seconds(
        self, sequences: int, context: int, prompts: list[tuple[int, int]]
    ) -> tuple[float, float]:
        """Time a step of so many sequences that decode, and of parts of prompts.

        Parameters
        ----------
        sequences, context, prompts
            As :meth:`llmcalc_core.simulation.steps.StepTimes.mixed` takes them.

        Returns
        -------
        (float, float)
            On the slowest stage, and on the way through all [s].
        """
        ...


class _Pipeline:
    """When stages are free."""

    def __init__(self, stages: int) -> None:
        self._free_s = [0.0] * stages

    @property
    def free_s(self) -> float:
        """When the first stage is free [s]."""
        return self._free_s[0]

    def end_s(self, start: float, slowest: float, whole: float) -> float:
        """Send a step through, of which the first stage is the slowest, and tell its end [s]."""
        free = self._free_s
        free[0] = end = start + slowest
        rest = (whole - slowest) / (len(free) - 1)
        for stage in range(1, len(free)):
            end = max(end, free[stage]) + rest
            free[stage] = end
        return end


def run_pipeline(
    requests: Requests,
    stage_times: StageTimes,
    settings: Settings,
    stages: int,
    *,
    overheads: Overheads = NO_OVERHEADS,
    progress: Callable[[float], object] | None = None,
    formed: list[FormedStep] | None = None,
) -> Outcome:
    """Serve requests on a pipeline, one step after the other.

    The engine forms a step whenever fewer than ``stages`` are under way (one more where it
    schedules ahead), of who is in none of them, and else waits for the oldest one (vLLM 0.33.0,
    ``EngineCore.step_with_batch_queue``, vllm/v1/engine/core.py; TensorRT-LLM,
    ``PyExecutor._executor_loop_pp``). So a request decodes with the same micro batch to its end,
    and these are as large as requests came to them: nothing makes them equal.

    Parameters
    ----------
    requests, settings, overheads, progress, formed
        As :func:`llmcalc_core.simulation.scheduler.run` takes them.
    stage_times : StageTimes
        How long steps take.
    stages : int
        Pipeline stages, at least 2 [1].

    Returns
    -------
    Outcome
        What each request met.

    Raises
    ------
    ValueError
        If a request alone is longer than the whole KV cache.
    Cancelled
        If ``progress`` returned False.
    """
    check_room(requests, settings)
    ledger = Ledger(requests, settings.block_tokens, overheads)
    batch = MicroBatches(requests, settings, ledger, stages)
    policies = [RULES[settings.policy](batch) for _ in range(stages)]
    recorders = [Recorder(batch) for _ in range(stages)]
    pipeline, told = _Pipeline(stages), Progress(len(requests), progress)
    arrivals, depth = ledger.arrivals, stages + settings.steps_ahead
    now, calls = 0.0, 0
    while told.left:
        if not (batch.flights or batch.waiting or batch.running):
            now = max(now, arrivals.next_s)
        if arrivals.next_s <= now:
            batch.waiting.extend(arrivals.sent_by(now))
        if batch.waiting or batch.running:
            lane = calls % stages
            calls += 1
            batch.enter(lane)
            batch.view, batch.now = now, max(now, pipeline.free_s)
            policies[lane].form_step()
            if batch.decodes and batch.sequences:  # they go on from tokens that must be there
                batch.now = max(batch.now, batch.token_s[lane])
            if formed is not None:
                formed.append(described(batch, int(_holds_anything(batch))))
            if _holds_anything(batch):
                end_s = pipeline.end_s(batch.now, *_seconds(batch, stage_times))
                recorders[lane].note_gap(1, end_s - batch.token_s[lane])
                recorders[0].note_point(1)
                batch.depart(end_s)
                told.tell(batch.left)
            else:
                batch.preempted = []
                batch.flights.append(Flight(lane, now, decodes=False, read=frozenset(), ended=()))
            if len(batch.flights) < depth:
                continue
        now = max(now, batch.land())
    return overheads.added_to(outcome_of(requests, ledger, recorders))


def _holds_anything(batch: MicroBatches) -> bool:
    """Whether the step that was formed holds any tokens."""
    return bool(batch.chunks or (batch.decodes and batch.sequences))


def _seconds(batch: MicroBatches, stage_times: StageTimes) -> tuple[float, float]:
    """Time the step that was formed, on the slowest stage and on all [s]."""
    prompts = [(new, before) for _, new, before in batch.chunks]
    if batch.decodes:
        return stage_times.seconds(batch.sequences, batch.context, prompts)
    return stage_times.seconds(0, 0, prompts)
