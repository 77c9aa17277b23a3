"""What clients wait outside of steps, and that they send their next request after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import LognormalLengths, estimate_serving_performance, simulate
from llmcalc_core.simulation.attention_replicas import run_replicas
from llmcalc_core.simulation.outcome import Outcome, Overheads
from llmcalc_core.simulation.pipeline import run_pipeline
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.workload.requests import Requests
from tests.core.simulated import EqualStages, LinearSteps, requests_of, settings_of

SECOND = LinearSteps()
LATER = Overheads(first_token_s=0.25, first_steps=0.5)


def test_a_client_alone_waits_no_steps() -> None:
    outcome = run(requests_of([(4, 3)] * 2, concurrency=1), SECOND, settings_of(), overheads=LATER)
    assert outcome.arrival_s.tolist() == [0, 3.25]
    assert outcome.first_token_s.tolist() == [1.25, 4.5]
    assert outcome.finish_s.tolist() == [3.25, 6.5]


def test_clients_beside_each_other_wait_steps_too() -> None:
    requests = requests_of([(4, 3), (4, 5), (4, 1)], concurrency=2)
    outcome = run(requests, SECOND, settings_of(), overheads=LATER)
    # The first one finds nobody and sees its end at 3.25 s; the third waits for a step until 4 s.
    assert outcome.arrival_s.tolist() == [0, 0, 3.25]
    assert outcome.start_s.tolist() == [0, 0, 4]
    assert outcome.finish_s.tolist() == [3.25, 5.75, 5.25]  # an answer of one token has no steps


def test_requests_of_a_loop_are_numbered_as_they_are_sent() -> None:
    # The second ends first, but is seen later, as the first one had found nobody.
    steps = LinearSteps(context=0.0)
    late = Overheads(first_steps=3.0)
    outcome = run(
        requests_of([(4, 5), (4, 4), (4, 2), (4, 3)], concurrency=2), steps, settings_of(),
        overheads=late,
    )  # fmt: skip
    assert outcome.arrival_s.tolist() == [0, 0, 5, 7]
    assert outcome.output_tokens.tolist() == [5, 4, 2, 3]


def test_a_turn_comes_once_the_answer_before_it_is_seen() -> None:
    turns = requests_of([(8, 9), (20, 2)], arrival_s=[0, 1], conversation=[0, 0], after=[-1, 0])
    outcome = run(turns, SECOND, settings_of(), overheads=LATER)
    assert outcome.arrival_s.tolist() == [0.0, 9.25]
    later = requests_of([(8, 9), (20, 2)], arrival_s=[0, 9.1], conversation=[0, 0], after=[-1, 0])
    assert run(later, SECOND, settings_of(), overheads=LATER).arrival_s.tolist() == [0.0, 9.25]


def engines(requests: Requests, policy: str) -> dict[str, Outcome]:
    """The same requests on a replica, on three, and on two stages."""
    steps, settings = LinearSteps(base=0.02, token=1e-3), settings_of(policy=policy)
    return {
        "one": run(requests, steps, settings, overheads=LATER),
        "replicas": run_replicas(requests, steps, settings, 3, overheads=LATER),
        "pipeline": run_pipeline(requests, EqualStages(steps, 2), settings, 2, overheads=LATER),
    }


@pytest.mark.parametrize("policy", ["vllm", "sglang", "trtllm"])
def test_a_request_is_sent_as_a_client_sees_its_last_answer(policy: str) -> None:
    chance, clients = np.random.default_rng(4), 7
    lengths = list(zip(chance.integers(1, 50, 80), chance.integers(1, 9, 80), strict=True))
    for outcome in engines(requests_of(lengths, concurrency=clients), policy).values():
        assert (np.diff(outcome.arrival_s) >= 0).all()
        seen = np.sort(outcome.finish_s)[: 80 - clients]
        assert outcome.arrival_s[clients:] == pytest.approx(seen, abs=1e-12)


PLANS: dict[str, tuple[str, str, dict[str, int], dict[str, int]]] = {
    "dense": ("llama3_8b", "H100_80GB", {}, {}),
    "tensor parallel": ("gemma2_27b", "A100_80GB", {"tp": 2}, {"tensor_parallel": 2}),
    "mixture": ("qwen3_30b_a3b", "H100_80GB", {}, {}),
}


@pytest.mark.parametrize("outputs", [1, 2, 3, 50])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))
def test_one_client_meets_what_the_closed_form_says(
    plan: tuple[str, str, dict[str, int], dict[str, int]], engine: str, outputs: int
) -> None:
    model, device, simulated, estimated = plan
    asked: dict[str, Any] = {"input_tokens": 1000, "output_tokens": outputs, "engine": engine}
    seen = simulate(model, device, concurrency=1, num_prompts=10, **asked, **simulated).outcome
    said = estimate_serving_performance(
        model, concurrency=1, system_name=device, **asked, **estimated
    )
    assert seen.requests_per_s == pytest.approx(said["requests_per_s"], rel=1e-3)
    for latency, name in (("ttft", "ttft_ms"), ("e2e", "e2e_latency_ms"), ("tpot", "tpot_ms")):
        if outputs > 1 or latency != "tpot":
            assert seen.mean(latency) * 1e3 == pytest.approx(said[name], rel=1e-3), latency


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize(("clients", "outputs"), [(3, 2), (40, 3), (40, 120)])
def test_littles_law_holds_for_what_clients_see(engine: str, clients: int, outputs: int) -> None:
    answers = LognormalLengths(mean=outputs, sigma=0.5)
    seen = simulate(
        "llama3_8b", "H100_80GB", engine=engine, concurrency=clients, num_prompts=120 * clients,
        input_tokens=300, output_tokens=answers,
    ).outcome  # fmt: skip
    last_sent = seen.arrival_s[-1]
    present = np.minimum(seen.finish_s, last_sent) - seen.arrival_s
    assert present.sum() == pytest.approx(clients * last_sent, rel=1e-9)
    ended = (seen.finish_s > last_sent / 4) & (seen.finish_s <= last_sent)
    rate = np.count_nonzero(ended) / (last_sent * 3 / 4)
    assert rate * seen.e2e_s[ended].mean() == pytest.approx(clients, rel=0.01)
