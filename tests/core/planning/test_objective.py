"""Fronts of cost and energy: their definition, hardware beside hardware, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import (
    OBJECTIVES,
    PHASES,
    evaluate,
    explore,
    find_hardware,
    get_best_parallelization_strategy,
    get_pareto_optimal_performance,
    make_request,
)

DEVICES = ["H100_80GB", "A100_80GB", "RTX_3090"]
SPENT = {"cost": "cost_usd_per_hour", "energy": "power_w"}


def dominated(group: pd.DataFrame, latency: str, objective: str) -> np.ndarray:
    """Compare every row with every other, as the definition says."""
    slow = group[latency].to_numpy()
    spent = group[SPENT[objective]].to_numpy(float) / group["requests_per_s"].to_numpy()
    no_worse = (slow <= slow[:, None]) & (spent <= spent[:, None])
    better = (slow < slow[:, None]) | (spent < spent[:, None])
    return (no_worse & better).any(axis=1)


@pytest.mark.parametrize("objective", ["cost", "energy"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_front_is_its_definition_over_all_hardware(phase: str, objective: str) -> None:
    frame = explore(
        "llama3_8b", DEVICES, [1, 2], phase=phase, objective=objective, precision=["bf16", "fp8"],
        input_tokens=[200, 4000], output_tokens=[20, 900], batch=[1, 8, 64],
        prefix_hit_rate=[0.0, 0.5],
    )  # fmt: skip
    latency = "ttft_s" if phase == "prefill" else "tpot_s"
    fits = frame[frame["rejected_for"] == ""]
    assert not frame.loc[frame["rejected_for"] != "", "on_front"].any()
    keys = ["precision", "input_tokens", "output_tokens", "prefix_hit_rate"]
    for _, group in fits.groupby(keys, observed=True):
        expected = ~dominated(group, latency, objective)
        assert (group["on_front"].to_numpy() == expected).all()


def test_throughput_is_the_front_of_before() -> None:
    plain = explore("llama3_8b", DEVICES, 2)
    assert plain.equals(explore("llama3_8b", DEVICES, 2, objective="throughput"))
    cheap = explore("llama3_8b", DEVICES, 2, objective="cost")
    assert not plain["on_front"].equals(cheap["on_front"])
    assert plain.drop(columns="on_front").equals(cheap.drop(columns="on_front"))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_recommendation_is_best_at_the_objective(objective: str) -> None:
    found = evaluate(make_request("llama3_8b", DEVICES, 2, phase="serving", objective=objective))
    frame = found.frame
    spent = {
        "throughput": -frame["tokens_per_s_per_device"],
        "cost": frame["cost_usd_per_hour"] / frame["requests_per_s"],
        "energy": frame["power_w"] / frame["requests_per_s"],
    }[objective]
    least = spent[found.feasible.index].min()
    as_good = frame[found.column("on_front") & (spent <= least + 0.02 * abs(least))]
    assert found.recommended == as_good["tpot_s"].idxmin()


@pytest.mark.parametrize("phase", PHASES)
def test_what_a_token_costs_orders_plans_as_the_objective_does(phase: str) -> None:
    frame = explore("llama3_8b", DEVICES, [1, 2], phase=phase, input_tokens=900, output_tokens=100)
    tokens = {"prefill": 900, "decode": 100, "serving": 1000}[phase] * frame["requests_per_s"]
    # USD/h over the tokens of an hour; W over tokens/s
    usd, watts = frame["cost_usd_per_hour"] / 3600 / tokens * 1e6, frame["power_w"] / tokens
    assert frame["cost_usd_per_million_tokens"].tolist() == pytest.approx(usd.tolist(), rel=1e-5)
    assert frame["energy_j_per_token"].tolist() == pytest.approx(watts.tolist(), rel=1e-5)


def test_a_lower_price_moves_the_front() -> None:
    expensive = find_hardware("RTX_3090").replace(price_per_hour=30)
    frame = explore("llama3_8b", ["H100_80GB", expensive], 2, objective="cost")
    assert set(frame.loc[frame["on_front"], "hardware"]) == {"H100_80GB"}


def test_plans_of_the_guide() -> None:
    asked = {"model": "llama3_8b", "total_nodes": 4, "system_name": "H100", "price_per_hour": 2.0}
    front = get_pareto_optimal_performance(batch_list=[1, 8, 64], objective="cost", **asked)
    # 4 x 2 USD/h over the tokens of an hour
    expected = 8 / 3600 / front["Tokens/s"] * 1e6
    assert front["USD/Mtoken"].tolist() == pytest.approx(expected.tolist())
    best = get_best_parallelization_strategy(batch_size=1, objective="energy", **asked)
    others = get_pareto_optimal_performance(batch_list=1, objective="energy", **asked)
    assert best["J/token"].iloc[0] == pytest.approx(others["J/token"].min())
    plain = get_best_parallelization_strategy(batch_size=1, **asked)
    assert "J/token" not in plain.columns
    assert "USD/Mtoken" not in plain.columns
    read = get_best_parallelization_strategy("prefill", batch_size=4, objective="Cost", **asked)
    assert read["USD/Mtoken"].iloc[0] == pytest.approx(8 / 3600 / read["Tokens/s"].iloc[0] * 1e6)


NO_POWER = find_hardware("H100").replace(power_watts=None, name="ours")
UNKNOWN = "objective 'cost' needs price_per_hour, which is not known of MI350X; give price_per_hour"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "costs"}, "objective must be one of .*got 'costs'; did you mean 'cost'"),
        ({"objective": "cost", "hardware": ["H100", "MI350X"]}, UNKNOWN),
        ({"objective": "energy", "hardware": NO_POWER}, "'energy' needs power_watts, .*of ours"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore(**({"model": "llama3_8b", "hardware": "H100"} | given))


def test_a_price_of_ones_own_makes_an_unknown_one_known() -> None:
    assert explore("llama3_8b", "MI350X", objective="cost", price_per_hour=3)["on_front"].any()
    with pytest.raises(ValueError, match=UNKNOWN):
        get_best_parallelization_strategy(model="llama3_8b", system_name="MI350X", objective="cost")
