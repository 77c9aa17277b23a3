"""Continuous batching of one plan, event by event."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.outcome import NO_OVERHEADS, Outcome, Overheads
from llmcalc_core.simulation.policies import RULES
from llmcalc_core.simulation.recorder import Recorder, outcome_of
from llmcalc_core.simulation.request_states import RequestStates
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import (
    FormedStep,
    Progress,
    StepTimes,
    check_room,
    described,
    mixed_seconds,
    started_before,
    with_room,
)
from llmcalc_core.workload.requests import Requests


def run(
    requests: Requests,
    step_times: StepTimes,
    settings: Settings,
    *,
    fast_forward: bool = True,
    overheads: Overheads = NO_OVERHEADS,
    progress: Callable[[float], object] | None = None,
    formed: list[FormedStep] | None = None,
) -> Outcome:
    """Serve requests one step after the other, and note what each of them meets.

    Between two events (a request comes or ends, a part of a prompt is read, blocks run out) nothing
    changes but the length of contexts: such steps are taken at once, in the time of their number
    times the mean of the first and the last one.

    Parameters
    ----------
    requests : Requests
        What is sent.
    step_times : StepTimes
        How long steps take.
    settings : Settings
        How the engine is set up.
    overheads : Overheads, optional
        What clients wait outside of steps; the next request of one, or of a conversation, comes
        once it has seen its answer.
    fast_forward : bool, default True
        Whether to take steps between two events at once; else each one alone, with the same result.
    progress : callable, optional
        Called now and then with the share of requests that have ended [1]; where it returns False,
        the run ends.
    formed : list, optional
        Takes every step that was formed, as :class:`FormedStep`.

    Returns
    -------
    Outcome
        What each request met, and how full the engine was.

    Raises
    ------
    ValueError
        If a request alone is longer than the whole KV cache.
    Cancelled
        If ``progress`` returned False.
    """
    check_room(requests, settings)
    states = RequestStates(requests, settings.block_tokens, overheads)
    batch = Batch(requests, settings, states)
    form_step = RULES[settings.policy](batch).form_step
    arrivals, recorder = batch.arrivals, Recorder(batch)
    told = Progress(len(requests), progress)
    while batch.left:
        if arrivals.next_s <= batch.view:
            batch.waiting.extend(arrivals.sent_by(batch.view))
        leaving = len(batch.leaving)
        form_step()
        if batch.chunks:
            steps, seconds = 1, mixed_seconds(batch, step_times)
            last = seconds
        elif batch.decoders.sequences:
            steps, seconds, last = _decode(batch, step_times, fast_forward=fast_forward)
        else:
            _idle(batch)
            continue
        if leaving:
            batch.let_leave(leaving)
        if formed is not None:
            formed.append(described(batch, steps))
        recorder.note(steps, seconds)
        batch.go_on(steps, seconds, last)
        if batch.left <= told.next:
            told.tell(batch.left)
    return overheads.added_to(outcome_of(requests, states, [recorder]))


def _decode(batch: Batch, step_times: StepTimes, *, fast_forward: bool) -> tuple[int, float, float]:
    """Count the steps until something changes, and time all of them and the last one."""
    decoders = batch.decoders
    sequences, context = decoders.sequences, decoders.context
    first = step_times.decode(sequences, context)
    steps = min(decoders.steps_left, batch.most_decode_steps)
    if steps == 1 or not fast_forward or batch.preempted or batch.leaving:
        return 1, first, first
    until, lag = math.inf, batch.lag
    if not batch.waiting:  # else only an end can let another one in
        until = batch.arrivals.next_s - batch.now
        if until <= (0.0 if lag else first):
            return 1, first, first
        if until < steps * first:
            steps = min(steps, math.ceil(until / first) + lag)
    steps = with_room(batch, steps)
    if steps == 1:
        return 1, first, first
    last = step_times.decode(sequences, context + (steps - 1) * sequences)
    growth = (last - first) / (steps - 1)
    steps = started_before(until, steps - lag, first, growth) + lag
    batch.take(decoders.opened(steps) - decoders.opened_next())
    last = first + growth * (steps - 1)
    return steps, steps * (first + last) / 2, last


def _idle(batch: Batch) -> None:
    """Wait for what is still under way, or for the next request."""
    batch.preempted.clear()
    if batch.leaving or batch.view < batch.now:
        batch.let_leave(len(batch.leaving))
    elif not batch.waiting:
        batch.now = batch.arrivals.next_s
    batch.view = batch.now
