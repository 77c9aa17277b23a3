"""Requests one by one through a plan: what the public functions add to the simulator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import (
    Cancelled,
    FixedLengths,
    LognormalLengths,
    UniformLengths,
    draw_conversations,
    estimate_serving_performance,
    find_slo_plan,
    load_curve,
    simulate,
    slo_plans,
    slo_replicas,
)
from llmcalc_core.calibration.constants import fitted

PLAN: dict[str, Any] = {"model": "llama3_8b", "hardware": "H100_80GB"}
CHAT: dict[str, Any] = {**PLAN, "num_prompts": 200, "input_tokens": 400, "output_tokens": 60}


def test_one_request_on_an_idle_server_takes_its_prefill_and_its_steps() -> None:
    found = simulate(**PLAN, concurrency=1, num_prompts=3, input_tokens=400, output_tokens=60)
    alone = estimate_serving_performance("llama3_8b", 1, 400, 60, "H100_80GB")
    rows = found.requests
    assert rows["ttft_s"].to_numpy() * 1e3 == pytest.approx([alone["ttft_ms"]] * 3, rel=0.01)
    assert rows["tpot_s"].to_numpy() * 1e3 == pytest.approx([alone["tpot_ms"]] * 3, rel=0.01)
    assert (rows["e2e_s"] == rows["finish_s"] - rows["arrival_s"]).all()
    assert (rows["ttft_s"] > fitted().of("vllm", "H100_80GB")["first_token_s"]).all()


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_percentiles_rise_and_the_seed_decides(engine: str) -> None:
    asked = {**CHAT, "engine": engine, "output_tokens": LognormalLengths(mean=60, sigma=0.5)}
    first, again, other = (
        simulate(**asked, request_rate=20, seed=seed).summary for seed in (1, 1, 2)
    )
    assert first == again != other
    for latency in ("ttft", "tpot", "itl", "e2e"):
        levels = [first[f"{latency}_p{level}_s"] for level in (50, 90, 95, 99)]
        assert levels == sorted(levels)
    busy = simulate(**asked, request_rate=60, seed=1).summary
    assert busy["ttft_p99_s"] > first["ttft_p99_s"]
    assert busy["tpot_mean_s"] > first["tpot_mean_s"]


def test_a_frame_of_requests_is_served_as_it_says() -> None:
    frame = pd.DataFrame(
        {
            "arrival_s": [0.0, 0.1, 5.0],
            "input_tokens": [100, 2000, 100],
            "output_tokens": [10, 1, 5],
        }
    )
    found = simulate(**PLAN, requests=frame)
    assert found.requests["arrival_s"].tolist() == [0.0, 0.1, 5.0]
    assert found.requests["output_tokens"].tolist() == [10, 1, 5]
    assert found.timeline["running"].max() <= 2
    assert math.isnan(found.requests["tpot_s"][1])  # an answer of one token


def test_a_conversation_finds_what_was_said_in_the_cache() -> None:
    turns = draw_conversations(
        40, sessions=4, system_prompt_tokens=320, question_lengths=FixedLengths(tokens=64),
        output_lengths=FixedLengths(tokens=32), max_context_tokens=4000, rate=4,
    )  # fmt: skip
    kept, lost = (
        simulate(**PLAN, requests=turns, prefix_caching=cached) for cached in (True, False)
    )
    assert kept.requests["cached_tokens"].iloc[-1] >= 320
    assert lost.requests["cached_tokens"].max() == 0
    assert kept.summary["ttft_mean_s"] < lost.summary["ttft_mean_s"]


def test_few_blocks_preempt_and_few_places_wait() -> None:
    asked = {**CHAT, "request_rate": 100}
    usual = simulate(**asked)
    assert usual.summary["preemptions"] == 0
    assert simulate(**asked, num_kv_blocks=200).summary["preemptions"] > 0
    narrow = simulate(**asked, max_num_seqs=4)
    assert narrow.timeline["running"].max() == 4
    assert narrow.summary["ttft_p99_s"] > 3 * usual.summary["ttft_p99_s"]
    assert simulate(**asked, max_num_batched_tokens=1024).settings.token_budget == 1024


def test_an_engine_that_schedules_ahead_hides_its_host() -> None:
    asked = {**CHAT, "request_rate": 20}
    ahead, behind = (simulate(**asked, async_scheduling=one) for one in (True, False))
    assert ahead.summary["tpot_mean_s"] < behind.summary["tpot_mean_s"]
    assert (ahead.settings.steps_ahead, behind.settings.steps_ahead) == (1, 0)


def test_goodput_counts_what_keeps_the_limits() -> None:
    found = simulate(**CHAT, request_rate=30)
    kept = (found.requests["ttft_s"] <= 0.05) & (found.requests["tpot_s"] <= 0.012)
    assert found.goodput(ttft_s=0.05, tpot_s=0.012) == pytest.approx(
        kept.sum() / found.outcome.duration_s
    )
    assert found.goodput() == pytest.approx(found.summary["requests_per_s"])


def test_a_share_of_prompts_is_found_in_the_cache() -> None:
    asked = {**CHAT, "request_rate": 20, "input_tokens": 1600}
    plain, half = (simulate(**asked, prefix_hit_rate=share) for share in (0.0, 0.5))
    assert (plain.requests["cached_tokens"] == 0).all()
    assert (half.requests["cached_tokens"].iloc[1:] == 800).all()
    assert half.summary["ttft_mean_s"] < 0.8 * plain.summary["ttft_mean_s"]
    said = estimate_serving_performance(
        "llama3_8b", input_tokens=1600, output_tokens=60, system_name="H100_80GB",
        request_rate=20, prefix_hit_rate=0.5,
    )  # fmt: skip
    assert said["tpot_ms"] == pytest.approx(half.summary["tpot_mean_s"] * 1e3, rel=0.05)
    assert said["ttft_ms"] == pytest.approx(half.summary["ttft_mean_s"] * 1e3, rel=0.15)
    none = simulate(**asked, prefix_hit_rate=0.5, prefix_caching=False)
    assert none.summary == plain.summary
    rate = asked.pop("request_rate")
    curve = load_curve(**asked, request_rates=[rate], prefix_hit_rate=0.5)
    assert curve["ttft_p95_s"][0] == pytest.approx(half.summary["ttft_p95_s"], rel=1e-12)


def test_adapters_and_offloaded_weights_cost_time() -> None:
    asked = {**CHAT, "request_rate": 10}
    plain = simulate(**asked).summary["tpot_mean_s"]
    adapted = simulate(**asked, lora_adapters=4).summary["tpot_mean_s"]
    away = simulate(**asked, weights_offload=0.2).summary["tpot_mean_s"]
    assert plain < adapted < away
    assert simulate(**asked, prefill_chunk_tokens=1024).settings.token_budget == 1024


def test_a_load_curve_goes_to_the_knee() -> None:
    curve = load_curve(**(CHAT | {"num_prompts": 800}), ttft_limit_s=0.1)
    assert len(curve) == 12
    assert curve["request_rate"].is_monotonic_increasing
    assert curve["overloaded"].tolist()[:6] == [False] * 6
    assert curve["overloaded"].iloc[-1]
    assert curve["ttft_p99_s"].iloc[-1] > 2 * curve["ttft_p99_s"].iloc[0]
    assert (curve["goodput"] <= curve["requests_per_s"] * (1 + 1e-12)).all()
    one = load_curve(**CHAT, request_rates=[20], ttft_limit_s=0.1).iloc[0]
    single = simulate(**CHAT, request_rate=20)
    assert one["ttft_p95_s"] == pytest.approx(single.summary["ttft_p95_s"], rel=1e-12)


def test_a_burst_at_the_end_of_a_run_is_no_overload() -> None:
    asked = {"model": "llama3_70b", "hardware": "H100_80GB", "tp": 8, "engine_version": "0.11"}
    rates = [5.0, 6.4, 9.5]
    short, long = (
        load_curve(**asked, request_rates=rates, num_prompts=count) for count in (1000, 5000)
    )
    assert short["overloaded"].tolist() == long["overloaded"].tolist() == [False, False, True]
    # where it keeps up, five times as many requests wait no longer
    assert (long["ttft_p50_s"] / short["ttft_p50_s"] < 1.1).tolist() == [True, True, False]
    whole = load_curve(**asked)
    at = whole["overloaded"].to_numpy().argmax()
    assert whole["request_rate"][at] > 7.0, "it serves some 8 a second"
    alone = load_curve(**asked, request_rates=[whole["request_rate"][at]])
    assert alone["overloaded"][0]


def test_a_rate_in_the_estimate_is_that_of_the_simulator() -> None:
    for rate in (5, 40):
        lengths = {"input_tokens": 400, "output_tokens": 60}
        said = estimate_serving_performance(
            "llama3_8b", **lengths, system_name="H100_80GB", request_rate=rate
        )
        seen = simulate(**PLAN, **lengths, num_prompts=1500, request_rate=rate).summary
        assert not said["overloaded"]
        assert said["tpot_ms"] == pytest.approx(seen["tpot_mean_s"] * 1e3, rel=0.05)
        assert said["ttft_ms"] == pytest.approx(seen["ttft_mean_s"] * 1e3, rel=0.15)
        assert said["running"] == pytest.approx(rate * said["e2e_latency_ms"] / 1e3, rel=1e-2)
    over = estimate_serving_performance(
        "llama3_8b", input_tokens=400, output_tokens=60, system_name="H100_80GB", request_rate=1e4
    )  # fmt: skip
    assert (over["overloaded"], over["ttft_ms"]) == (True, math.inf)
    some = estimate_serving_performance(
        "llama3_8b", input_tokens=400, output_tokens=60, system_name="H100_80GB", request_rate=1e4,
        num_prompts=1000,
    )  # fmt: skip
    assert 1e3 < some["ttft_ms"] < math.inf


def test_a_percentile_is_kept_by_attention_replicas_and_pipelines() -> None:
    asked: dict[str, Any] = {
        "hardware": "H100_80GB", "requests_per_s": 4, "tpot_limit_s": 0.1, "input_tokens": 300,
        "output_tokens": 60, "percentile": 0.9,
    }  # fmt: skip
    wide = find_slo_plan("qwen3_30b_a3b", replica_devices=[4], **asked).iloc[0]
    assert wide["rejected_for"] == ""
    # Two devices of 24 GB hold 14 GB of weights each only as stages or tensor parallel.
    narrow = find_slo_plan(
        "llama2_13b", replica_devices=[2], **(asked | {"hardware": "RTX_4090"})
    ).iloc[0]
    assert narrow["rejected_for"] == ""
    assert narrow["tpot_s"] <= 0.1


def test_prefixes_that_are_found_let_a_replica_serve_more_within_a_percentile() -> None:
    asked: dict[str, Any] = {
        **PLAN, "requests_per_s": 60, "ttft_limit_s": 0.2, "input_tokens": 2000,
        "output_tokens": 60, "replica_devices": 1, "percentile": 0.9,
    }  # fmt: skip
    plain, found = (find_slo_plan(**asked, prefix_hit_rate=share).iloc[0] for share in (0, 0.8))
    assert found["replica_requests_per_s"] > 1.5 * plain["replica_requests_per_s"]
    assert found["devices"] < plain["devices"]
    with pytest.raises(ValueError, match="offload_to_fit must be left out of a simulation"):
        find_slo_plan(**asked, offload_to_fit=True)


def test_the_queue_of_an_overloaded_server_is_as_long_as_the_run() -> None:
    asked = {"input_tokens": 100, "output_tokens": 400, "system_name": "H100_80GB"}
    # Each request waits longer than the one before it by what it takes the longer to be served than
    # to come: the first not at all, so that the mean of n waits (n - 1) / 2 such times.
    found = [
        estimate_serving_performance("llama3_8b", **asked, request_rate=1e4, num_prompts=count)
        for count in (1, 2, 101)
    ]
    served = found[0]["requests_per_s"]
    longer = 1e3 / served - 1e3 / 1e4
    waited = [one["ttft_ms"] - found[0]["ttft_ms"] for one in found]
    assert waited == pytest.approx([0, longer / 2, 50 * longer], rel=1e-6)
    # It is overloaded from there on.
    for share, overloaded in ((0.999, False), (1.001, True)):
        near = estimate_serving_performance("llama3_8b", **asked, request_rate=share * served)
        assert near["overloaded"] is overloaded


def test_a_stricter_percentile_never_needs_fewer_devices() -> None:
    asked: dict[str, Any] = {
        "model": "llama3_8b", "hardware": "H100_80GB", "requests_per_s": 60, "ttft_limit_s": 0.2,
        "tpot_limit_s": 0.03, "input_tokens": 500, "output_tokens": 100, "replica_devices": 1,
    }  # fmt: skip
    needed = [find_slo_plan(**asked, percentile=level)["devices"][0] for level in (0.5, 0.9, 0.99)]
    assert needed == sorted(needed)
    plan = find_slo_plan(**asked, percentile=0.9).iloc[0]
    assert plan["ttft_s"] <= 0.2
    assert plan["tpot_s"] <= 0.03
    late = find_slo_plan(**(asked | {"ttft_limit_s": 0.06, "tpot_limit_s": None}), percentile=0.9)
    assert late["ttft_s"][0] <= 0.06
    assert find_slo_plan(**asked, price_per_hour=7.0)["cost_usd_per_hour"][0] % 7.0 == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"request_rate": 0}, "rate must be"),
        ({"request_rate": -1.0}, "rate must be"),
        ({"request_rate": math.nan}, "rate must be"),
        ({}, "exactly one of rate and concurrency"),
        ({"request_rate": 1, "concurrency": 2}, "exactly one of rate and concurrency"),
        ({"request_rate": 1, "num_prompts": 10**7}, r"num_prompts must be .* at most 2000000"),
        (
            {"request_rate": 1, "speculative_tokens": 2, "acceptance_rate": 0.5},
            "speculative_tokens",
        ),
        ({"request_rate": 1, "offload_to_fit": True}, "offload_to_fit must be left out"),
        (
            {"request_rate": 1, "max_num_batched_tokens": 2048, "prefill_chunk_tokens": 1024},
            "prefill_chunk_tokens must be None",
        ),
        (
            {
                "requests": pd.DataFrame(
                    {"arrival_s": [0.0], "input_tokens": 9, "output_tokens": 9}
                ),
                "prefix_hit_rate": 0.5,
            },
            "prefix_hit_rate must be 0",
        ),
        ({"request_rate": 1, "engine": "lmdeploy"}, "engine must be"),
        ({"request_rate": 1, "ep": 8}, "experts|expert|ep"),
        ({"request_rate": 1, "num_kv_blocks": 2}, "fit into the KV cache"),
        ({"request_rate": 1, "max_num_seqs": 0}, "max_num_seqs must be"),
        ({"requests": pd.DataFrame({"arrival_s": [0.0]})}, "input_tokens"),
        (
            {
                "requests": pd.DataFrame(
                    {"arrival_s": [1.0, 0.0], "input_tokens": 9, "output_tokens": 9}
                )
            },
            "order",
        ),
        (
            {
                "requests": pd.DataFrame(
                    {"arrival_s": [0.0, np.nan], "input_tokens": 9, "output_tokens": 9}
                )
            },
            "arrival_s",
        ),
    ],
)
def test_bad_input_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulate(**({**CHAT} | wrong))


def test_bad_rates_and_percentiles_are_refused() -> None:
    with pytest.raises(ValueError, match="request_rates must"):
        load_curve(**CHAT, request_rates=[])
    with pytest.raises(ValueError, match="request_rates must"):
        load_curve(**CHAT, request_rates=[1.0, -2.0])
    with pytest.raises(ValueError, match="level must"):
        simulate(**CHAT, request_rate=1).percentile("ttft", 95)
    with pytest.raises(ValueError, match="percentile must"):
        find_slo_plan(**PLAN, requests_per_s=1, percentile=95)
    with pytest.raises(ValueError, match="concurrency must be None"):
        estimate_serving_performance(concurrency=3, request_rate=2)


def test_a_long_run_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        simulate(**CHAT, request_rate=20, progress=lambda done: done < 0.3)
    with pytest.raises(Cancelled):
        load_curve(**CHAT, progress=lambda done: done < 0.3)
    told: list[float] = []
    load_curve(**CHAT, request_rates=[5, 10], progress=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < 0.05
    assert 0.95 < told[-1] <= 1
    assert 0.4 < told[len(told) // 2] < 0.6
    with pytest.raises(Cancelled, match="with 2 of 3 layouts left"):
        slo_replicas(
            **PLAN, percentile=0.9, replica_devices=[1, 2], progress=lambda done: done < 0.3
        )


def test_a_device_on_which_nothing_fits_is_a_row_at_a_percentile_too() -> None:
    asked = {"model": "llama3_70b", "hardware": ["H100_80GB", "T4"], "replica_devices": [1, 4]}
    frame = find_slo_plan(**asked, requests_per_s=2, percentile=0.9, input_tokens=200)
    assert frame["hardware"].tolist() == ["H100_80GB", "T4"]
    assert frame["rejected_for"].tolist() == ["", "memory"]
    mean = find_slo_plan(**asked, requests_per_s=2, input_tokens=200)
    assert frame.dtypes.equals(mean.dtypes)
    pd.testing.assert_series_equal(frame.iloc[1], mean.iloc[1])


def test_what_replicas_carry_does_not_depend_on_the_load() -> None:
    asked = {
        "model": "llama3_8b", "hardware": ["H100_80GB", "L40S"], "percentile": 0.9,
        "tpot_limit_s": 0.03, "replica_devices": 1,
    }  # fmt: skip
    shares: list[float] = []
    replicas = slo_replicas(**asked, progress=shares.append)
    assert shares == [step / len(replicas) for step in range(len(replicas))]
    for load in (3, 70):
        pd.testing.assert_frame_equal(
            slo_plans(replicas, load), find_slo_plan(requests_per_s=load, **asked)
        )


def test_lengths_are_drawn_around_their_mean() -> None:
    found = simulate(
        **PLAN, request_rate=50, num_prompts=300, output_tokens=20,
        input_tokens=UniformLengths(tokens=100, range_ratio=0.2),
    )  # fmt: skip
    lengths = found.requests["input_tokens"]
    assert lengths.between(80, 120).all()
    assert lengths.nunique() > 20


def test_a_percentile_lies_in_its_band_and_is_the_sum_of_its_parts() -> None:
    found = find_slo_plan(
        "llama3_8b", "H100_80GB", 5, ttft_limit_s=0.5, tpot_limit_s=0.03, percentile=0.95,
        input_tokens=1000, output_tokens=200,
    ).iloc[0]  # fmt: skip
    for name in ("ttft", "tpot"):
        assert found[f"{name}_low_s"] < found[f"{name}_s"] < found[f"{name}_high_s"]
    parts = ("gemm_s", "attention_s", "communication_s", "memory_traffic_s", "overhead_s")
    assert sum(found[part] for part in parts) == pytest.approx(found["tpot_s"])
