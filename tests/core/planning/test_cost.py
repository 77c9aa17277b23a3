"""What serving costs and the power it takes: definitions, what must hold, published figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import (
    COST_COLUMNS,
    PHASES,
    estimate_decode_performance,
    estimate_end_to_end_performance,
    estimate_prefill_performance,
    estimate_serving_performance,
    explore,
    find_hardware,
)
from llmcalc_core.costmodel.utilisation import IDLE_SHARE

H100 = find_hardware("H100_80GB")
IN, OUT = "cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens"
READ, WRITE = "energy_j_per_input_token", "energy_j_per_output_token"


def grid(phase: str, **settings: Any) -> pd.DataFrame:
    lengths = {"input_tokens": [100, 3000], "output_tokens": [20, 500], "batch": [1, 16, 200]}
    return explore("llama3_8b", H100, [1, 4, 6], phase=phase, **(lengths | settings))


@pytest.mark.parametrize("phase", PHASES)
def test_all_tokens_together_cost_what_the_devices_cost(phase: str) -> None:
    frame = grid(phase, price_per_hour=2.5)
    np.testing.assert_allclose(frame["cost_usd_per_hour"], 2.5 * frame["devices"], rtol=1e-6)
    rate = frame["requests_per_s"]
    parts = [
        (frame[cost] * 3600 / 1e6, frame[energy], rate * frame[tokens])
        for cost, energy, tokens in ((IN, READ, "input_tokens"), (OUT, WRITE, "output_tokens"))
    ]
    spent, drawn = (sum((part[at] * part[2]).fillna(0) for part in parts) for at in (0, 1))
    np.testing.assert_allclose(spent, frame["cost_usd_per_hour"], rtol=1e-5)
    np.testing.assert_allclose(drawn, frame["power_w"], rtol=1e-5)
    assert frame[IN].notna().all() == (phase != "decode")
    assert frame[OUT].notna().all() == (phase != "prefill")


def test_a_price_and_a_power_by_hand() -> None:
    found = estimate_decode_performance(
        "llama3_8b", 32, system_name="H100", tensor_parallel=2, price_per_hour=1.8
    )
    # 2 x 1.80 USD/h are 0.001 USD/s; over the tokens of a second, for a million
    assert found["cost_usd_per_hour"] == 3.6
    assert found[OUT] == pytest.approx(0.001 / found["throughput"] * 1e6)
    assert found[WRITE] == pytest.approx(found["power_w"] / found["throughput"])
    own = estimate_decode_performance("llama3_8b", 32, system_name="H100", tensor_parallel=2)
    assert own["cost_usd_per_hour"] == 2 * 3.99  # the listed price of hardware_sources("H100")
    assert own["latency"] == found["latency"]
    doubled = estimate_decode_performance(
        "llama3_8b", 32, system_name="H100", tensor_parallel=2, power_watts=1400
    )
    assert doubled["power_w"] == pytest.approx(2 * own["power_w"])


@pytest.mark.parametrize("phase", PHASES)
def test_power_is_between_idle_and_full(phase: str) -> None:
    frame = grid(phase)
    per_device = frame["power_w"] / frame["devices"] / 700
    assert (per_device >= IDLE_SHARE).all()
    assert (per_device <= 1).all()
    assert per_device.max() > per_device.min()


def test_what_computes_draws_more_than_what_reads_memory() -> None:
    lengths = {"batch_size": 1, "input_tokens": 8000, "system_name": "H100"}
    prefill = estimate_prefill_performance("llama3_8b", **lengths)
    decode = estimate_decode_performance("llama3_8b", **lengths)
    assert (prefill["bound_by"], decode["bound_by"]) == ("compute", "memory bandwidth")
    assert prefill["power_w"] > 1.5 * decode["power_w"]


def test_stages_of_a_pipeline_that_wait_draw_little() -> None:
    one, four = (
        estimate_decode_performance("llama3_8b", 1, system_name="H100", pipeline_parallel=stages)
        for stages in (1, 4)
    )
    # one micro batch is on one of four stages at a time: a quarter of the load of each
    loads = [(found["power_w"] / found["devices"] / 700 - 0.15) / 0.85 for found in (one, four)]
    assert loads[1] == pytest.approx(loads[0] / 4, rel=0.02)


def test_a_lonely_request_leaves_devices_idle_while_it_waits_for_the_engine() -> None:
    busy, alone = (
        estimate_serving_performance("llama3_8b", n, 200, 4, "H100_80GB") for n in (64, 1)
    )
    assert alone["power_w"] < busy["power_w"]
    assert alone[OUT] > 5 * busy[OUT]


def test_serving_reads_prompts_at_the_energy_of_prefill() -> None:
    lengths = {"input_tokens": 2000, "system_name": "H100"}
    alone = estimate_prefill_performance("llama3_8b", 1, **lengths)
    served = estimate_serving_performance("llama3_8b", 64, output_tokens=200, **lengths)
    assert served[READ] == pytest.approx(alone[READ], rel=0.25)
    assert served[WRITE] < estimate_decode_performance("llama3_8b", 1, **lengths)[WRITE] / 10


def test_longer_prompts_move_cost_to_the_input() -> None:
    short, long = (
        estimate_serving_performance("llama3_8b", 32, tokens, 200, "H100_80GB")
        for tokens in (500, 8000)
    )

    def shares(found: dict[str, Any], tokens: int) -> float:
        return found[IN] * tokens / (found[IN] * tokens + found[OUT] * 200)

    assert shares(long, 8000) > 2 * shares(short, 500)


def test_a_whole_batch_is_its_two_stages() -> None:
    found = estimate_end_to_end_performance(
        "llama3_8b", 8, input_tokens=1000, output_tokens=100, system_name="H100", price_per_hour=3.6
    )
    seconds = found["total_latency"] / 1e3
    tokens = (8 * 1000, 8 * 100)
    paid = (found[IN] * tokens[0] + found[OUT] * tokens[1]) / 1e6
    assert paid == pytest.approx(3.6 / 3600 * seconds)
    assert found[IN] * tokens[0] / 1e6 == pytest.approx(0.001 * found["ttft"] / 1e3)
    drawn = found[READ] * tokens[0] + found[WRITE] * tokens[1]
    assert drawn == pytest.approx(found["power_w"] * seconds)


def test_what_is_not_known_is_not_invented() -> None:
    device = find_hardware("TPUv5e").replace(price_per_hour=None, power_watts=None)
    for phase in PHASES:
        frame = explore("llama2_7b", device, 4, phase=phase, batch=1)
        assert frame[list(COST_COLUMNS)].isna().all(axis=None)
    found = estimate_serving_performance("llama2_7b", 4, system_name=device, tensor_parallel=4)
    assert all(math.isnan(found[name]) for name in COST_COLUMNS)
    priced = estimate_serving_performance(
        "llama2_7b", 4, system_name=device, tensor_parallel=4, price_per_hour=1.2, power_watts=200
    )
    again = estimate_serving_performance("llama2_7b", 4, system_name=device, tensor_parallel=4)
    assert found == again  # one NaN, so that equal answers are equal
    assert priced["cost_usd_per_hour"] == pytest.approx(4.8)
    assert 4 * 200 * IDLE_SHARE < priced["power_w"] < 800


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"price_per_hour": -1},
            r"price_per_hour must be .*from 0 \[USD/h\], got -1",
        ),
        ({"power_watts": 0}, r"power_watts must be a finite number of at least 0.001 \[W\], got 0"),
        ({"price_per_hour": "2"}, "price_per_hour must be .*got '2'"),
    ],
)
def test_wrong_terms(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore("llama2_7b", "H100", **given)
    with pytest.raises(ValueError, match=message):
        estimate_decode_performance(system_name="H100", **given)


def test_nothing_costs_nothing() -> None:
    frame = explore("llama2_7b", "H100", 1, batch=1, price_per_hour=0)
    assert frame[[OUT, "cost_usd_per_hour"]].to_numpy().tolist() == [[0, 0]]


def test_decode_power_is_near_what_was_measured() -> None:
    # Ma et al., arXiv 2605.11999 (2026), abstract: decoding on an H200 draws 137 to 300 W of 700,
    # over attention paradigms and batches.
    for batch in (1, 16, 64):
        found = estimate_decode_performance(  # a host that works ahead leaves no device idle
            "llama3_8b", batch, system_name="H200_141GB", engine_version="0.11"
        )
        assert 137 < found["power_w"] < 1.05 * 300


def test_energy_per_token_is_near_what_was_measured() -> None:
    # ML.ENERGY, LLM inference energy: a longitudinal analysis (2026): Llama 3.1 8B on an H100 at
    # batch 64 takes 0.20 J (vLLM 0.5.4) and 0.12 J (0.11.1) per output token, prompts of a chat
    # included (their length is assumed: 300 tokens). Within a factor of 2.6.
    found = estimate_serving_performance("llama3_8b", 64, 300, 500, "H100_80GB")
    joules = found[WRITE] + found[READ] * 300 / 500
    assert 0.12 / 2.6 < joules < 0.2 * 2.6
