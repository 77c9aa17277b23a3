"""Continuous batching on attention replicas whose steps begin and end together."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmcalc_core.simulation.balance import Balance
from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.leap import started_before, with_room
from llmcalc_core.simulation.ledger import Ledger
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.overheads import NO_OVERHEADS, Overheads
from llmcalc_core.simulation.recorder import Recorder, outcome_of
from llmcalc_core.simulation.rules import RULES, Policy
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import Progress, StepTimes, check_room, mixed_seconds
from llmcalc_core.workload.requests import Requests


def run_replicas(
    requests: Requests,
    step_times: StepTimes,
    settings: Settings,
    replicas: int,
    *,
    leap: bool = True,
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
    requests, step_times, leap, overheads, progress
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
    ledger = Ledger(requests, settings.block_tokens, overheads)
    batches = [Batch(requests, settings, ledger) for _ in range(replicas)]
    policies: list[Policy] = [RULES[settings.policy](batch) for batch in batches]
    recorders = [Recorder(batch) for batch in batches]
    balance, arrivals = Balance(settings.policy, batches), ledger.arrivals
    told = Progress(len(requests), progress)
    one = batches[0]
    while told.left:
        if arrivals.next_s <= one.view:
            balance.spread(list(arrivals.sent_by(one.view)))
        leaving = [len(batch.leaving) for batch in batches]
        for policy in policies:
            policy.form_step()
        if not any(batch.chunks or (batch.decodes and batch.sequences) for batch in batches):
            _idle(batches)
            continue
        steps, seconds, last = _timed(batches, step_times, leap=leap)
        for batch, recorder, count in zip(batches, recorders, leaving, strict=True):
            if count:
                batch.let_leave(count)
            recorder.note(steps, seconds)
            batch.go_on(steps, seconds, last)
        told.tell(sum(batch.left for batch in batches) - (replicas - 1) * len(requests))
    return overheads.added_to(outcome_of(requests, ledger, recorders))


def _timed(batches: list[Batch], step_times: StepTimes, *, leap: bool) -> tuple[int, float, float]:
    """Count the steps until something changes, and time all of them and the last one."""
    reads = any(batch.chunks for batch in batches)
    busy = [batch for batch in batches if batch.chunks or (batch.decodes and batch.sequences)]
    beside = step_times.stage_seconds(sum(map(_tokens, busy)), reads=reads)
    firsts = [
        mixed_seconds(batch, step_times, beside)
        if batch.chunks
        else step_times.decode(batch.sequences, batch.context, beside)
        for batch in busy
    ]
    first = max(firsts)
    if reads or not leap or any(map(_changes, batches)):
        return 1, first, first
    steps = _in_sight(batches, busy, first)
    while steps > 1:
        lasts = [
            step_times.decode(
                batch.sequences, batch.context + (steps - 1) * batch.sequences, beside
            )
            for batch in busy
        ]
        last = max(lasts)
        if max(zip(firsts, lasts, strict=True))[1] == last:  # the slowest stays the slowest
            return _cut(batches, busy, steps, (first, last))
        steps //= 2
    return 1, first, first


def _changes(batch: Batch) -> bool:
    """Whether the next step of a replica may hold other requests though nobody ends or comes."""
    held_back = batch.waiting and not batch.sequences
    return bool(batch.preempted or batch.leaving or held_back)


def _tokens(batch: Batch) -> int:
    """Count the tokens of a step [tokens]."""
    decoding = batch.sequences if batch.decodes else 0
    return decoding + sum(new for _, new, _ in batch.chunks)


def _in_sight(batches: list[Batch], busy: list[Batch], first: float) -> int:
    """Count the steps in which nobody ends or comes, and for which there are blocks."""
    steps = min(min(batch.ends[0] - batch.steps, batch.longest_leap) for batch in busy)
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
        batch.take(batch.opened(steps) - batch.opened(1))
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
