"""Fewest devices for a load: replicas by hand, and against every row that explore gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import IN_FLIGHT, explore, find_slo_plan, slo_plans

COLUMNS = [
    "hardware", "devices", "replicas", "batch", "requests_per_s", "tpot_s", "rejected_for",
    "cost_usd_per_hour",
]  # fmt: skip
# Load 10/s. a, 1 device, 3/s: 4 replicas, 4 devices; 2 devices, 7/s: 2 replicas, 4 devices, faster;
# 2 devices, 5/s: 2 replicas, 4 devices, and faster still with fewer in flight; 2 devices, 4.9/s:
# 3 replicas, 6 devices. 9/s in two replicas counts as no single one. b, 4 devices, 12/s but too
# late; 4 devices, 9/s and 8/s keep the limits: 2 replicas, 8 devices. c: nothing keeps them.
HAND = pd.DataFrame(
    [
        ("a", 1, 1, 8, 3.0, 0.030, "", 2.0),
        ("a", 2, 1, 16, 7.0, 0.020, "", 4.0),
        ("a", 2, 1, 12, 5.0, 0.015, "", 4.0),
        ("a", 2, 1, 8, 4.9, 0.010, "", 4.0),
        ("a", 2, 2, 16, 9.0, 0.001, "", 4.0),
        ("b", 4, 1, 32, 12.0, 0.050, "TPOT limit", 8.0),
        ("b", 4, 1, 16, 9.0, 0.030, "", 8.0),
        ("b", 4, 1, 8, 8.0, 0.025, "", 8.0),
        ("c", 1, 1, 8, 50.0, 0.070, "TTFT limit", 1.0),
        ("c", 1, 1, 4, 40.0, 0.060, "TTFT limit", 1.0),
    ],
    columns=COLUMNS,
).assign(
    tokens_per_s=100.0,
    power_w=500.0,
    memory_headroom_bytes=1.0,
    e2e_latency_s=lambda frame: frame["tpot_s"] * 100,
    on_front=False,
    cost_usd_per_million_input_tokens=1.0,
    cost_usd_per_million_output_tokens=1.0,
    energy_j_per_input_token=1.0,
    energy_j_per_output_token=1.0,
)


def test_replicas_by_hand() -> None:
    found = slo_plans(HAND, 10)
    names = ["hardware", "replicas", "replica_devices", "devices", "batch", "rejected_for"]
    assert found[names].to_numpy().tolist() == [
        ["a", 2, 2, 4, 12, ""],
        ["b", 2, 4, 8, 8, ""],
        ["c", 1, 1, 1, 4, "TTFT limit"],
    ]
    assert found["load"].tolist() == pytest.approx([10 / 10, 10 / 16, 10 / 40])
    assert found["requests_per_s"].tolist() == [10, 16, 40]
    assert found["replica_requests_per_s"].tolist() == [5, 8, 40]
    assert found["cost_usd_per_hour"].tolist() == [8, 16, 1]
    assert "on_front" not in found


def test_one_replica_does_where_it_carries_the_load() -> None:
    found = slo_plans(HAND, 2.5).set_index("hardware")
    assert found.loc["a", ["replicas", "devices"]].tolist() == [1, 1]
    assert found.loc["a", "load"] == pytest.approx(2.5 / 3)


def test_no_plan_of_explore_needs_fewer() -> None:
    limits = {"ttft_limit_s": 1.0, "tpot_limit_s": 0.025}
    frame = explore(
        "llama3_8b", ["L40S", "H100_80GB"], [1, 2, 4], phase="serving", batch=IN_FLIGHT, **limits
    )
    found = find_slo_plan(
        "llama3_8b", ["L40S", "H100_80GB"], 60, replica_devices=[1, 2, 4],
        ttft_limit_s=1.0, tpot_limit_s=0.025,
    )  # fmt: skip
    able = frame[(frame["rejected_for"] == "") & (frame["replicas"] == 1)]
    needed = np.ceil(60 / able["requests_per_s"]) * able["devices"]
    fewest = needed.groupby(able["hardware"], observed=True).min()
    for _, plan in found.iterrows():
        assert plan["devices"] == fewest[plan["hardware"]]
        assert plan["devices"] == plan["replicas"] * plan["replica_devices"]
        assert plan["requests_per_s"] >= 60
        assert plan["ttft_s"] <= 1.0
        assert plan["tpot_s"] <= 0.025
        assert plan["load"] == pytest.approx(60 / plan["requests_per_s"])


def test_a_load_that_is_none_is_refused() -> None:
    for load in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="requests_per_s"):
            slo_plans(HAND, load)
