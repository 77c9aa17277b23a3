"""Small runs by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.steps import Cancelled, FormedStep
from llmcalc_core.workload.requests import Requests
from tests.core.simulated import LinearSteps, one_by_one, requests_of, settings_of

SECOND = LinearSteps()


def ran(requests: Requests, **changes: object) -> tuple[Outcome, list[FormedStep]]:
    formed: list[FormedStep] = []
    return run(requests, SECOND, settings_of(**changes), formed=formed), formed


def test_a_request_alone_takes_a_step_per_token() -> None:
    outcome, formed = ran(requests_of([(10, 5)], arrival_s=[2.0]))
    assert [step.steps for step in formed] == [1, 4]
    assert outcome.start_s.tolist() == [2.0]
    assert outcome.first_token_s.tolist() == [3.0]
    assert outcome.finish_s.tolist() == [7.0]
    assert outcome.steps == 5


def test_steps_at_once_take_the_time_of_longer_and_longer_contexts() -> None:
    outcome = run(requests_of([(10, 4)]), LinearSteps(context=0.1), settings_of())
    # A prompt alone: 1 s. Then contexts of 10, 11 and 12 tokens: 2 + 2.1 + 2.2 s.
    assert outcome.finish_s[0] == pytest.approx(7.3, rel=1e-12)


def test_running_requests_come_first_and_the_last_prompt_is_cut_at_the_budget() -> None:
    _, formed = ran(requests_of([(8, 2), (8, 2), (8, 2)]), token_budget=10)
    assert one_by_one(formed) == [
        ((), ((0, 8, 0), (1, 2, 0))),
        ((0,), ((1, 6, 2), (2, 3, 0))),
        ((1,), ((2, 5, 3),)),
        ((2,), ()),
    ]


def test_a_long_prompt_is_read_in_chunks() -> None:
    outcome, formed = ran(requests_of([(25, 1)]), token_budget=10)
    assert one_by_one(formed) == [((), (chunk,)) for chunk in [(0, 10, 0), (0, 10, 10), (0, 5, 20)]]
    assert outcome.ttft_s.tolist() == [3.0]
    assert math.isnan(outcome.tpot_s[0])


def test_a_request_is_seen_by_the_step_that_starts_after_it_came() -> None:
    lengths = [(4, 100), (4, 2)]
    outcome, _ = ran(requests_of(lengths, arrival_s=[0.0, 10.5]))
    assert outcome.start_s.tolist() == [0.0, 11.0]
    outcome, _ = ran(requests_of(lengths, arrival_s=[0.0, 10.0]))
    assert outcome.start_s.tolist() == [0.0, 10.0]
    outcome, _ = ran(requests_of(lengths, arrival_s=[0.0, 10.5]), steps_ahead=1)
    assert outcome.start_s.tolist() == [0.0, 12.0]


def test_a_request_is_seen_in_time_though_steps_grow_longer() -> None:
    # After a second for the prompt, steps of 11, 12, 13 and 14 s: they end at 12, 24, 37 and 51 s.
    for came, starts in ((0.9, 1), (11, 12), (23, 24), (36.9, 37), (38, 51)):
        requests = requests_of([(10, 9), (1, 1)], arrival_s=[0.0, came])
        outcome = run(requests, LinearSteps(context=1.0), settings_of())
        assert outcome.start_s[1] == pytest.approx(starts, rel=1e-12)


def test_for_want_of_blocks_the_last_request_waits_again_and_is_computed_anew() -> None:
    outcome, formed = ran(requests_of([(4, 6), (4, 6)]), kv_blocks=4)
    # Each has two blocks when both have computed eight tokens, and both want a third one. The first
    # one gets it from the second, whose prompt and five tokens answered are computed again.
    assert [step.preempted for step in formed] == [(), (), (1,), ()]
    assert one_by_one(formed) == [
        ((), ((0, 4, 0), (1, 4, 0))),
        *[((0, 1), ())] * 4,
        ((0,), ()),
        ((), ((1, 9, 0),)),
    ]
    assert outcome.preemptions.tolist() == [0, 1]
    assert outcome.finish_s.tolist() == [6.0, 7.0]
    # Four gaps of a second for both, one for the first, and one of two seconds.
    assert outcome.mean("itl") == pytest.approx((9 * 1 + 2) / 10, rel=1e-12)


def test_a_preempted_request_finds_its_own_blocks_in_the_prefix_cache() -> None:
    _, formed = ran(requests_of([(4, 6), (4, 6)]), kv_blocks=4, prefix_caching=True)
    # It had filled two blocks. The first request took what was free first: one of these.
    assert formed[-1].chunks == ((1, 5, 4),)


def test_no_more_run_than_max_num_seqs_and_places_are_free_a_step_later_when_a_step_ahead() -> None:
    lengths = [(4, 2), (4, 4), (4, 2)]
    _, formed = ran(requests_of(lengths), max_num_seqs=2)
    assert [step[1] for step in one_by_one(formed)][2] == ((2, 4, 0),)
    _, formed = ran(requests_of(lengths), max_num_seqs=2, steps_ahead=1)
    assert one_by_one(formed)[2:4] == [((1,), ()), ((1,), ((2, 4, 0),))]


def test_prompts_find_the_whole_blocks_that_they_share_but_compute_their_last_token() -> None:
    shared = requests_of([(10, 2), (10, 2)], prefix=[0, 0], prefix_tokens=[9, 9])
    outcome, formed = ran(shared, prefix_caching=True)
    assert formed[0].chunks == ((0, 10, 0), (1, 2, 8))
    assert outcome.cached_tokens.tolist() == [0, 8]
    equal = requests_of([(8, 2), (8, 2)], prefix=[0, 0], prefix_tokens=[8, 8])
    assert ran(equal, prefix_caching=True)[0].cached_tokens.tolist() == [0, 4]
    assert ran(equal)[0].cached_tokens.tolist() == [0, 0]


def test_idle_blocks_are_forgotten_when_others_want_the_memory() -> None:
    came = [0.0, 10.0, 20.0]
    lengths, prefix, shared = [(12, 1), (28, 1), (12, 1)], [0, -1, 0], [12, 0, 12]
    for blocks, found in ((10, 8), (8, 4), (7, 0)):
        requests = requests_of(lengths, arrival_s=came, prefix=prefix, prefix_tokens=shared)
        outcome, _ = ran(requests, kv_blocks=blocks, prefix_caching=True)
        # Of three blocks, those at the end go first.
        assert outcome.cached_tokens.tolist() == [0, 0, found]


def test_a_turn_waits_for_the_answer_before_it_and_finds_it_in_the_cache() -> None:
    turns = requests_of([(8, 9), (20, 2)], arrival_s=[0, 1], conversation=[0, 0], after=[-1, 0])
    outcome, _ = ran(turns, prefix_caching=True)
    assert outcome.arrival_s.tolist() == [0.0, 9.0]
    # Eight tokens in and eight of the answer are computed; its last one is not.
    assert outcome.cached_tokens.tolist() == [0, 16]


def test_a_closed_loop_sends_a_request_when_one_ends() -> None:
    outcome, _ = ran(requests_of([(4, 3), (4, 5), (4, 1), (4, 1), (4, 1)], concurrency=2))
    assert outcome.arrival_s.tolist() == [0, 0, 3, 4, 5]
    assert outcome.finish_s.tolist() == [3, 5, 4, 5, 6]
    assert outcome.running.max() == 2


def test_sglang_reads_prompts_alone_and_the_others_wait() -> None:
    came = [0.0, 2.5]
    outcome, formed = ran(requests_of([(4, 6), (20, 2)], arrival_s=came), policy="sglang")
    assert one_by_one(formed) == [
        ((), ((0, 4, 0),)),
        *[((0,), ())] * 2,
        ((), ((1, 20, 0),)),
        ((0, 1), ()),
        *[((0,), ())] * 2,
    ]
    # One of the gaps is two steps long.
    assert sorted(np.repeat(outcome.gap_s, outcome.gap_count)) == [1, 1, 1, 1, 1, 2]


def test_sglang_finds_what_earlier_steps_have_computed() -> None:
    came, prefix, shared = [0.0, 0.0, 1.0], [0, 0, 0], [9, 9, 9]
    requests = requests_of([(10, 2)] * 3, arrival_s=came, prefix=prefix, prefix_tokens=shared)
    outcome, _ = ran(requests, policy="sglang", prefix_caching=True)
    assert outcome.cached_tokens.tolist() == [0, 0, 8]


def test_sglang_keeps_room_for_the_whole_answer_of_a_new_request() -> None:
    # 4 + 20 + 4 tokens of 52 are expected at first, 0.7 * 20 of them once it runs.
    requests = requests_of([(4, 20), (4, 20)])
    assert len(ran(requests, policy="sglang", kv_blocks=16)[1][0].chunks) == 2
    assert len(ran(requests, policy="sglang", kv_blocks=13)[1][0].chunks) == 1


@pytest.mark.parametrize(("came", "loses"), [(0.5, 0), (4.5, 1)])
def test_sglang_retracts_who_has_answered_least_or_has_the_longest_prompt(
    came: float, loses: int
) -> None:
    requests = requests_of([(40, 400), (4, 400)], arrival_s=[0.0, came])
    outcome, formed = ran(requests, policy="sglang", kv_blocks=190)
    assert next(step.preempted for step in formed if step.preempted) == (loses,)
    assert outcome.preemptions[loses] == 1


def test_tensorrt_llm_lets_nobody_in_whose_answer_has_no_room() -> None:
    requests = requests_of([(4, 4), (4, 4), (4, 4)])
    outcome, formed = ran(requests, policy="trtllm", kv_blocks=5)
    assert len(formed[0].chunks) == 2
    assert outcome.start_s.tolist() == [0, 0, 4]
    assert outcome.preemptions.sum() == 0


def test_tensorrt_llm_reads_prompts_whole_unless_one_is_longer_than_the_budget() -> None:
    _, formed = ran(requests_of([(6, 1), (6, 1)]), policy="trtllm", token_budget=10)
    assert [step.chunks for step in formed] == [((0, 6, 0),), ((1, 6, 0),)]
    _, formed = ran(requests_of([(6, 1), (11, 1)]), policy="trtllm", token_budget=10)
    assert [step.chunks for step in formed] == [((0, 6, 0), (1, 4, 0)), ((1, 7, 4),)]


def test_a_request_longer_than_the_cache_is_refused_before_anything_runs() -> None:
    rule = r"at most 17 tokens \(4 blocks\), got request 1 with 10 tokens in and 8 out"
    with pytest.raises(ValueError, match=rule):
        ran(requests_of([(4, 4), (10, 8)]), kv_blocks=4)


def test_a_run_tells_how_far_it_is_and_can_be_cancelled() -> None:
    shares: list[float] = []
    requests = requests_of([(4, 4)] * 100, arrival_s=list(range(100)))
    run(requests, SECOND, settings_of(), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with pytest.raises(Cancelled, match="of 100 requests left"):
        run(requests, SECOND, settings_of(), progress=lambda share: share < 0.5)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"policy": "vlm"}, "policy must be one of .*did you mean 'vllm'"),
        ({"token_budget": 4}, "nearest valid max_num_seqs is 4"),
        ({"policy": "sglang", "token_budget": 3}, "nearest valid token_budget is 4"),
        ({"kv_blocks": 0}, "kv_blocks must be a whole number of at least 1"),
        ({"steps_ahead": 2}, "nearest valid value is 1"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        settings_of(**changes)
