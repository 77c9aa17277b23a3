"""Attention replicas that step together: limits, rules by hand, and the closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings

from llmcalc_core import FixedLengths, UniformLengths, estimate_serving_performance, simulate
from llmcalc_core.api.server import Widths, make_server
from llmcalc_core.costmodel.passes import pass_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.engines import find_engine
from llmcalc_core.layers.work import pass_of
from llmcalc_core.simulation.attention_replicas import run_replicas
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.simulation.steps import Cancelled
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import Requests, draw_requests
from tests.core.simulated import LinearSteps, requests_of, settings_of
from tests.core.simulation.test_scheduler_laws import STEPS, Case, cases

NAMES = ("arrival_s", "start_s", "first_token_s", "finish_s", "cached_tokens", "preemptions")


def same(one: Outcome, other: Outcome) -> None:
    for name in NAMES:
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), 1e-9, 1e-9, err_msg=name
        )
    assert one.steps == other.steps
    assert one.gap_count.sum() == other.gap_count.sum()


@given(cases())
@hypothesis_settings(max_examples=60, deadline=None)
def test_one_replica_is_a_server_without(case: Case) -> None:
    assume(case.settings.policy != "trtllm")  # it sorts what comes only where it spreads it
    alone = run(case.requests, STEPS, case.settings)
    same(run_replicas(case.requests, STEPS, case.settings, 1), alone)


@given(cases())
@hypothesis_settings(max_examples=60, deadline=None)
def test_steps_at_once_are_the_steps_one_by_one(case: Case) -> None:
    at_once, slow = (
        run_replicas(case.requests, STEPS, case.settings, 3, fast_forward=fast_forward)
        for fast_forward in (True, False)
    )
    same(at_once, slow)
    assert at_once.mean("itl") == pytest.approx(slow.mean("itl"), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("policy", ["vllm", "sglang", "trtllm"])
def test_the_same_load_on_each_is_that_of_a_single_one(policy: str) -> None:
    random = np.random.default_rng(3)
    lengths = random.integers(1, 60, (30, 2))
    if policy == "trtllm":  # it lets the longest prompt go first of those that came meanwhile
        lengths[:, 0] = 40
    came = np.sort(random.uniform(0, 8, 30))
    settings = settings_of(policy=policy, kv_blocks=64, token_budget=64)
    steps = LinearSteps(base=0.05, token=1e-3, context=1e-4)
    alone = run(requests_of(lengths, arrival_s=came.tolist()), steps, settings)
    fourfold = requests_of(np.repeat(lengths, 4, axis=0), arrival_s=np.repeat(came, 4).tolist())
    found = run_replicas(fourfold, steps, settings, 4)
    for name in ("start_s", "first_token_s", "finish_s"):
        np.testing.assert_allclose(getattr(found, name), np.repeat(getattr(alone, name), 4), 1e-12)
    assert found.running.max() == 4 * alone.running.max()
    assert found.used_blocks.max() == 4 * alone.used_blocks.max()


def test_all_wait_for_the_slowest_and_take_their_experts_together() -> None:
    # Two replicas: a prompt of 40 tokens and one of 4, then a token each. Two seconds for each
    # token of a replica, a tenth for each of all: 80 + 4.4 s, then 2 + 0.2 s.
    steps = LinearSteps(base=0.0, token=2.0, stage=0.1)
    found = run_replicas(requests_of([(40, 2), (4, 2)]), steps, settings_of(), 2)
    np.testing.assert_allclose(found.first_token_s, [84.4, 84.4])
    np.testing.assert_allclose(found.finish_s, [86.6, 86.6])


def starts(policy: str, requests: Requests) -> list[float]:
    """When requests start on three replicas with a place each: who waits tells where it went."""
    settings = settings_of(policy=policy, max_num_seqs=1)
    return run_replicas(requests, LinearSteps(), settings, 3).start_s.tolist()


def test_vllm_takes_the_replica_with_the_fewest_requests() -> None:
    # One place on each of three replicas: the fourth waits for the first that ends.
    requests = requests_of([(4, 9), (4, 3), (4, 9), (4, 2)], arrival_s=[0, 0, 0, 3])
    assert starts("vllm", requests) == [0, 0, 0, 3]
    # SGLang deals them out in turn: it waits for the nine tokens of the first replica.
    assert starts("sglang", requests) == [0, 0, 0, 9]


def test_tensorrt_llm_takes_the_replica_with_the_fewest_tokens_of_prompts() -> None:
    # The longest first: 30, 20 and 10 tokens; then 5 to the third, which has two requests then,
    # and none of them more than its share of two.
    requests = requests_of([(10, 9), (5, 2), (30, 9), (20, 9)])
    assert starts("trtllm", requests) == [0, 9, 0, 0]


def test_a_run_of_replicas_can_be_cancelled() -> None:
    requests = requests_of([(4, 4)] * 100)
    with pytest.raises(Cancelled, match="of 100 requests left"):
        run_replicas(requests, LinearSteps(), settings_of(), 2, progress=lambda share: share < 0.5)


def test_more_replicas_never_end_later_under_a_burst() -> None:
    requests = requests_of([(30, 20)] * 64)
    ends = [
        run_replicas(requests, LinearSteps(token=0.01), settings_of(), count).duration_s
        for count in (1, 2, 4, 8)
    ]
    assert ends == sorted(ends, reverse=True)


PLANS = (("deepseek_v3", "H200_141GB", 8, 1), ("qwen3_30b_a3b", "H100_80GB", 4, 1))


def test_the_closed_form_agrees() -> None:
    """TPOT within 7 % at the median and 20 % at p90, TTFT within 15 and 50 %.

    That is more than of one replica: the closed form takes replicas to read prompts at the same
    time, and here each waits for whoever reads.
    """
    random = np.random.default_rng(5)
    misses = []
    for at in range(24):
        model, device, ep, tp = PLANS[at % 2]
        engine = ("vllm", "sglang", "trtllm")[at % 3]
        in_flight = int(ep * 2 ** random.uniform(1.5, 6))
        inputs, outputs = int(2 ** random.uniform(5, 11)), int(2 ** random.uniform(6, 9))
        lengths = {"input_tokens": inputs, "output_tokens": outputs}
        said = estimate_serving_performance(
            model, in_flight, **lengths, system_name=device, tensor_parallel=tp,
            expert_parallel=ep, engine=engine,
        )  # fmt: skip
        drawn = {
            name: UniformLengths(tokens=one, range_ratio=1 / 9) for name, one in lengths.items()
        }
        seen = simulate(
            model, device, tp=tp, ep=ep, engine=engine, concurrency=in_flight,
            num_prompts=10 * in_flight, seed=at, **drawn,
        ).summary  # fmt: skip
        misses.append(
            (
                said["tpot_ms"] / seen["tpot_mean_s"] / 1e3,
                said["ttft_ms"] / seen["ttft_mean_s"] / 1e3,
            )
        )
    tpot, ttft = np.abs(np.array(misses) - 1).T
    assert np.median(tpot) < 0.07
    assert np.quantile(tpot, 0.9) < 0.2
    assert np.median(ttft) < 0.15
    assert np.quantile(ttft, 0.9) < 0.5


def test_replicas_of_a_plan_have_caches_and_places_of_their_own() -> None:
    asked = {"input_tokens": 500, "output_tokens": 50, "concurrency": 64, "num_prompts": 128}
    found = simulate("qwen3_30b_a3b", "H100_80GB", ep=4, max_num_seqs=8, **asked)
    assert found.timeline["running"].max() == 32
    as_said = simulate("qwen3_30b_a3b", "H100_80GB", ep=4, attention_dp=4, max_num_seqs=8, **asked)
    assert as_said.summary == found.summary
    shared = simulate("qwen3_30b_a3b", "H100_80GB", tp=4, ep=4, **asked)
    assert shared.settings.kv_blocks > found.settings.kv_blocks


@pytest.mark.parametrize("sequences", [1, 8, 64, 200])
def test_a_step_of_which_all_hold_the_same_is_that_of_the_cost_model(sequences: int) -> None:
    server = make_server(
        "deepseek_v3", "H200_141GB", "checkpoint", Widths(ep=8), find_engine("vllm", "0.11"), 0.9,
        ServerOptions(),
    )  # fmt: skip
    model, hardware, precision, _, efficiency = server.case
    requests = draw_requests(
        256, rate=1, input_lengths=FixedLengths(tokens=3000), output_lengths=FixedLengths(tokens=1)
    )
    times = server.step_times(requests, server.settings(requests))
    grid = make_grid(
        (Layout(tp=1, ep=8, attention_dp=8),), batches=(sequences,), inputs=(1000,), outputs=(1,),
        engine="vllm",
    )  # fmt: skip
    each = np.full((1, 1, 1, 1), float(sequences))
    together = pass_of(
        model.hidden, grid, precision, requests=each, on_all_replicas=8 * each, decode=True
    )
    expected = pass_times(model, sections(model, together), hardware, efficiency).device_s.item()
    shared = times.stage_seconds(8 * sequences, reads=False)
    found = times.decode(sequences, sequences * 1000, shared) - efficiency.step_s
    prepared = efficiency.sequence_step_s * sequences
    assert found - prepared == pytest.approx(expected, rel=0.01)
