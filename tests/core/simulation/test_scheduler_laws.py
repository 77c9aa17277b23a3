"""What holds for every run, and that steps taken at once change nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import FormedStep
from llmcalc_core.workload.requests import Requests
from tests.core.simulated import LinearSteps, one_by_one, requests_of

STEPS = LinearSteps(base=0.01, token=2e-5, context=3e-6)


class Case(NamedTuple):
    requests: Requests
    settings: Settings


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Requests and an engine that is small for them, by a seed: numbers need no shrinking."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    policy = draw(st.sampled_from(["vllm", "sglang", "trtllm"]))
    sharing = draw(st.sampled_from(["nothing", "prefixes", "conversations", "closed loop"]))
    count = int(random.integers(1, 40))
    inputs = random.integers(1, random.choice([50, 3000]), count)
    outputs = random.integers(1, random.choice([5, 300]), count)
    more: dict[str, object] = {}
    if sharing == "prefixes":
        prefix = random.integers(-1, 3, count)
        shared = np.minimum(inputs, np.array([37, 160, 500, 0])[prefix])
        more = {"prefix": prefix.tolist(), "prefix_tokens": shared.tolist()}
    if sharing == "conversations":
        users = int(random.integers(1, 5))
        before = np.arange(count) - users
        for turn in range(users, count):
            last = turn - users
            inputs[turn] = min(inputs[last] + outputs[last] + random.integers(1, 30), 6000)
        more = {"conversation": (np.arange(count) % users).tolist()}
        more["after"] = np.maximum(before, -1).tolist()
    if sharing == "closed loop":
        more["concurrency"] = int(random.integers(1, count + 3))
    arrival = np.sort(random.uniform(0, random.choice([0.01, 1, 20]), count))
    if sharing != "closed loop":
        more["arrival_s"] = arrival.tolist()
    block = int(random.choice([1, 16, 32]))
    needed = -(-int((inputs + outputs).max()) // block) + 1 + -(-1 // block)
    places = int(random.choice([1, 2, 8, 128]))
    settings = Settings(
        policy=policy,
        token_budget=max(places, int(random.choice([64, 512, 8192]))),
        max_num_seqs=places,
        kv_blocks=int(needed * random.choice([1, 1.3, 2, 40])) + 1,
        block_tokens=block,
        prefix_caching=bool(random.integers(2)),
        steps_ahead=int(random.integers(2)),
    )
    return Case(requests_of(zip(inputs, outputs, strict=True), **more), settings)


def served(case: Case, *, fast_forward: bool = True) -> tuple[Outcome, list[FormedStep]]:
    formed: list[FormedStep] = []
    return run(
        case.requests, STEPS, case.settings, fast_forward=fast_forward, formed=formed
    ), formed


@given(cases())
@hypothesis_settings(max_examples=150, deadline=None)
def test_steps_at_once_are_the_steps_one_by_one(case: Case) -> None:
    (outcome, formed), (slow, single) = served(case), served(case, fast_forward=False)
    assert one_by_one(formed) == one_by_one(single)
    assert [step.preempted for step in formed if step.preempted] == [
        step.preempted for step in single if step.preempted
    ]
    assert outcome.steps == slow.steps
    for name in ("arrival_s", "start_s", "first_token_s", "finish_s", "cached_tokens"):
        np.testing.assert_allclose(getattr(outcome, name), getattr(slow, name), 1e-9, 1e-9)
    assert outcome.gap_count.sum() == slow.gap_count.sum()
    assert outcome.mean("itl") == pytest.approx(slow.mean("itl"), rel=1e-9, nan_ok=True)


@given(cases())
@hypothesis_settings(max_examples=100, deadline=None)
def test_limits_hold_and_nothing_is_lost(case: Case) -> None:
    outcome, formed = served(case)
    requests, settings = case
    computed = np.zeros(len(requests), np.int64)
    for step in formed:
        decoding = np.array(step.decoding, int)
        computed[decoding] += step.steps
        for request, new, _ in step.chunks:
            computed[request] += new
        read = sum(new for _, new, _ in step.chunks)
        decoded = len(decoding) if settings.policy != "sglang" else 0
        assert read + decoded <= settings.token_budget
        assert len(decoding) + len(step.chunks) <= settings.max_num_seqs
        assert len(set(step.decoding) | {one for one, *_ in step.chunks}) == len(decoding) + len(
            step.chunks
        )
    assert outcome.running.max() <= settings.max_num_seqs
    assert outcome.used_blocks.max() <= settings.kv_blocks
    assert outcome.used_blocks.min() >= 0
    least = requests.input_tokens + requests.output_tokens - 1 - outcome.cached_tokens
    kept = outcome.preemptions == 0
    assert (computed[kept] == least[kept]).all()
    if not settings.prefix_caching:
        assert (computed >= least).all()
    # Every token but the first one of each answer comes after a gap.
    assert outcome.gap_count.sum() == (requests.output_tokens - 1).sum()
    spent = (outcome.finish_s - outcome.first_token_s).sum()
    assert (outcome.gap_s * outcome.gap_count).sum() == pytest.approx(spent, rel=1e-9)
    assert (outcome.arrival_s <= outcome.start_s + 1e-12).all()
    assert (outcome.start_s < outcome.first_token_s).all()
    assert (outcome.first_token_s <= outcome.finish_s).all()
    if settings.policy == "trtllm":
        assert outcome.preemptions.sum() == 0


@given(cases())
@hypothesis_settings(max_examples=50, deadline=None)
def test_littles_law_holds_for_the_requests_that_run(case: Case) -> None:
    settings = case.settings
    outcome, formed = served(case, fast_forward=False)
    if outcome.preemptions.any() or settings.steps_ahead:
        return
    if len(outcome.timeline_s) < len(formed):
        return  # of a long run the timeline has some of the steps
    ends = [step.start_s for step in formed[1:]] + [float(outcome.finish_s.max())]
    running = dict(zip(outcome.timeline_s, outcome.running, strict=True))
    present = sum(
        running[step.start_s]
        * (min(end, *outcome.finish_s[outcome.finish_s > step.start_s]) - step.start_s)
        for step, end in zip(formed, ends, strict=True)
    )
    assert present == pytest.approx((outcome.finish_s - outcome.start_s).sum(), rel=1e-9)


def test_the_same_requests_give_the_same_outcome() -> None:
    case = Case(
        requests_of([(100, 50), (30, 70)] * 20, arrival_s=[0.1 * one for one in range(40)]),
        Settings(policy="sglang", token_budget=512, max_num_seqs=16, kv_blocks=100),
    )
    assert served(case)[0].summary() == served(case)[0].summary()
