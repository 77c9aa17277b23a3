"""Continuous batching in a pipeline, whose stages hold several micro batches at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.decoding_set import DecodingSet
from llmcalc_core.simulation.outcome import NO_OVERHEADS, Outcome, Overheads
from llmcalc_core.simulation.policies import RULES
from llmcalc_core.simulation.recorder import Recorder, outcome_of
from llmcalc_core.simulation.request_states import RequestStates
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import (
    FormedStep,
    Progress,
    check_room,
    described,
    holds_anything,
)
from llmcalc_core.workload.requests import Requests


class Flight(NamedTuple):
    """A step under way.

    Attributes
    ----------
    lane : int
        Of which micro batch.
    end_s : float
        When it leaves the last stage [s].
    decodes : bool
        Whether those that decode took part in it.
    read : frozenset of int
        Requests whose prompts it reads.
    ended : tuple of int
        Requests whose last token it gives.
    """

    lane: int
    end_s: float
    decodes: bool
    read: frozenset[int]
    ended: tuple[int, ...]


class MicroBatches(Batch):
    """A batch whose decoding requests are divided into micro batches, one of which is at hand.

    A request decodes with the micro batch in which the last part of its prompt was read. All share
    the queue, the places, the prompt that is read in part and the KV cache. A step is counted when
    it is formed, with the time at which it will end; until then its requests keep their places.

    Parameters
    ----------
    requests, settings, states
        As :class:`Batch` takes them.
    lanes : int
        Micro batches, as many as the pipeline has stages [1].

    Attributes
    ----------
    flights : deque of Flight
        Steps under way, the oldest first.
    token_s : list of float
        When each micro batch gave its last tokens, or will [s].
    """

    def __init__(
        self, requests: Requests, settings: Settings, states: RequestStates, lanes: int
    ) -> None:
        super().__init__(requests, settings, states)
        self.keeps_places = True
        self.flights: deque[Flight] = deque()
        self.token_s = [0.0] * lanes
        self._lanes = [DecodingSet(states, settings.block_tokens) for _ in range(lanes)]
        self.decoders = self._lanes[0]
        self._lane = 0
        self._lane_of: dict[int, int] = {}

    def enter(self, lane: int) -> None:
        """Take a micro batch at hand."""
        self._lane, self.decoders = lane, self._lanes[lane]

    def depart(self, end_s: float) -> None:
        """Let the step that was formed of the micro batch at hand begin, and end at some time."""
        decodes = bool(self.decodes and self.decoders.sequences)
        read = frozenset(request for request, *_ in self.chunks)
        before = len(self.leaving)
        self.go_on(1, end_s - self.now, end_s - self.now)
        self.token_s[self._lane] = end_s
        ended = tuple(self.leaving[before:])
        self.flights.append(Flight(self._lane, end_s, decodes, read, ended))

    def land(self) -> float:
        """Let the oldest step leave the last stage, and free what its requests have kept [s]."""
        flight = self.flights.popleft()
        for request in flight.ended:
            if request in self.leaving:
                self.leaving.remove(request)
                self.leave(request)
        if self.held:
            self.held = {one: last for one, last in self.held.items() if last is not flight}
        return flight.end_s

    def decoding(self) -> list[int]:
        """List the requests of the micro batch at hand that decode, in their order."""
        return [one for one in super().decoding() if self._lane_of[one] == self._lane]

    def preempt(self, request: int, *, retract: bool = False) -> None:
        """Take a running request's blocks away; it waits until its steps under way have ended."""
        here, lane = self._lane, self._lane_of.get(request, self._lane)
        last = self._last_flight(request)
        if last is not None and request not in self.leaving:
            self.held[request] = last
        self.enter(lane)
        decoded = self.last_step[request] >= 0
        super().preempt(request, retract=retract)
        if decoded:
            self.last_token[request] = self.token_s[lane]
        self.enter(here)
        self._lane_of.pop(request, None)

    def _last_flight(self, request: int) -> Flight | None:
        """Give the newest step under way that a request takes part in."""
        lane = self._lane_of.get(request)
        for flight in reversed(self.flights):
            if request in flight.read or (flight.decodes and flight.lane == lane):
                return flight
        return None

    def _join(self, request: int, computed: int, remaining: int) -> None:
        super()._join(request, computed, remaining)
        self._lane_of[request] = self._lane


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
    states = RequestStates(requests, settings.block_tokens, overheads)
    batch = MicroBatches(requests, settings, states, stages)
    policies = [RULES[settings.policy](batch) for _ in range(stages)]
    recorders = [Recorder(batch) for _ in range(stages)]
    pipeline, told = _Pipeline(stages), Progress(len(requests), progress)
    arrivals, depth = states.arrivals, stages + settings.steps_ahead
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
            if batch.decodes and batch.decoders.sequences:
                # They go on from tokens that must be there.
                batch.now = max(batch.now, batch.token_s[lane])
            if formed is not None:
                formed.append(described(batch, int(holds_anything(batch))))
            if holds_anything(batch):
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
    return overheads.added_to(outcome_of(requests, states, recorders))


def _seconds(batch: MicroBatches, stage_times: StageTimes) -> tuple[float, float]:
    """Time the step that was formed, on the slowest stage and on all [s]."""
    prompts = [(new, before) for _, new, before in batch.chunks]
    if batch.decodes:
        return stage_times.seconds(batch.decoders.sequences, batch.decoders.context, prompts)
    return stage_times.seconds(0, 0, prompts)
