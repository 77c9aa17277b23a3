"""``explore_disaggregated``: one row per pair of pools, beside colocated serving, best first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import DoesNotFitError, explore, explore_disaggregated, find_hardware

SETTINGS: dict[str, Any] = {"precision": "fp8", "input_tokens": 4000, "output_tokens": 250}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return explore_disaggregated("llama3_70b", "H100_80GB", devices=16, **SETTINGS)


def of(frame: pd.DataFrame, serving: str) -> pd.DataFrame:
    return frame[frame["serving"] == serving]


def test_a_row_adds_up(frame: pd.DataFrame) -> None:
    pools = of(frame, "disaggregated")
    size = {
        name: pools[f"{name}_tp"] * pools[f"{name}_pp"] * pools[f"{name}_attention_dp"]
        * pools[f"{name}_cp"]
        for name in ("prefill", "decode")
    }  # fmt: skip
    used = sum(size[name] * pools[f"{name}_workers"] for name in size)
    assert (pools["devices"] == used).all()
    assert (pools["devices"] <= 16).all()
    per_device = frame["tokens_per_s_per_device"]
    np.testing.assert_allclose(frame["tokens_per_s"], frame["requests_per_s"] * 250)
    np.testing.assert_allclose(frame["tokens_per_s"] / frame["devices"], per_device)
    np.testing.assert_allclose(frame["e2e_latency_s"], frame["ttft_s"] + 249 * frame["tpot_s"])
    assert (frame["ttft_low_s"] < frame["ttft_s"]).all()
    assert (frame["tpot_s"] < frame["tpot_high_s"]).all()
    assert (pools["prefill_load"] <= 0.95 * (1 + 1e-9)).all()
    assert (pools["decode_load"] <= 1 + 1e-9).all()
    usable = 0.92 * 81_559 * 2**20
    for name in ("prefill", "decode"):
        assert (frame[f"{name}_memory_bytes"] <= usable).all()
    assert not pools.isna().any().any()
    assert not pools.duplicated().any()


def test_a_decode_worker_is_that_of_explore(frame: pd.DataFrame) -> None:
    for row in of(frame, "disaggregated").sample(10, random_state=1).to_dict("records"):
        own = llm.estimate_decode_performance(
            "llama3_70b", row["decode_batch"], 1, 4000, 250, "H100_80GB", "fp8",
            row["decode_tp"], row["decode_pp"],
        )  # fmt: skip
        assert row["tpot_s"] == pytest.approx(own["latency"] / 1e3, rel=1e-9)
        assert row["decode_memory_bytes"] == pytest.approx(own["memory_bytes"], rel=1e-12)
        rate = row["decode_workers"] * own["requests_per_s"] * row["decode_load"]
        assert row["requests_per_s"] == pytest.approx(rate, rel=1e-9)


def test_a_replica_is_that_of_single_estimates(frame: pd.DataFrame) -> None:
    for row in of(frame, "colocated").sample(10, random_state=1).to_dict("records"):
        own = llm.estimate_serving_performance(
            "llama3_70b", row["decode_batch"], 4000, 250, "H100_80GB", "fp8", row["decode_tp"],
            row["decode_pp"],
        )  # fmt: skip
        assert row["ttft_s"] == pytest.approx(own["ttft_steady_ms"] / 1e3, rel=1e-9)
        assert row["tpot_s"] == pytest.approx(own["tpot_ms"] / 1e3, rel=1e-9)
        assert row["requests_per_s"] == pytest.approx(
            row["decode_workers"] * own["requests_per_s"], rel=1e-9
        )
        assert row["transfer_bytes"] == 0
        assert row["devices"] == 16


def test_the_best_is_first(frame: pd.DataFrame) -> None:
    limited = explore_disaggregated(
        "llama3_70b", "H100_80GB", devices=16, ttft_limit_s=2.0, tpot_limit_s=0.03, **SETTINGS
    )
    assert len(limited) == len(frame)
    late, slow = limited["ttft_s"] > 2.0, limited["tpot_s"] > 0.03
    reasons = np.where(late, "TTFT limit", np.where(slow, "TPOT limit", ""))
    assert (limited["rejected_for"] == reasons).all()
    assert set(reasons) == {"", "TTFT limit", "TPOT limit"}
    accepted = limited[~(late | slow)]
    assert accepted.index.tolist() == list(range(len(accepted)))
    assert accepted["tokens_per_s_per_device"].is_monotonic_decreasing
    gain, cost = (accepted[name].to_numpy() for name in ("tokens_per_s_per_device", "tpot_s"))
    beaten = [((cost <= c) & (gain >= g) & ((cost < c) | (gain > g))).any() for c, g in
              zip(cost, gain, strict=True)]  # fmt: skip
    assert (accepted["on_front"].to_numpy() == ~np.array(beaten)).all()
    assert not limited.loc[late | slow, "on_front"].any()


def test_a_limit_is_the_longest_time_that_is_accepted(frame: pd.DataFrame) -> None:
    # DistServe, arXiv:2401.09670, section 2.2: requests within their limits are counted.
    for name in ("ttft", "tpot"):
        longest = float(frame[f"{name}_s"].quantile(0.5, interpolation="lower"))
        at, below = (
            explore_disaggregated(
                "llama3_70b", "H100_80GB", devices=16, **{f"{name}_limit_s": limit}, **SETTINGS
            )
            for limit in (longest, np.nextafter(longest, 0))
        )
        assert (at.loc[at[f"{name}_s"] == longest, "rejected_for"] == "").all()
        reasons = below.loc[below[f"{name}_s"] == longest, "rejected_for"]
        assert (len(reasons) > 0, *set(reasons)) == (True, f"{name.upper()} limit")


def test_it_pays_where_answers_must_be_quick_and_not_where_they_need_not(
    frame: pd.DataFrame,
) -> None:
    # vLLM, docs/features/disagg_prefill.md: it does not improve throughput, but lets the two times
    # be tuned apart; DistServe, arXiv:2401.09670, abstract: up to 7.4 times the requests in limits.
    def best(rows: pd.DataFrame) -> float:
        accepted = rows[rows["rejected_for"] == ""]
        return float(accepted["tokens_per_s_per_device"].max())

    assert best(of(frame, "disaggregated")) < 1.05 * best(of(frame, "colocated"))
    quick = frame[frame["tpot_s"] < 0.02]
    ratio = best(of(quick, "disaggregated")) / best(of(quick, "colocated"))
    assert 1.3 < ratio < 7.4


def test_pools_of_two_kinds() -> None:
    found = explore_disaggregated(
        "llama3_8b", "L40S", "H100_80GB", 12, prefill_devices=8, decode_devices=4, **SETTINGS
    )
    pools = of(found, "disaggregated")
    assert set(pools["prefill_hardware"]) == {"L40S"}
    assert set(pools["decode_hardware"]) == {"H100_80GB"}
    for name, most in (("prefill", 8), ("decode", 4)):
        size = pools[f"{name}_tp"] * pools[f"{name}_pp"]
        assert (size * pools[f"{name}_workers"]).max() == most
    # Beside them each kind alone, as many as there are. Sent over the slower network, an L40S's.
    together = of(found, "colocated")
    assert set(zip(together["decode_hardware"], together["devices"], strict=True)) == {
        ("L40S", 8), ("H100_80GB", 4),
    }  # fmt: skip
    row = pools[(pools["prefill_tp"] == 1) & (pools["prefill_pp"] == 1)].iloc[0]
    cache = 4000 * 32 * 8 * 2 * 128
    assert row["transfer_s"] == pytest.approx(25e-6 + cache / (0.8 * 6.25e9), rel=1e-9)


def test_clusters_bound_their_pools() -> None:
    small = llm.find_hardware("H100_80GB").cluster(nodes=1)
    found = of(explore_disaggregated("llama3_8b", small, "L40S", 24, **SETTINGS), "disaggregated")
    assert (found["prefill_workers"] * found["prefill_tp"] * found["prefill_pp"]).max() == 8


def test_several_counts_are_each_of_them_alone() -> None:
    one, both = (
        explore_disaggregated("llama3_8b", "H100_80GB", devices=devices, **SETTINGS)
        for devices in (4, [4, 6])
    )
    figures = ["tokens_per_s", "ttft_s", "tpot_s"]
    of_four = {tuple(row) for row in one[figures].to_numpy().round(9)}
    assert of_four <= {tuple(row) for row in both[figures].to_numpy().round(9)}
    assert set(both["devices"]) <= set(range(2, 7))


def test_long_prompts_may_be_divided() -> None:
    long = SETTINGS | {"input_tokens": 60_000}
    found = explore_disaggregated(
        "llama3_8b", "H100_80GB", devices=16, context_parallel=[1, 2, 4, 8], **long
    )
    assert set(found["prefill_cp"]) == {1, 2, 4, 8}
    assert set(found["decode_cp"]) == {1}
    pools = of(found, "disaggregated")
    assert pools.loc[pools["ttft_s"].idxmin(), "prefill_cp"] > 1


def test_techniques_reach_both_pools() -> None:
    usual, cached = (
        of(explore_disaggregated("llama3_8b", "H100_80GB", devices=4, **SETTINGS, **more),
           "disaggregated")
        for more in ({}, {"prefix_hit_rate": 0.75})
    )  # fmt: skip
    assert cached["ttft_s"].min() < usual["ttft_s"].min()
    assert cached["transfer_bytes"].max() == usual["transfer_bytes"].max()


def test_a_mixture_may_have_other_layouts_in_each_pool() -> None:
    found = of(
        explore_disaggregated(
            "deepseek_v3", "GB200", devices=72, tpot_limit_s=0.03, **(SETTINGS | {"batch": [512]})
        ),
        "disaggregated",
    )
    best = found.iloc[0]
    assert best["decode_attention_dp"] > 1
    assert best["decode_ep"] >= best["decode_attention_dp"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"devices": 1}, "devices must be a whole number of at least 2, got 1"),
    ({"devices": 5000}, "devices must be .*at most 4096, got 5000"),
    ({"prefill_devices": 0}, "prefill_devices must be .*got 0"),
    ({"link_bandwidth": -1}, r"link_bandwidth must be a finite number above 0 \[bytes/s\], got -1"),
    ({"ttft_limit_s": 0}, r"ttft_limit_s must be a finite number above 0 \[s\], got 0"),
    ({"decode_hardware": "H10"}, "unknown hardware 'H10'; did you mean"),
    ({"engine": "vlm"}, "got 'vlm'; did you mean 'vllm'"),
    ({"prefill_chunk_tokens": 512}, "prefill_chunk_tokens must be None in phase 'prefill'"),
    ({"input_tokens": [100, 200]}, "input_tokens must be a whole number"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[str(given) for given, _ in WRONG])
def test_errors_help(given: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"model": "llama2_7b", "prefill_hardware": "A100_80GB"}
    with pytest.raises(ValueError, match=message):
        explore_disaggregated(**(asked | given))


def test_what_fits_no_worker_says_how_many_devices_would_do() -> None:
    with pytest.raises(DoesNotFitError, match=r"does not fit on 2 devices .* devices would do"):
        explore_disaggregated("llama3_405b", "A100_80GB", devices=2)


def test_colocated_rows_are_the_plans_of_explore(frame: pd.DataFrame) -> None:
    plans = explore("llama3_70b", "H100_80GB", 16, phase="serving", batch=32, **SETTINGS)
    fits = plans[plans["rejected_for"] == ""]
    own = of(frame, "colocated")
    own = own[own["decode_batch"] == 32]
    assert sorted(zip(own["decode_tp"], own["decode_pp"], strict=True)) == sorted(
        zip(fits["tp"], fits["pp"], strict=True)
    )


IN, OUT = "cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens"
ASKED = {"devices": 8, "input_tokens": 3000, "output_tokens": 200, "batch": [8, 32, 64]}


def test_each_pool_pays_for_its_tokens() -> None:
    reads = find_hardware("H100").replace(price_per_hour=4.0, name="dear")
    writes = find_hardware("H100").replace(price_per_hour=1.0, name="cheap")
    frame = explore_disaggregated("llama3_8b", reads, writes, precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    size = {
        name: pools[f"{name}_workers"] * pools[f"{name}_tp"] * pools[f"{name}_pp"]
        for name in ("prefill", "decode")
    }
    paid = 4.0 * size["prefill"], 1.0 * size["decode"]
    np.testing.assert_allclose(pools["cost_usd_per_hour"], paid[0] + paid[1])
    for usd, column, tokens in ((paid[0], IN, 3000), (paid[1], OUT, 200)):
        # USD an hour over the tokens of an hour, for a million
        per_hour = pools["requests_per_s"] * tokens * 3600
        np.testing.assert_allclose(pools[column], usd / per_hour * 1e6)


@pytest.mark.filterwarnings("error")
def test_replicas_cost_what_their_devices_cost() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    replicas = frame[frame["serving"] == "colocated"]
    np.testing.assert_allclose(replicas["cost_usd_per_hour"], 3.99 * replicas["devices"])
    spent = (replicas[IN] * 3000 + replicas[OUT] * 200) / 1e6 * replicas["requests_per_s"] * 3600
    np.testing.assert_allclose(spent, replicas["cost_usd_per_hour"])
    lengths = {name: ASKED[name] for name in ("input_tokens", "output_tokens", "batch")}
    served = explore("llama3_8b", "H100", 8, phase="serving", precision="bf16", **lengths)
    same = served[(served["tp"] == 8) & (served["batch"] == 32)].iloc[0]
    own = replicas[(replicas["decode_tp"] == 8) & (replicas["decode_batch"] == 32)].iloc[0]
    assert own[OUT] == pytest.approx(same[OUT], rel=1e-5)


def test_an_unknown_price_stays_unknown() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", "MI350X", precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    assert pools[IN].notna().all()
    assert pools[[OUT, "cost_usd_per_hour"]].isna().all(axis=None)


IN_J, OUT_J = "energy_j_per_input_token", "energy_j_per_output_token"


def test_each_pool_draws_by_its_load() -> None:
    reads = find_hardware("H100").replace(power_watts=1000.0, name="reads")
    writes = find_hardware("H100").replace(power_watts=500.0, name="writes")
    frame = explore_disaggregated("llama3_8b", reads, writes, precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    watts = [pools[column] * pools["requests_per_s"] * tokens
             for column, tokens in ((IN_J, 3000), (OUT_J, 200))]  # fmt: skip
    np.testing.assert_allclose(sum(watts), pools["power_w"])
    for name, full, drawn in zip(("prefill", "decode"), (1000.0, 500.0), watts, strict=True):
        own = pools.filter(regex=f"^{name}_")
        devices = own[f"{name}_workers"] * own[f"{name}_tp"] * own[f"{name}_pp"]
        share = (drawn / devices / full - 0.15) / 0.85  # idle at 0.15 of full power, by load to it
        load = own[f"{name}_load"]
        assert (share <= load * (1 + 1e-9)).all()  # all of it where compute bounds all the time
        most = 1.0 if name == "prefill" else 0.5  # decoding is bound by memory: a load of one half
        assert (share / load).max() <= most + 1e-9
        assert (share / load).max() > 0.6 * most


def test_a_pool_in_use_draws_what_a_static_batch_does() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    rows = frame[(frame["serving"] == "disaggregated") & (frame["decode_tp"] == 1)]
    row = rows.sort_values("decode_load").iloc[-1]
    alone = explore(
        "llama3_8b", "H100", 1, batch=int(row["decode_batch"]), precision="bf16",
        input_tokens=3000, output_tokens=200,
    ).iloc[0]  # fmt: skip
    busy = (alone["power_w"] / 700 - 0.15) * row["decode_load"] + 0.15  # an H100 draws 700 W
    own = row[OUT_J] * row["requests_per_s"] * 200 / row["decode_workers"]
    assert own == pytest.approx(busy * 700, rel=1e-6)


def test_replicas_draw_what_they_draw_in_serving() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    lengths = {name: ASKED[name] for name in ("input_tokens", "output_tokens", "batch")}
    served = explore("llama3_8b", "H100", 8, phase="serving", precision="bf16", **lengths)
    own = frame[(frame["serving"] == "colocated") & (frame["decode_tp"] == 4)]
    for _, row in own[own["decode_pp"] == 1].iterrows():
        alike = (served["tp"] == 4) & (served["pp"] == 1) & (served["batch"] == row["decode_batch"])
        same = served[alike].iloc[0]
        for column in (IN_J, OUT_J, "power_w"):
            assert row[column] == pytest.approx(same[column], rel=1e-5)


def test_two_pools_rest_on_the_less_certain_of_them() -> None:
    for pair in (("TPUv4", "H100_80GB"), ("H100_80GB", "TPUv4")):
        found = of(explore_disaggregated("llama3_8b", *pair, 8, **SETTINGS), "disaggregated")
        assert set(found["basis"]) == {"assumed"}
