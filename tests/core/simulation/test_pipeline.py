"""A pipeline by hand, its limits and the closed form; beside vLLM's own: test_vllm_truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings

from llmcalc_core import UniformLengths, estimate_serving_performance, simulate
from llmcalc_core.simulation.pipeline import run_pipeline
from llmcalc_core.simulation.steps import Cancelled
from tests.core.simulated import EqualStages, LinearSteps, requests_of, settings_of
from tests.core.simulation.test_scheduler_laws import STEPS, Case, cases

SECOND = EqualStages(LinearSteps(), 2)


def test_a_request_alone_goes_through_all_stages_for_each_token() -> None:
    found = run_pipeline(requests_of([(10, 3)]), SECOND, settings_of(), 2)
    assert found.first_token_s.tolist() == [2.0]
    assert found.finish_s.tolist() == [6.0]


def test_two_micro_batches_share_the_stages() -> None:
    # A budget for one prompt: the second goes with the next step, a stage behind.
    requests = requests_of([(10, 3), (10, 3)])
    found = run_pipeline(requests, SECOND, settings_of(token_budget=10), 2)
    assert found.first_token_s.tolist() == [2.0, 3.0]
    assert found.finish_s.tolist() == [6.0, 7.0]
    # With room for both there is one micro batch, and half of the pipeline is idle.
    found = run_pipeline(requests, SECOND, settings_of(), 2)
    assert found.finish_s.tolist() == [6.0, 6.0]


def test_a_step_waits_behind_a_longer_one_at_every_stage() -> None:
    # A prompt of 100 s a stage, then one of 1 s: it leaves the last stage a second after it.
    steps = EqualStages(LinearSteps(base=0.0, token=1.0), 2)
    requests = requests_of([(100, 1), (1, 1)])
    found = run_pipeline(requests, steps, settings_of(token_budget=100), 2)
    assert found.finish_s.tolist() == [200.0, 201.0]


@dataclass(frozen=True)
class Uneven:
    """Three stages, of which one takes four seconds and the way through all six."""

    def seconds(self, *_: object) -> tuple[float, float]:
        return 4.0, 6.0


def test_the_slowest_stage_sets_the_pace() -> None:
    requests = requests_of([(10, 1)] * 3)
    found = run_pipeline(requests, Uneven(), settings_of(token_budget=10), 3)
    assert found.finish_s.tolist() == [6.0, 10.0, 14.0]


def test_a_step_ahead_waits_for_the_tokens_that_it_goes_on_from() -> None:
    settings = settings_of(steps_ahead=1)
    found = run_pipeline(requests_of([(10, 5)]), SECOND, settings, 2)
    assert found.finish_s.tolist() == [10.0]


@pytest.mark.parametrize("stages", [2, 4])
@given(case=cases())
@hypothesis_settings(max_examples=30, deadline=None)
def test_limits_hold_and_nothing_is_lost(case: Case, stages: int) -> None:
    requests, settings = case
    assume(settings.policy != "sglang")
    found = run_pipeline(requests, EqualStages(STEPS, stages), settings, stages)
    assert found.running.max() <= settings.max_num_seqs
    assert found.used_blocks.max() <= settings.kv_blocks
    assert found.used_blocks.min() >= 0
    assert found.gap_count.sum() == (requests.output_tokens - 1).sum()
    spent = (found.finish_s - found.first_token_s).sum()
    assert (found.gap_s * found.gap_count).sum() == pytest.approx(spent, rel=1e-9, abs=1e-9)
    assert (found.arrival_s <= found.start_s + 1e-12).all()
    assert (found.start_s < found.first_token_s).all()
    assert (found.first_token_s <= found.finish_s).all()


def test_a_prompt_read_again_and_preempted_once_more_keeps_when_its_last_token_came() -> None:
    settings = settings_of(token_budget=4, kv_blocks=8, block_tokens=4, max_num_seqs=4)
    requests = requests_of([(5, 9), (7, 11), (11, 8)])
    found = run_pipeline(requests, EqualStages(STEPS, 2), settings, 2)
    assert found.preemptions.max() > 1
    spent = (found.finish_s - found.first_token_s).sum()
    assert (found.gap_s * found.gap_count).sum() == pytest.approx(spent)


def test_a_run_can_be_cancelled() -> None:
    requests = requests_of([(4, 4)] * 100)
    with pytest.raises(Cancelled, match="of 100 requests left"):
        run_pipeline(requests, SECOND, settings_of(), 2, progress=lambda share: share < 0.5)


@pytest.mark.parametrize("engine", ["vllm", "trtllm"])
def test_the_closed_form_agrees_where_prompts_are_short(engine: str) -> None:
    """Steady decoding of 48 or more on two stages: TPOT within 5 %.

    Where prompts are long, all micro batches behind one wait at every stage for it, which the
    closed form takes to be divided by the stages; where few run, they may all be in one.
    """
    for in_flight, inputs, outputs in ((64, 200, 500), (256, 100, 400)):
        said = estimate_serving_performance(
            "llama3_70b", in_flight, inputs, outputs, "H100_80GB", "bf16", 2, 2, engine=engine
        )
        drawn = {
            name: UniformLengths(tokens=tokens, range_ratio=1 / 9)
            for name, tokens in (("input_tokens", inputs), ("output_tokens", outputs))
        }
        seen = simulate(
            "llama3_70b", "H100_80GB", precision="bf16", tp=2, pp=2, engine=engine,
            concurrency=in_flight, num_prompts=10 * in_flight, **drawn,
        ).summary  # fmt: skip
        assert said["tpot_ms"] == pytest.approx(seen["tpot_mean_s"] * 1e3, rel=0.06)
        assert said["ttft_ms"] == pytest.approx(seen["ttft_mean_s"] * 1e3, rel=0.2)


def test_one_request_takes_the_time_of_its_passes() -> None:
    alone = {"concurrency": 1, "num_prompts": 3, "input_tokens": 300, "output_tokens": 40}
    found = simulate("llama3_70b", "H100_80GB", precision="bf16", tp=2, pp=2, **alone).summary
    said = estimate_serving_performance("llama3_70b", 1, 300, 40, "H100_80GB", "bf16", 2, 2)
    assert found["tpot_mean_s"] * 1e3 == pytest.approx(said["tpot_ms"], rel=0.01)


def test_pipelines_of_attention_replicas_are_refused() -> None:
    with pytest.raises(ValueError, match="one of pp and attention_dp must be 1, got 2 and 4"):
        simulate("qwen3_30b_a3b", "H100_80GB", pp=2, ep=4, request_rate=1)


def test_pipelines_of_sglang_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pp must be 1 with sglang, .* got 2"):
        simulate("llama3_8b", "H100_80GB", pp=2, engine="sglang", request_rate=1)


def test_more_stages_have_more_room() -> None:
    few, many = (
        simulate("llama3_70b", "H100_80GB", precision="bf16", tp=2, pp=pp, concurrency=4,
                 num_prompts=8, input_tokens=100, output_tokens=10).settings.kv_blocks
        for pp in (2, 4)
    )  # fmt: skip
    assert many > 2 * few
    assert np.isfinite(many)
