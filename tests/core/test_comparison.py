"""Devices beside each other: the best row of each, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from llmcalc_core import compare_hardware, explore

NAN = float("nan")
HAND = pd.DataFrame(
    # tokens/s, of two devices each at 2 and 4 USD/h, 500 and 1000 W
    [
        ("a", 1000.0, 500.0, 2.0, 500.0, "", 1.0, 1.0),
        ("a", 1600.0, 800.0, 2.0, 1000.0, "", 1.0, 1.0),
        ("a", 9000.0, 4500.0, 2.0, 1000.0, "TPOT limit", 9.0, 1.0),
        ("b", 3000.0, 1500.0, NAN, 1000.0, "", 1.0, 1.0),
        ("b", 2000.0, 1000.0, NAN, 400.0, "", 1.0, 1.0),
        ("c", 100.0, 50.0, 4.0, 1000.0, "memory", 1.0, -5.0),
        ("c", 50.0, 25.0, 4.0, 1000.0, "memory", 1.0, -2.0),
        ("d", 50.0, 25.0, 4.0, 1000.0, "memory", 1.0, -2.0),
        ("d", 70.0, 35.0, 4.0, 1000.0, "TTFT limit", 7.0, 1.0),
        ("d", 60.0, 30.0, 4.0, 1000.0, "TTFT limit", 6.0, 1.0),
    ],
    columns=[
        "hardware", "tokens_per_s", "tokens_per_s_per_device", "cost_usd_per_hour", "power_w",
        "rejected_for", "e2e_latency_s", "memory_headroom_bytes",
    ],
)  # fmt: skip


def rates(metric: str) -> list[tuple[str, float]]:
    found = compare_hardware(HAND, metric)
    return list(zip(found["hardware"], found["tokens_per_s"], strict=True))


def test_the_best_of_each_comes_first_and_what_is_rejected_last() -> None:
    # d: the faster of those over a limit, before what does not fit; c: least memory missing
    found = rates("tokens_per_s_per_device")
    assert found == [("b", 3000), ("a", 1600), ("d", 60), ("c", 50)]


def test_a_device_without_a_price_stands_after_those_with_one() -> None:
    found = compare_hardware(HAND, "tokens_per_usd")
    assert list(found["hardware"][:2]) == ["a", "b"]
    assert found["tokens_per_usd"][0] == 1600 * 3600 / 2
    assert found["tokens_per_usd"].isna()[1]
    assert found["tokens_per_s"][1] == 3000


def test_per_joule_another_plan_is_best() -> None:
    # a: 1000 / 500 W = 2 against 1600 / 1000 W = 1.6; b: 2000 / 400 W = 5 against 3
    assert rates("tokens_per_joule")[:2] == [("b", 2000), ("a", 1000)]
    assert list(compare_hardware(HAND, "tokens_per_joule")["tokens_per_joule"][:2]) == [5, 2]


def test_it_is_the_best_of_what_explore_gives() -> None:
    frame = explore("llama3_8b", ["A100_80GB", "H100_80GB", "T4"], [1, 2], tpot_limit_s=0.02)
    found = compare_hardware(frame)
    fitting = frame[frame["rejected_for"] == ""]
    best = fitting.groupby("hardware", observed=True)["tokens_per_s_per_device"].max()
    able = found[found["rejected_for"] == ""].set_index("hardware")["tokens_per_s_per_device"]
    assert able.to_dict() == best.to_dict()
    assert len(found) == 3


def test_an_unknown_metric_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="tokens_per_usd"):
        compare_hardware(HAND, "tokens_per_dollar")
