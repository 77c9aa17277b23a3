"""Continuous batching of one plan, event by event."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.policy_sglang import SglangPolicy
from llmcalc_core.simulation.policy_trtllm import TensorRTLLMPolicy
from llmcalc_core.simulation.policy_vllm import VllmPolicy
from llmcalc_core.simulation.recorder import Recorder
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.requests import Requests

_Policy = VllmPolicy | SglangPolicy | TensorRTLLMPolicy
_RULES: dict[str, type[_Policy]] = {
    "vllm": VllmPolicy,
    "sglang": SglangPolicy,
    "trtllm": TensorRTLLMPolicy,
}


class StepTimes(Protocol):
    """How long an engine's steps take; each is called for tens of thousands of steps a second."""

    def decode(self, sequences: int, context: int) -> float:
        """Time a step that decodes one token of each of so many sequences.

        Parameters
        ----------
        sequences : int
            Sequences, at least 1.
        context : int
            Tokens that their caches hold in all before the step [tokens]. The time must be
            piecewise linear in it.

        Returns
        -------
        float
            Time of the step [s].
        """
        ...

    def mixed(self, sequences: int, context: int, prompts: Sequence[tuple[int, int]]) -> float:
        """Time a step that also reads parts of prompts.

        Parameters
        ----------
        sequences, context : int
            As :meth:`decode` takes them; both may be 0.
        prompts : sequence of tuple
            For each prompt the tokens that the step reads, and those of it that were computed
            before [tokens].

        Returns
        -------
        float
            Time of the step [s].
        """
        ...


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """A run was ended by its ``progress`` before all its requests had ended."""


class FormedStep(NamedTuple):
    """What one step or several equal ones held.

    Attributes
    ----------
    start_s : float
        When the first of them starts [s].
    steps : int
        How many follow one another.
    decoding : tuple of int
        Requests that decode a token in each, in their order.
    chunks : tuple of tuple
        Parts of prompts: request, new tokens, tokens computed before.
    preempted : tuple of int
        Requests that lost their blocks when the step was formed.
    """

    start_s: float
    steps: int
    decoding: tuple[int, ...]
    chunks: tuple[tuple[int, int, int], ...]
    preempted: tuple[int, ...]


def run(
    requests: Requests,
    step_times: StepTimes,
    settings: Settings,
    *,
    leap: bool = True,
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
    leap : bool, default True
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
    _check_room(requests, settings)
    batch = Batch(requests, settings)
    form_step = _RULES[settings.policy](batch).form_step
    arrivals, recorder = batch.arrivals, Recorder(batch)
    every = max(1, len(requests) // 200)
    report = len(requests) - every if progress else -1
    while batch.left:
        if arrivals.next_s <= batch.view:
            batch.waiting.extend(arrivals.sent_by(batch.view))
        leaving = len(batch.leaving)
        form_step()
        if batch.chunks:
            steps, seconds = 1, _mixed(batch, step_times)
            last = seconds
        elif batch.sequences:
            steps, seconds, last = _decode(batch, step_times, leap=leap)
        else:
            _idle(batch)
            continue
        if leaving:
            batch.let_leave(leaving)
        if formed is not None:
            formed.append(_describe(batch, steps))
        recorder.note(steps, seconds)
        batch.go_on(steps, seconds, last)
        if batch.left <= report and progress is not None:
            report = batch.left - every
            if progress(1 - batch.left / len(requests)) is False:
                msg = f"cancelled with {batch.left} of {len(requests)} requests left"
                raise Cancelled(msg)
    return recorder.outcome(requests)


def _check_room(requests: Requests, settings: Settings) -> None:
    """Refuse a request that the empty cache has no room for."""
    tokens = requests.input_tokens + requests.output_tokens
    room = settings.kv_blocks * settings.block_tokens
    if settings.policy == "sglang":  # it keeps a block free, and lets nobody in who fills the rest
        room -= settings.block_tokens + 1
    if settings.policy == "vllm":  # the last token is never written to it
        room += 1
    longest = int(tokens.argmax())
    if tokens[longest] > room:
        msg = (
            f"each request alone must fit into the KV cache, with prompt and answer at most {room} "
            f"tokens ({settings.kv_blocks} blocks), got request {longest} with "
            f"{requests.input_tokens[longest]} tokens in and {requests.output_tokens[longest]} out"
        )
        raise ValueError(msg)


def _mixed(batch: Batch, step_times: StepTimes) -> float:
    """Time a step that reads prompts."""
    prompts = [(new, before) for _, new, before in batch.chunks]
    if batch.decodes:
        return step_times.mixed(batch.sequences, batch.context, prompts)
    return step_times.mixed(0, 0, prompts)


def _decode(batch: Batch, step_times: StepTimes, *, leap: bool) -> tuple[int, float, float]:
    """Count the steps until something changes, and time all of them and the last one."""
    sequences, context = batch.sequences, batch.context
    first = step_times.decode(sequences, context)
    steps = min(batch.ends[0] - batch.steps, batch.longest_leap)
    if steps == 1 or not leap or batch.preempted or batch.leaving:
        return 1, first, first
    until, lag = math.inf, batch.lag
    if not batch.waiting:  # else only an end can let another one in
        until = batch.arrivals.next_s - batch.now
        if until <= (0.0 if lag else first):
            return 1, first, first
        if until < steps * first:
            steps = min(steps, math.ceil(until / first) + lag)
    opened = batch.opened(1)
    tokens = batch.block_tokens
    if batch.free < sequences * (steps // tokens + 1):
        steps = min(steps, (batch.free // sequences + 2) * tokens)
        while batch.opened(steps) - opened > batch.free:
            steps -= 1
    if steps == 1:
        return 1, first, first
    last = step_times.decode(sequences, context + (steps - 1) * sequences)
    growth = (last - first) / (steps - 1)
    fewer = steps - lag
    while fewer > 1 and (fewer - 1) * (first + growth * (fewer - 2) / 2) >= until:
        fewer -= 1
    steps = fewer + lag
    batch.take(batch.opened(steps) - opened)
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


def _describe(batch: Batch, steps: int) -> FormedStep:
    """Copy what was formed."""
    decoding = (one for one in batch.running if batch.last_step[one] >= 0) if batch.decodes else ()
    return FormedStep(
        batch.now, steps, tuple(decoding), tuple(batch.chunks), tuple(batch.preempted)
    )
