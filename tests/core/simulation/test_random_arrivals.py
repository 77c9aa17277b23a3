"""What requests that come at random meet, by hand and beside drawn values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.simulation.in_flight import Decoding, Traffic
from llmcalc_core.simulation.latencies import _admission, _gap_variance, latencies
from llmcalc_core.simulation.random_arrivals import (
    AtRandom,
    Meets,
    Wait,
    _gated,
    _limited,
    _of_steps,
    at_random,
)
from llmcalc_core.simulation.step_chain import StepChain, none_comes, step_chain
from llmcalc_core.simulation.step_curves import StepCurves


def steps(**changes: float) -> StepCurves:
    """Steps that decode in 1 s and take 0.1 s more for each prompt."""
    known = {
        "decode": 1.0, "alone": 1.1, "some": 2.0, "full": 11.0, "count": 10.0, "fit": 100.0,
        "chunks": 1.0, "lanes": 1.0,
    }  # fmt: skip
    return StepCurves(**{name: np.array(value) for name, value in (known | changes).items()})


@pytest.mark.parametrize("rate", [0.1, 2.0, 8.0])
def test_the_chain_of_steps_is_that_of_drawn_ones(rate: float) -> None:
    chain = step_chain(steps(), np.array(rate))
    chance, step, seen = np.random.default_rng(5), 1.0, []
    for _ in range(40_000):
        step = 1 + 0.1 * chance.poisson(rate * step)
        seen.append(step)
    assert chain.mean == pytest.approx(np.mean(seen), rel=0.02)
    assert chain.mean == pytest.approx(1 / (1 - 0.1 * rate))  # by hand: m = 1 + 0.1 rate m
    assert chain.variance == pytest.approx(np.var(seen), rel=0.12)


def test_nothing_comes_in_an_exponential_time_as_often_as_by_hand() -> None:
    # Of a mean of 2 and a variance of 4: 1 / (1 + rate * mean)
    assert none_comes(np.array(1.5), np.array(2.0), np.array(4.0)) == pytest.approx(1 / 4)
    assert none_comes(np.array(1.5), np.array(2.0), np.array(0.0)) == pytest.approx(np.exp(-3))


def chain_of(**changes: float) -> StepChain:
    known = {
        "mean": 1.0, "variance": 0.0, "reading": 0.5, "base": 1.0, "each": 0.1, "count": 1.0,
        "load": 0.0,
    }  # fmt: skip
    return StepChain(**{name: np.array(value) for name, value in (known | changes).items()})


def meets(**changes: Any) -> Meets:
    zero, one = np.array(0.0), np.array(1.0)
    known = {
        "steps": steps(), "chain": chain_of(), "rate": one, "load": zero, "own": zero,
        "beside": zero, "wait": zero, "queued": zero, "full": np.array(False),  # noqa: FBT003
        "answer_steps": one,
    }  # fmt: skip
    return Meets(**(known | changes))


@pytest.mark.parametrize(
    ("variance", "none"), [(2.25, 1 / 4), (0.25, np.exp(-3)), (0.2, np.exp(-3))]
)
def test_steps_follow_until_one_reads_nothing(variance: float, none: float) -> None:
    """Half of the steps read and take 2 s, the others 1 s: of all, a variance of 1/4 between them.

    A variance of 2 more is one of 4 of those that read: an exponential time, in which nothing of
    1.5/s comes in one of 1 + 2 x 1.5 cases; without more, in exp(-3). Each of 2 s, there are as
    many as it takes on average until nothing came.
    """
    chain = chain_of(mean=1.5, variance=variance, base=2.0, each=0.0)
    time = meets(chain=chain, rate=np.array(1.5), own=np.array(1e3))._until_none_waits()
    assert time == pytest.approx(2 / none)


def test_a_step_is_seen_and_waited_for_as_drawn_ones() -> None:
    """Steps of a gamma distribution of mean 2 and variance 1, each prompt of 0.3 s, 1.5/s of them.

    A step is met with a chance in proportion to its length, which makes its shape one larger.
    """
    chance = np.random.default_rng(11)
    step = chance.gamma(5.0, 0.5, 400_000)
    wait = chance.uniform(size=step.size) * step + 0.3 * chance.poisson(1.5 * step)
    two, one, each, rate = (np.array(value) for value in (2.0, 1.0, 0.3, 1.5))
    mean, variance, seen = _of_steps(two, one, each, rate)
    assert seen == pytest.approx(2.5)  # mean of a gamma distribution of shape 5 and scale 1/2
    assert mean == pytest.approx(wait.mean(), rel=0.01)
    assert variance == pytest.approx(wait.var(), rel=0.01)


@pytest.mark.parametrize("rate", [0.1, 2.0, 8.0])
def test_those_behind_prompts_and_the_others_are_all(rate: float) -> None:
    """In the mean; those that come in a step that decodes wait for half of it, and with others."""
    chain = step_chain(steps(), np.array(rate))
    wait, _ = _gated(steps(), chain, np.array(rate))
    assert wait.decode_mean == pytest.approx(1 / 2 + 0.1 * rate)
    both = wait.behind * wait.behind_mean + (1 - wait.behind) * wait.decode_mean
    assert both == pytest.approx(wait.mean)


def test_one_prompt_at_a_time_is_a_queue_with_one_server() -> None:
    """Pollaczek and Khinchine, M/D/1: at a load r of prompts of 1 s, r / (2 (1 - r)) s, and so on.

    The variance is r^2 / (4 (1 - r)^2) + r / (3 (1 - r)) s^2; nobody waits with a chance of 1 - r.
    """
    load = np.array(0.8)
    one = steps(decode=0.0, alone=1.0, some=1.0, full=1.0, count=1.0, fit=1.0)
    wait = _limited(one, load, mixes=1.0)
    assert wait.mean == pytest.approx(2.0)
    assert wait.variance == pytest.approx(4.0 + 4 / 3)
    assert wait.behind == load
    assert wait.behind * wait.behind_mean == pytest.approx(wait.mean)
    squares = wait.variance + wait.mean**2
    assert wait.behind * (wait.behind_variance + wait.behind_mean**2) == pytest.approx(squares)


def test_beyond_saturation_the_wait_is_that_of_nearly_full_steps() -> None:
    # 100 prompts in 11 s, 20/s: taken as a load of 0.999. Half of a decode step, half of what a
    # full step reads beyond its own, 9.9 s, and the queue of M/D/1.
    met = at_random(steps(), np.array(20.0), np.array(10.0), mixes=1.0)
    assert met.wait.mean == pytest.approx(0.5 + 0.999 * 9.9 / 2 + 0.999 * 0.11 / (2 * 0.001))
    assert met.wait.behind == pytest.approx(0.999)


def test_steps_that_decode_are_held_up_by_a_queue_of_prompts() -> None:
    """Full steps of two prompts in 1.2 s, 1.5/s of them: a load of 0.9. Nothing is read beside.

    A prompt waits 0.9 x 0.6 / (2 x 0.1) s for others, half a step of 1 s in one case of ten, and
    half of 0.9 x 0.1 s for the second one of a step; it takes 1.1 s. Until no prompt is left, what
    came meanwhile, 0.9 of that time less those 0.045 s, takes 1 / 0.1 times as long.
    """
    two = steps(some=1 + 0.1 * np.sqrt(2), count=np.sqrt(2), full=1.2, fit=2.0)
    met = at_random(two, np.array(1.5), np.array(1.0), mixes=0.0)
    waited = 0.9 * 0.6 / 0.2 + 0.1 / 2 + 0.09 / 2
    assert met.gap == pytest.approx(1 + (0.9 * (waited + 1.1) - 0.09 / 2) / 0.1)


def test_a_long_answer_meets_all_that_came_behind_its_prompt() -> None:
    """What waits, 1 / (1 - stay) times: as long as it is read, more comes behind.

    Half of the requests meet 0.9 x (2.5 + 1 / 2 - 1) s of it; the others also wait for the queue,
    0.11 / (2 x 0.5) s, and half of the 4.95 s that a full step goes on, in which all are read.
    """
    load, stay, answer = np.array(0.5), np.array(0.9), np.array(1e4)
    found = meets(own=np.array(2.5), load=load)._behind_queue(stay, answer) / answer
    soon = 0.9 * 2
    late = soon + 0.9 * (0.11 + 4.95 / 2) - 4.95 / 2
    assert found * answer == pytest.approx((soon + late) / 2 / (1 - 0.9))


def decoding_of(**changes: float) -> Decoding:
    """Decode beside 3 others, each of which adds 2 s; steps of 1 s, and none of them waits."""
    known = {"met": 4.0, "slope": 2.0, "gap": 1.0, "steady": 1.0, "each": 0.0} | changes
    of = {name: np.full((1, 1, 1, 1), value) for name, value in known.items()}
    zero, one = np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
    wait = Wait(
        mean=zero, variance=zero, behind=one, behind_mean=zero, behind_variance=zero,
        decode_mean=zero,
    )  # fmt: skip
    meets = AtRandom(
        wait=wait, own=zero, gap=of["gap"], steady=of["steady"], step=zero, step_variance=zero,
        each=of["each"],
    )  # fmt: skip
    return Decoding(
        met=of["met"], slope=of["slope"], full=zero.astype(bool), steps=steps(), meets=meets
    )


def test_steps_of_an_answer_vary_with_what_is_in_flight() -> None:
    """By hand: each prompt adds 4 s in 2 steps, and what is behind one's own 1 s.

    2/3 of the variance of 3 others at a time, amplified by 1 / (1 - 0.75); their prompts with
    them, by its root; 3 prompts that come beside the answer; and an exponential time of 1 s.
    """
    found = decoding_of(gap=5.0, steady=4.0, each=4.0)
    variance = _gap_variance(found, np.array(3.0), np.array(2.0), np.array(0.75))
    assert variance == pytest.approx(4 * 3 * 2 / 3 / 0.25 + 2 * 2 * 3 / 0.5 + 4 * 3 + 1)


def test_half_of_the_requests_wait_for_a_free_place() -> None:
    """As many are in flight as there is room for, in the mean; the wait of a half is exponential.

    100 places, each taken for 50 s; one request per second takes half of them: a mean wait of
    50 / (2 x 100 x 1/2) = 0.5 s. One in ten waits longer than t where exp(-t / 0.5) / 2 = 1/10.
    """
    one = np.ones((1, 1, 1, 1))
    traffic = Traffic(rate=one, replicas=one, answer_steps=100 * one, mixes=1.0, ahead=0.0)
    at_once = Behaviour(
        first_token_s=0.0, first_token_steps=0.0, prefill_first=0.0, overlaps=0.0,
        captured_tokens=0.0,
    )  # fmt: skip
    means, late = latencies(
        decoding_of(met=101.0, slope=0.0), traffic, at_once,
        room=100 * one, longest=50 * one, fullest=one, alone=one, level=0.9,
    )  # fmt: skip
    assert means.ttft_s.item() == pytest.approx(0.5 / 2)
    assert late is not None
    assert late.ttft_s.item() == pytest.approx(0.5 * np.log(5), rel=0.02)


def test_the_wait_for_a_free_place() -> None:
    # 4 s in each of 2 places, which 1/4 of a request per second takes half of: 4 / (2 x 2 x 1/2) s,
    # and as many are above as below the mean.
    four, two = np.array(4.0), np.array(2.0)
    chance, wait = _admission(two, four, np.array(0.25), (four, two))
    assert (chance, wait) == (pytest.approx(0.5), pytest.approx(2.0))
