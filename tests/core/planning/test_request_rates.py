"""Plans to which requests come at a rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import (
    compare_hardware,
    estimate_serving_performance,
    explain,
    explore,
    make_request,
    sensitivity,
)
from llmcalc_core.planning import open_loop
from llmcalc_core.planning.engine_rules import ENGINE_REASONS
from llmcalc_core.planning.evaluation import evaluate
from llmcalc_core.simulation.in_flight import numbers_in_flight
from llmcalc_core.simulation.step_curves import Interpolation

PLAN: dict[str, Any] = {"model": "llama3_8b", "hardware": "H100_80GB", "phase": "serving"}
LENGTHS: dict[str, Any] = {"input_tokens": [200, 3000], "output_tokens": [1, 40, 900]}
RATES = [1e-4, 0.5, 2, 5, 10, 20, 40, 80, 160, 1e5]


def served(**changes: Any) -> pd.DataFrame:
    return explore(**(PLAN | {"devices": [2, 4], "request_rate": RATES} | LENGTHS | changes))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return served()


def test_as_many_are_in_flight_as_come_while_one_stays(frame: pd.DataFrame) -> None:
    kept_up = frame[frame["rejected_for"] == ""]
    assert len(kept_up) > 200
    each = kept_up["request_rate"] / kept_up["replicas"]
    in_flight = each * kept_up["e2e_latency_s"]
    plan = ["devices", "tp", "pp", "input_tokens", "output_tokens"]
    room = frame.groupby(plan)["batch"].transform("max")[kept_up.index]  # of what is overloaded
    running = np.maximum(np.ceil(in_flight * (1 - 1e-6)), 1)
    assert (running > room).mean() < 0.01  # some wait to be let in, and their places are taken
    assert (np.minimum(running, room) - kept_up["batch"]).abs().max() == 0
    assert kept_up["requests_per_s"].to_numpy() == pytest.approx(kept_up["request_rate"])


def test_a_plan_that_does_not_keep_up_is_rejected_for_its_load(frame: pd.DataFrame) -> None:
    over = frame[frame["rejected_for"] == "load"]
    assert (over["requests_per_s"] < over["request_rate"]).all()
    assert np.isinf(over["ttft_s"]).all()
    assert np.isinf(over["e2e_latency_s"]).all()
    assert np.isfinite(over["tpot_s"]).all()
    assert not over["on_front"].any()
    assert (frame.loc[frame["request_rate"] == RATES[-1], "rejected_for"] == "load").all()
    assert (frame.loc[frame["request_rate"] == RATES[0], "rejected_for"] == "").all()
    # Overloaded, it runs as many as the memory lets in with half of their answers: a closed loop.
    row = over.iloc[0]
    inputs, outputs = row["input_tokens"], row["output_tokens"]
    running = int(row["batch"] * (inputs + outputs) / (inputs + outputs / 2))
    loop = explore(
        **PLAN, devices=row["devices"], batch=running, input_tokens=inputs, output_tokens=outputs
    )
    same = loop[(loop["tp"] == row["tp"]) & (loop["pp"] == row["pp"])].iloc[0]
    assert row["tpot_s"] == pytest.approx(same["tpot_s"], rel=0.02)


def test_latencies_never_fall_as_more_requests_come(frame: pd.DataFrame) -> None:
    plan = ["devices", "tp", "pp", "input_tokens", "output_tokens"]
    for _, rows in frame.groupby(plan):
        assert rows["request_rate"].is_monotonic_increasing
        assert rows["batch"].is_monotonic_increasing
        answers = rows["output_tokens"].iloc[0] > 1  # of one token, there is no time per token
        for latency in ("ttft_s", "e2e_latency_s", *(["tpot_s"] if answers else [])):
            times = rows[latency].to_numpy()
            # Overloaded, a closed loop says how long a token takes, whose stages share evenly.
            falls = 0.95 if rows["pp"].iloc[0] == 1 or latency != "tpot_s" else 0.9
            assert (times[1:] >= times[:-1] * falls).all(), rows


def test_hardly_any_requests_meet_an_idle_server(frame: pd.DataFrame) -> None:
    rare = frame[frame["request_rate"] == RATES[0]]
    alone = explore(**PLAN, **LENGTHS, devices=[2, 4], batch=1)
    for name in ("tp", "pp", "replicas", "input_tokens", "output_tokens"):
        assert rare[name].tolist() == alone[name].tolist()
    answers = rare["output_tokens"].to_numpy() > 1
    tpot = rare["tpot_s"].to_numpy()[answers]
    assert tpot == pytest.approx(alone["tpot_s"].to_numpy()[answers], rel=1e-3)
    # An answer of one token meets a step that has begun, or has not: a millisecond.
    late = rare["e2e_latency_s"].to_numpy()
    assert late == pytest.approx(alone["e2e_latency_s"], rel=0.05, abs=1e-3)
    idle = 0.15 * 700 * rare["devices"]  # IDLE_SHARE of the design power
    assert rare["power_w"].to_numpy() == pytest.approx(idle, rel=0.01)


@pytest.mark.parametrize("rate", [0.5, 20, 1e5])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_a_row_is_what_is_estimated_of_the_plan_alone(rate: float, engine: str) -> None:
    asked = {"input_tokens": 700, "output_tokens": 150, "engine": engine}
    rows = explore("qwen3_30b_a3b", "H200_141GB", 4, phase="serving", request_rate=rate, **asked)
    for row in rows.to_dict("records"):
        said = estimate_serving_performance(
            "qwen3_30b_a3b", system_name="H200_141GB", tensor_parallel=row["tp"],
            pipeline_parallel=row["pp"], expert_parallel=row["ep"],
            attention_data_parallel=row["attention_dp"], request_rate=rate / row["replicas"],
            **asked,
        )  # fmt: skip
        if row["rejected_for"] not in ENGINE_REASONS:
            assert said["overloaded"] == (row["rejected_for"] == "load")
        assert math.ceil(said["running"]) == row["batch"]
        assert said["ttft_ms"] == pytest.approx(row["ttft_s"] * 1e3)
        assert said["tpot_ms"] == pytest.approx(row["tpot_s"] * 1e3)
        assert said["requests_per_s"] * row["replicas"] == pytest.approx(row["requests_per_s"])
        assert said["power_w"] * row["replicas"] == pytest.approx(row["power_w"], rel=1e-5)


def test_blocks_of_layouts_and_lengths_are_as_the_rows_alone() -> None:
    inputs, outputs = [100 * step for step in range(1, 81)], [8 * step for step in range(1, 41)]
    whole = served(input_tokens=inputs, output_tokens=outputs, request_rate=[3, 30], devices=2)
    some = served(
        input_tokens=inputs[::40], output_tokens=outputs[::20], request_rate=30, devices=2
    )
    own = whole.merge(some, on=["tp", "pp", "request_rate", "input_tokens", "output_tokens"])
    assert len(own) == len(some)
    for name in ("ttft_s", "tpot_s", "batch", "device_memory_bytes", "gemm_s", "power_w"):
        assert own[f"{name}_x"].to_numpy() == pytest.approx(own[f"{name}_y"].to_numpy(), rel=1e-6)


def test_a_block_has_at_least_one_layout_and_length(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_loop, "_ROWS", 1)
    pd.testing.assert_frame_equal(served(), frame)


def test_what_does_not_fit_is_rejected_for_memory() -> None:
    rows = served(model="llama3_70b", devices=[1, 4], input_tokens=100, output_tokens=10)
    assert (rows.loc[rows["devices"] == 1, "rejected_for"] == "memory").all()
    assert (rows.loc[rows["tp"] == 4, "rejected_for"] != "memory").all()


def test_limits_and_techniques_hold_at_a_rate() -> None:
    limited = served(request_rate=20, tpot_limit_s=0.007)
    over = limited["tpot_s"] > 0.007
    assert set(limited.loc[over, "rejected_for"]) == {"TPOT limit", "load"}
    assert (limited.loc[~over, "rejected_for"].isin(["", "load"])).all()
    cached = served(request_rate=20, prefix_hit_rate=[0.0, 0.8])
    hit = cached["prefix_hit_rate"] == 0.8
    assert (cached.loc[hit, "ttft_s"].to_numpy() <= cached.loc[~hit, "ttft_s"].to_numpy()).all()
    assert len(compare_hardware(served(hardware=["H100_80GB", "H200_141GB"]))) == 2


@pytest.fixture(scope="module")
def late() -> pd.DataFrame:
    return served(percentile=0.95)


def test_a_percentile_stands_beside_the_means(frame: pd.DataFrame, late: pd.DataFrame) -> None:
    for name in ("ttft", "tpot"):
        same = late[f"{name}_mean_s"].to_numpy()
        assert same == pytest.approx(frame[f"{name}_s"].to_numpy(), rel=1e-12)
    known = late[late["rejected_for"] == ""]
    assert len(known) > 200
    assert known[["ttft_s", "tpot_s", "e2e_latency_s"]].notna().all(axis=None)
    assert (known["ttft_s"] >= known["ttft_mean_s"] * 0.97).all()
    several = known[known["output_tokens"] > 1]
    assert (several["tpot_s"] >= several["tpot_mean_s"] * 0.9).all()
    least = several["ttft_mean_s"] + (several["output_tokens"] - 1) * several["tpot_mean_s"]
    assert (several["e2e_latency_s"] >= least * 0.95).all()
    usual = known[(known["output_tokens"] > 32) & (known["pp"] == 1)]
    factor = usual["ttft_high_s"] / usual["ttft_s"]
    assert factor.min() == pytest.approx(factor.max())  # one basis: the same band around it
    assert (known["ttft_high_s"] / known["ttft_s"] >= factor.max() * (1 - 1e-9)).all()
    kinds = ["gemm_s", "attention_s", "communication_s", "memory_traffic_s", "overhead_s"]
    assert known[kinds].sum(axis=1).to_numpy() == pytest.approx(known["tpot_mean_s"].to_numpy())
    over = late[frame["rejected_for"] == "load"]
    assert (over["rejected_for"] == "load").all()
    assert np.isinf(over["ttft_s"]).all()


def test_limits_and_the_front_are_about_the_percentile() -> None:
    asked: dict[str, Any] = {"request_rate": [5, 10], "input_tokens": 1000, "output_tokens": 200}
    free = served(**asked, percentile=0.95)
    limit = float(free["ttft_s"].median())
    between = (free["ttft_mean_s"] < limit) & (free["ttft_s"] > limit)
    assert between.any()
    kept = served(**asked, percentile=0.95, ttft_limit_s=limit)
    assert (kept.loc[between, "rejected_for"] == "TTFT limit").all()
    best = free[free["on_front"]].sort_values("tpot_s")
    assert best["tokens_per_s_per_device"].is_monotonic_increasing
    fastest = free.loc[free["tpot_s"].idxmin()]
    assert fastest["on_front"]


def test_percentiles_rise_with_the_rate(late: pd.DataFrame) -> None:
    plan = ["devices", "tp", "pp", "input_tokens", "output_tokens"]
    # The second request of a pipeline costs more than those after it, and a spread of its own.
    one_stage = (late["output_tokens"] > 1) & (late["pp"] == 1)
    kept_up = late[(late["rejected_for"] == "") & one_stage]
    for _, rows in kept_up.groupby(plan):
        for latency in ("ttft_s", "tpot_s", "e2e_latency_s"):
            times = rows[latency].to_numpy()
            assert (times[1:] >= times[:-1] * 0.97).all(), rows


def test_an_estimate_has_the_same_percentile() -> None:
    asked = {"input_tokens": 700, "output_tokens": 150, "percentile": 0.99}
    row = explore("llama3_8b", "H100_80GB", 1, phase="serving", request_rate=6, **asked).iloc[0]
    said = estimate_serving_performance(
        "llama3_8b", system_name="H100_80GB", request_rate=6, **asked
    )
    for told, name in (("ttft_ms", "ttft_s"), ("tpot_ms", "tpot_s"), ("e2e_latency_ms",) * 2):
        column = name.replace("_ms", "_s")
        assert said[told] == pytest.approx(row[column] * 1e3)
    assert said["ttft_mean_ms"] == pytest.approx(row["ttft_mean_s"] * 1e3)
    assert said["percentile"] == 0.99
    over = estimate_serving_performance(
        "llama3_8b", system_name="H100_80GB", request_rate=1e4, **asked
    )
    assert (over["overloaded"], over["ttft_ms"]) == (True, math.inf)


@pytest.mark.parametrize("percentile", [None, 0.99])
def test_what_a_plan_does_is_explained_at_its_rate(percentile: float | None) -> None:
    found = evaluate(make_request(**PLAN, devices=2, request_rate=[5, 10], percentile=percentile))
    row = found.frame.iloc[1]
    mean = row["tpot_s"] if percentile is None else row["tpot_mean_s"]
    assert explain(found.request, row)["time_s"].sum() == pytest.approx(mean)
    table = sensitivity(found.request, row).set_index("change")
    assert table["tpot_s"].iloc[0] == pytest.approx(row["tpot_s"])
    assert table["ttft_s"].iloc[0] == pytest.approx(row["ttft_s"])
    assert table["tokens_per_s"].iloc[0] == pytest.approx(row["tokens_per_s"])
    assert table.loc["memory bandwidth", "tpot_change"] < -0.02
    assert table.loc["memory bandwidth", "tokens_per_s_change"] == pytest.approx(0)


def test_a_row_is_read_without_the_frame() -> None:
    request = make_request(**PLAN, devices=[2, 4], request_rate=[2, 20])
    found = evaluate(request)
    for row in (0, 3, len(found.frame) - 1):
        for name in ("request_rate", "batch", "ttft_s", "requests_per_s", "rejected_for"):
            assert found.plan(row)[name] == found.frame[name].iloc[row]
    assert "request_rate" not in explore(**PLAN, devices=1, batch=1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"request_rate": 0}, "request_rate must be a finite number above 0"),
        ({"request_rate": [1.0, -2.0]}, "request_rate must be"),
        ({"request_rate": math.nan}, "request_rate must be"),
        ({"request_rate": "10"}, "request_rate must be"),
        ({"request_rate": []}, "at least one rate"),
        ({"request_rate": 1, "batch": 8}, "batch must be left out"),
        ({"request_rate": 1, "phase": "decode"}, "unless the phase is 'serving'"),
        ({"percentile": 0.9}, "percentile needs request_rate"),
        ({"batch": 8, "percentile": 0.9}, "percentile needs request_rate"),
        ({"request_rate": 1, "percentile": 0}, "above 0 and below 1"),
        ({"request_rate": 1, "percentile": 1.0}, "above 0 and below 1"),
        ({"request_rate": 1, "percentile": 99}, r"did you mean 0\.99"),
        ({"request_rate": 1, "percentile": math.nan}, "above 0 and below 1"),
        ({"request_rate": 1, "percentile": "0.9"}, "above 0 and below 1"),
    ],
)
def test_bad_rates_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_request(**(PLAN | wrong))


def test_a_percentile_of_an_estimate_needs_a_rate_without_end() -> None:
    for asked in ({}, {"request_rate": 2.0, "num_prompts": 100}):
        with pytest.raises(ValueError, match="percentile needs request_rate"):
            estimate_serving_performance("llama3_8b", percentile=0.9, **asked)


def test_numbers_between_known_ones() -> None:
    numbers = np.array(numbers_in_flight(300), float)
    assert numbers[0] == 1
    assert numbers[-1] >= 300
    squares = (numbers**2).reshape(1, -1, 1, 1)
    place = Interpolation.of(numbers, np.array([1.0, 3.5, 1e9]).reshape(3, 1, 1, 1))
    found = place.take(np.repeat(squares, 3, axis=0))
    assert found.ravel().tolist() == [1, 12.5, numbers[-1] ** 2]
    assert place.nearest(np.repeat(squares, 3, axis=0)).ravel()[0] == 1


@pytest.mark.parametrize(
    "asked",
    [
        # another stage is the fullest far beyond what fits, where plans asked beside look
        {
            "model": "deepseek_v3", "hardware": "MI300X", "precision": "fp8", "engine": "sglang",
            "input_tokens": 6000, "output_tokens": 20, "percentile": 0.95,
        },
        {"model": "llama2_70b", "precision": "fp8", "input_tokens": 6000, "output_tokens": 20},
        {"model": "mixtral_8x7b", "input_tokens": 300, "output_tokens": [1, 2, 200]},
    ],
)  # fmt: skip
def test_a_plan_has_the_same_figures_whatever_is_asked_beside(asked: dict[str, Any]) -> None:
    key = ["devices", "tp", "pp", "ep", "attention_dp", "request_rate", "output_tokens"]
    counts, rates = [1, 4, 8], [1.0, 5.0, 20.0]
    beside = served(**asked, devices=counts, request_rate=rates).set_index(key).sort_index()
    alone = pd.concat([served(**asked, devices=count, request_rate=rates) for count in counts])
    alone = alone.set_index(key).sort_index().drop(columns="on_front")
    pd.testing.assert_frame_equal(beside.drop(columns="on_front"), alone, rtol=1e-12)
