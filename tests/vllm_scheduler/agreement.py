"""A recorded set through llmcalc's simulator, and where its steps first differ from vLLM's."""

from __future__ import annotations

from typing import Any

from llmcalc_core.simulation.pipeline import run_pipeline
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import FormedStep
from tests.core.simulated import EqualStages, LinearSteps, requests_of
from tests.vllm_scheduler.random_sets import Limits, Sent

LATE_S = 1e-6
"""By how much ends of requests may differ: times of equal steps are summed in another order [s]."""


def difference(recorded: dict[str, Any], *, fast_forward: bool = True) -> str:
    """Say in words where a set's steps first differ from those that vLLM formed.

    Parameters
    ----------
    recorded : dict
        A line of :mod:`tests.vllm_scheduler.recording`.
    fast_forward : bool, default True
        Whether the simulator takes equal steps at once.

    Returns
    -------
    str
        Empty where all steps, preemptions and ends are the same.
    """
    limits = Limits(**recorded["limits"])
    sent = [Sent(*one) for one in recorded["requests"]]
    formed: list[FormedStep] = []
    requests = requests_of(
        [(one.input_tokens, one.output_tokens) for one in sent],
        arrival_s=[one.arrival_s for one in sent],
        prefix=[one.group for one in sent],
        prefix_tokens=[one.shared_tokens for one in sent],
        conversation=[one.conversation for one in sent],
        after=[one.after for one in sent],
    )
    settings = Settings(
        policy="vllm",
        token_budget=limits.max_num_batched_tokens,
        max_num_seqs=limits.max_num_seqs,
        kv_blocks=limits.blocks,
        block_tokens=limits.block_tokens,
        prefix_caching=limits.prefix_caching,
        steps_ahead=limits.steps_ahead,
    )
    clock = LinearSteps(base=limits.base_s, token=limits.per_token_s)
    if limits.stages == 1:
        outcome = run(requests, clock, settings, fast_forward=fast_forward, formed=formed)
    else:
        stages = EqualStages(clock, limits.stages)
        outcome = run_pipeline(requests, stages, settings, limits.stages, formed=formed)
    ours = [
        (
            sorted(
                [*((one, 1) for one in step.decoding), *((one, new) for one, new, _ in step.chunks)]
            ),
            at,
        )
        for step in formed
        for at in range(step.steps)
    ]
    theirs = [sorted(map(tuple, tokens)) for _, tokens, _ in recorded["steps"] if tokens]
    for at, ((mine, _), real) in enumerate(zip(ours, theirs, strict=False)):
        if mine != real:
            return f"step {at} holds {mine}, and of vLLM {real}"
    if len(ours) != len(theirs):
        return f"{len(ours)} steps, and of vLLM {len(theirs)}"
    lost = [list(step.preempted) for step in formed if step.preempted]
    real_lost = [preempted for *_, preempted in recorded["steps"] if preempted]
    if lost != real_lost:
        return f"preempted are {lost}, and by vLLM {real_lost}"
    late = max(
        abs(mine - real)
        for mine, real in zip(outcome.finish_s.tolist(), recorded["finished"], strict=True)
    )
    return f"a request ends {late:g} s apart" if late > LATE_S else ""
