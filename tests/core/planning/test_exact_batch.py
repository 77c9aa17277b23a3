"""The largest batch of each plan within the limits, beside every batch tried one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import explore, find_slo_plan, make_request

PLAN = ["tp", "pp", "ep", "attention_dp", "replicas", "input_tokens", "output_tokens"]

QUESTIONS: dict[str, dict[str, Any]] = {
    "decode within a limit": {"phase": "decode", "tpot_limit_s": 0.03},
    "serving within two limits": {
        "phase": "serving", "tpot_limit_s": 0.04, "ttft_limit_s": 1.0, "engine": "sglang",
    },
    "several lengths": {
        "phase": "serving", "tpot_limit_s": 0.03, "input_tokens": [500, 3000],
        "output_tokens": [100, 400],
    },
    "memory alone": {"phase": "serving", "input_tokens": 16_000},
    "memory that a fraction of is free": {
        "phase": "decode", "input_tokens": 16_000, "engine": "trtllm",
    },
    "a limit on the other phase": {"phase": "prefill", "tpot_limit_s": 0.02},
}  # fmt: skip


def largest(frame: pd.DataFrame) -> pd.Series:
    """Give the largest batch of every plan that is not rejected."""
    return frame[frame["rejected_for"] == ""].groupby(PLAN)["batch"].max()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_is_the_largest_of_all(question: dict[str, Any]) -> None:
    asked = ("qwen3_30b_a3b", "H100_80GB", 4)
    exact, every = explore(*asked, **question), explore(*asked, batch=range(1, 257), **question)
    pd.testing.assert_series_equal(largest(exact), largest(every))
    powers = {2**power for power in range(9)}
    assert not set(largest(exact)) <= powers  # else nothing was looked for


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_rows_are_those_of_the_same_batch(question: dict[str, Any]) -> None:
    asked = ("qwen3_30b_a3b", "H100_80GB", 4)
    exact = explore(*asked, **question)
    every = explore(*asked, batch=range(1, 257), **question)
    both = exact.merge(every, on=[*PLAN, "batch"], suffixes=("", "_of_all"))
    assert len(both) == len(exact)
    assert not exact.duplicated([*PLAN, "batch"]).any()
    for name in exact.select_dtypes("number").columns.difference([*PLAN, "batch"]):
        np.testing.assert_allclose(both[name], both[f"{name}_of_all"], rtol=1e-6, err_msg=name)
    assert (both["rejected_for"].astype(str) == both["rejected_for_of_all"].astype(str)).all()


def test_batches_that_are_given_are_those_that_are_tried() -> None:
    limit = {"phase": "decode", "tpot_limit_s": 0.012}
    given = explore("llama3_8b", "H100_80GB", 1, batch=[1, 8, 512], **limit)
    assert given["batch"].tolist() == [1, 8, 512]
    between = explore("llama3_8b", "H100_80GB", 1, batch=[1, 8, 512], exact_batch=True, **limit)
    batches = between["batch"].tolist()
    assert batches[:2] == [1, 8]
    assert 8 < batches[2] < 512
    assert between["rejected_for"].tolist() == ["", "", ""]
    after = explore("llama3_8b", "H100_80GB", 1, batch=batches[2] + 1, **limit)
    assert after["rejected_for"].tolist() == ["TPOT limit"]


def test_throughput_within_a_limit_is_that_of_every_batch() -> None:
    # 0.1.0 gave the best of powers of two.
    asked, limit = ("llama2_70b", "H100_80GB", 8), {"phase": "decode", "tpot_limit_s": 0.025}

    def best(**batches: Any) -> float:
        frame = explore(*asked, **limit, **batches)
        return float(frame.loc[frame["rejected_for"] == "", "tokens_per_s_per_device"].max())

    assert best() == pytest.approx(best(batch=range(1, 257)), rel=1e-9)
    assert best() > 1.05 * best(batch=[2**power for power in range(9)])


def test_fewest_devices_are_those_of_every_number_in_flight() -> None:
    asked: dict[str, Any] = {
        "ttft_limit_s": 1, "tpot_limit_s": 0.05, "input_tokens": 1000, "output_tokens": 1000,
        "precision": "fp8", "replica_devices": (1, 2, 4, 8),
    }  # fmt: skip
    exact = find_slo_plan("llama3_3_70b", "H200_141GB", 50, **asked)
    every = find_slo_plan("llama3_3_70b", "H200_141GB", 50, batch=range(1, 1537), **asked)
    assert exact["devices"].tolist() == every["devices"].tolist()


def test_a_truth_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"exact_batch must be True or False.*'yes'"):
        make_request("llama3_8b", "H100_80GB", exact_batch="yes")  # type: ignore[arg-type]


def test_nothing_is_looked_for_at_a_rate_or_with_one_batch() -> None:
    rated = make_request("llama3_8b", "H100_80GB", phase="serving", request_rate=1)
    assert not rated.exact_batch
    assert not make_request("llama3_8b", "H100_80GB", batch=8, exact_batch=True).exact_batch
