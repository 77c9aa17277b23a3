"""Continuous batching on attention replicas, and which of them a request goes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.outcome import NO_OVERHEADS, Outcome, Overheads
from llmcalc_core.simulation.policies import RULES, Policy
from llmcalc_core.simulation.recorder import Recorder, outcome_of
from llmcalc_core.simulation.request_states import RequestStates
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import (
    Progress,
    StepTimes,
    check_room,
    holds_anything,
    mixed_seconds,
    started_before,
    with_room,
)
from llmcalc_core.workload.requests import Requests

_PRESSURE, _HALF = 6.0, 0.5
"""What a waiting request counts for each part of the cache in use above a half [1]."""


class LoadBalancer:
    """Rules by which engines spread requests over attention replicas.

    - vLLM 0.33.0: to the one with the fewest requests; those that wait count more the fuller its
      cache is, from a half on. Of equal ones to the first from where the last search began plus one
      (``DPLBAsyncMPClient.get_core_engine_for_request``, vllm/v1/engine/core_client.py). The
      engine's counts are up to 0.1 s old; these are not.
    - SGLang: to one after the other (``round_robin``, the default of ``DataParallelController``,
      python/sglang/srt/managers/data_parallel_controller.py, 000a3db1).
    - TensorRT-LLM: of those that come between two steps the longest prompt first, to the one with
      the fewest tokens of prompts among those with less than their share of the requests
      (``DefaultADPRouter``, tensorrt_llm/_torch/pyexecutor/scheduler/adp_router.py, 02385f29).

    All read 2026-11-30.

    Parameters
    ----------
    policy : {'vllm', 'sglang', 'trtllm'}
        Whose rules.
    batches : sequence of Batch
        The replicas.
    """

    def __init__(self, policy: str, batches: Sequence[Batch]) -> None:
        self._policy = policy
        self._batches = batches
        self._start = 0

    def spread(self, requests: Sequence[int]) -> None:
        """Let requests wait at replicas."""
        if self._policy == "trtllm":
            self._by_tokens(requests)
            return
        batches = self._batches
        count = len(batches)
        for request in requests:
            start = self._start
            self._start = (start + 1) % count
            if self._policy == "vllm":
                places = range(start, start + count)
                start = min(places, key=lambda at: _load(batches[at % count])) % count
            batches[start].waiting.append(request)

    def _by_tokens(self, requests: Sequence[int]) -> None:
        """Let requests wait where there are the fewest tokens of prompts."""
        batches = self._batches
        inputs = batches[0].inputs
        active = [[*batch.running, *batch.waiting] for batch in batches]
        loads = [
            (sum(inputs[one] for one in some), len(some), at) for at, some in enumerate(active)
        ]
        counts = [len(some) for some in active]
        most = max(-(-(sum(counts) + len(requests)) // len(counts)), *counts)
        for request in sorted(requests, key=lambda one: -inputs[one]):
            tokens, count, at = min(load for load in loads if load[1] < most)
            batches[at].waiting.append(request)
            loads[at] = (tokens + inputs[request], count + 1, at)


def _load(batch: Batch) -> float:
    """Count what a replica of vLLM has to do [requests]."""
    waiting = len(batch.waiting)
    used = 1 - batch.free / batch.kv_blocks
    return len(batch.running) + waiting + waiting * _PRESSURE * max(0.0, used - _HALF)


def run_replicas(
    requests: Requests,
    step_times: StepTimes,
    settings: Settings,
    replicas: int,
    *,
    fast_forward: bool = True,
    overheads: Overheads = NO_OVERHEADS,
    progress: Callable[[float], object] | None = None,
) -> Outcome:
    """Serve requests on attention replicas, each with a queue, a batch and a KV cache of its own.

    Their experts exchange tokens in every layer, so that all step together, and one that has
    nothing to do runs along (vLLM 0.33.0, ``DPEngineCoreProc``, vllm/v1/engine/core.py: dummy
    batches; SGLang, ``prepare_mlp_sync_batch``: idle batches). A step takes the time of the
    slowest, with that of its common experts for the tokens of all.

    Parameters
    ----------
    requests, step_times, fast_forward, overheads, progress
        As :func:`llmcalc_core.simulation.scheduler.run` takes them.
    settings : Settings
        How each replica is set up.
    replicas : int
        How many there are [1].

    Returns
    -------
    Outcome
        What each request met; running, waiting and used blocks of all replicas together.

    Raises
    ------
    ValueError
        If a request alone is longer than the KV cache of a replica.
    Cancelled
        If ``progress`` returned False.
    """
    check_room(requests, settings)
    states = RequestStates(requests, settings.block_tokens, overheads)
    batches = [Batch(requests, settings, states) for _ in range(replicas)]
    policies: list[Policy] = [RULES[settings.policy](batch) for batch in batches]
    recorders = [Recorder(batch) for batch in batches]
    balancer, arrivals = LoadBalancer(settings.policy, batches), states.arrivals
    told = Progress(len(requests), progress)
    one = batches[0]
    while told.left:
        if arrivals.next_s <= one.view:
            balancer.spread(list(arrivals.sent_by(one.view)))
        leaving = [len(batch.leaving) for batch in batches]
        for policy in policies:
            policy.form_step()
        if not any(map(holds_anything, batches)):
            _idle(batches)
            continue
        steps, seconds, last = _timed(batches, step_times, fast_forward=fast_forward)
        for batch, recorder, count in zip(batches, recorders, leaving, strict=True):
            if count:
                batch.let_leave(count)
            recorder.note(steps, seconds)
            batch.go_on(steps, seconds, last)
        told.tell(sum(batch.left for batch in batches) - (replicas - 1) * len(requests))
    return overheads.added_to(outcome_of(requests, states, recorders))


def _timed(
    batches: list[Batch], step_times: StepTimes, *, fast_forward: bool
) -> tuple[int, float, float]:
    """Count the steps until something changes, and time all of them and the last one."""
    reads = any(batch.chunks for batch in batches)
    busy = [batch for batch in batches if holds_anything(batch)]
    beside = step_times.stage_seconds(sum(map(_tokens, busy)), reads=reads)
    firsts = [
        mixed_seconds(batch, step_times, beside)
        if batch.chunks
        else step_times.decode(batch.decoders.sequences, batch.decoders.context, beside)
        for batch in busy
    ]
    first = max(firsts)
    if reads or not fast_forward or any(map(_changes, batches)):
        return 1, first, first
    steps = _in_sight(batches, busy, first)
    while steps > 1:
        lasts = [
            step_times.decode(one.sequences, one.context + (steps - 1) * one.sequences, beside)
            for one in (batch.decoders for batch in busy)
        ]
        last = max(lasts)
        if max(zip(firsts, lasts, strict=True))[1] == last:  # the slowest stays the slowest
            return _cut(batches, busy, steps, (first, last))
        steps //= 2
    return 1, first, first


def _changes(batch: Batch) -> bool:
    """Whether the next step of a replica may hold other requests though nobody ends or comes."""
    held_back = batch.waiting and not batch.decoders.sequences
    return bool(batch.preempted or batch.leaving or held_back)


def _tokens(batch: Batch) -> int:
    """Count the tokens of a step [tokens]."""
    decoding = batch.decoders.sequences if batch.decodes else 0
    return decoding + sum(new for _, new, _ in batch.chunks)


def _in_sight(batches: list[Batch], busy: list[Batch], first: float) -> int:
    """Count the steps in which nobody ends or comes, and for which there are blocks."""
    steps = min(min(batch.decoders.steps_left, batch.most_decode_steps) for batch in busy)
    until, lag = _until(batches), batches[0].lag
    if until <= (0.0 if lag else first):
        return 1
    if until < steps * first:
        steps = min(steps, math.ceil(until / first) + lag)
    for batch in busy:
        steps = with_room(batch, steps)
    return steps


def _until(batches: list[Batch]) -> float:
    """Tell when the next request comes, which goes where there is the least to do then [s]."""
    return batches[0].arrivals.next_s - batches[0].now


def _cut(
    batches: list[Batch], busy: list[Batch], steps: int, times: tuple[float, float]
) -> tuple[int, float, float]:
    """Take the steps that start before the next request comes, and their blocks."""
    first, lag = times[0], batches[0].lag
    growth = (times[1] - first) / (steps - 1)
    steps = started_before(_until(batches), steps - lag, first, growth) + lag
    for batch in busy:
        batch.take(batch.decoders.opened(steps) - batch.decoders.opened_next())
    last = first + growth * (steps - 1)
    return steps, steps * (first + last) / 2, last


def _idle(batches: list[Batch]) -> None:
    """Wait for what is still under way, or for the next request."""
    one = batches[0]
    now = one.now
    if not any(batch.leaving or batch.waiting for batch in batches) and one.view >= now:
        now = one.arrivals.next_s
    for batch in batches:
        batch.preempted.clear()
        batch.let_leave(len(batch.leaving))
        batch.now = batch.view = now
