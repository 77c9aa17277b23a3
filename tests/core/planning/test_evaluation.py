"""An evaluation: columns by themselves, and the frame that is made of them when it is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import (
    MEMORY_COLUMNS,
    TIME_COLUMNS,
    evaluate,
    evaluate_cases,
    explore,
    find_hardware,
    make_request,
)
from llmcalc_core.planning.columns import COLUMNS
from llmcalc_core.planning.recommendation import quickest_of_best

ASKED: list[dict[str, Any]] = [
    {"phase": phase, "precision": ["bf16", "fp8"], "ttft_limit_s": 0.2}
    for phase in ("prefill", "decode", "serving")
]
ASKED += [{"objective": "cost"}, {"objective": "energy"}]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_columns_are_those_of_the_frame(asked: dict[str, Any]) -> None:
    request = make_request("llama2_7b", ["A100_80GB", "H100_80GB"], 4, **asked)
    frame = evaluate(request).frame
    numbers = [name for name in frame if frame[name].dtype != "category"]
    early, late = evaluate(request), evaluate(request)
    assert late.frame is late.frame
    for found in (early, late):
        for name in numbers:
            np.testing.assert_array_equal(found.column(name), frame[name].to_numpy(), strict=True)
        for name in ("bound_by", "rejected_for", "basis"):
            np.testing.assert_array_equal(found.column(name), frame[name].to_numpy(), strict=True)
        plan = found.plan(5)
        assert [plan[name] for name in ("ttft_s", "tp", "bound_by")] == [
            frame[name].iloc[5] for name in ("ttft_s", "tp", "bound_by")
        ]
        assert (plan.get("tp", -1), plan.get("cp", -1)) == (frame["tp"].iloc[5], -1)
        np.testing.assert_array_equal(found.rejected, (frame["rejected_for"] != "").to_numpy())
        assert found.recommended == late.recommended
        assert found.has("tp")
        assert not found.has("cp")


def test_a_plan_is_read_without_a_frame() -> None:
    found = evaluate(make_request("llama2_7b", "A100_80GB", 2))
    assert found.plan(0)["tokens_per_s"] > 0
    assert "frame" not in vars(found)


def test_a_column_of_decoding_times_no_prefill(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcalc_core.planning import performance  # noqa: PLC0415 - to see what it calls

    timed = []

    def noting(original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*case: Any, decode: bool) -> Any:
            timed.append((original.__name__, decode))
            return original(*case, decode=decode)

        return noted

    for one in (performance.phase_times, performance.phase_latency):
        monkeypatch.setattr(performance, one.__name__, noting(one))
    found = evaluate(make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8]))
    assert found.column("tpot_s").all()
    assert found.recommended is not None
    assert timed == [("phase_times", True)]
    assert found.frame["ttft_s"].all()
    assert found.frame["e2e_latency_s"].all()
    assert timed == [("phase_times", True), ("phase_latency", False)]


SWEEP: dict[str, Any] = {
    "model": ["llama2_7b", "mixtral_8x7b"], "hardware": ["A100_80GB", "L40S"], "devices": [2, 3],
    "precision": ["bf16", "fp8"], "prefix_hit_rate": [0.0, 0.5], "batch": [1, 8],
    "input_tokens": [100, 900],
}  # fmt: skip


@pytest.mark.parametrize("phase", ["decode", "serving"])
def test_cases_one_after_the_other_are_the_frame(phase: str) -> None:
    request = make_request(**SWEEP, phase=phase)
    whole = evaluate(request).frame
    parts = [part.frame for part in evaluate_cases(request)]
    assert len(parts) == 16
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
    pd.testing.assert_frame_equal(explore(**SWEEP, phase=phase), whole)


@pytest.mark.parametrize("objective", ["throughput", "energy"])
def test_a_value_is_that_of_its_column(objective: str) -> None:
    found = evaluate(make_request(**SWEEP, objective=objective))
    rows = len(found.rejected)
    for name in (name for name in COLUMNS if found.has(name)):
        column = found.column(name)
        for row in (0, 1, rows // 2, rows // 2 + 1, rows - 1):
            value = found.value(name, row)
            assert (value == column[row]) or (value != value and column[row] != column[row])  # noqa: PLR0124 - NaN
            assert type(value) is type(column[row])
    with pytest.raises(IndexError, match="below the number of candidates"):
        found.value("tp", rows)


def test_the_front_of_a_case_alone_is_that_of_its_device() -> None:
    request = make_request("llama3_8b", ["H100_80GB", "RTX_3090"], 2, objective="cost")
    parts = {part.frame["hardware"].iloc[0]: part for part in evaluate_cases(request)}
    for name, part in parts.items():
        alone = explore("llama3_8b", name, 2, objective="cost")
        np.testing.assert_array_equal(part.frame["on_front"], alone["on_front"])
        assert part.recommended is not None


@pytest.mark.parametrize(("phase", "column"), [("prefill", "tpot_s"), ("decode", "ttft_s")])
def test_a_limit_may_be_on_the_time_of_the_other_phase(phase: str, column: str) -> None:
    free = explore("llama2_7b", "A100_80GB", 4, phase=phase)
    limit = float(free[column].median())
    limits = {column.replace("_s", "_limit_s"): limit}
    frame = explore("llama2_7b", "A100_80GB", 4, phase=phase, **limits)
    late = frame["rejected_for"] == column.split("_", maxsplit=1)[0].upper() + " limit"
    fits = frame["memory_headroom_bytes"] >= 0
    assert (late == fits & (frame[column] > limit)).all()
    assert late.any()
    assert not frame.loc[late, "on_front"].any()
    assert frame["on_front"].any()


@pytest.mark.parametrize("column", ["ttft_s", "tpot_s"])
def test_what_just_keeps_a_limit_is_not_rejected(column: str) -> None:
    free = explore("llama2_7b", "A100_80GB", 1, batch=[1, 2, 4])
    times = sorted(free[column])
    limits = {column.replace("_s", "_limit_s"): times[1]}
    frame = explore("llama2_7b", "A100_80GB", 1, batch=[1, 2, 4], **limits)
    assert sorted(frame.loc[frame["rejected_for"] == "", column]) == times[:2]


def test_of_several_reasons_the_one_that_weighs_most_is_told() -> None:
    small = find_hardware("A100_80GB").replace(host_memory_bytes=1e9)
    asked: dict[str, Any] = {"devices": 1, "batch": 1, "weights_offload": 0.5}

    def reason(model: str, **limits: float) -> str:
        (told,) = explore(model, small, **asked, **limits)["rejected_for"]
        return str(told)

    assert reason("llama2_70b", tpot_limit_s=1e-6, ttft_limit_s=1e-6) == "host memory"
    assert reason("llama3_405b", tpot_limit_s=1e-6, ttft_limit_s=1e-6) == "memory"
    fits = {"model": "llama2_7b", "hardware": "A100_80GB", "devices": 1, "batch": 1}
    both = explore(**fits, tpot_limit_s=1e-6, ttft_limit_s=1e-6)
    assert list(both["rejected_for"]) == ["TPOT limit"]


UNITS = {
    "_per_s": ("tokens/s", "1/s"), "_per_s_per_device": ("tokens/s",), "_usd_per_hour": ("USD/h",),
    "_w": ("W",), "_j_per_input_token": ("J",), "_j_per_output_token": ("J",), "_bytes": ("bytes",),
    "_million_input_tokens": ("USD per 10^6 tokens",),
    "_million_output_tokens": ("USD per 10^6 tokens",), "_s": ("s",), "_tokens": ("1",),
    "request_rate": ("1/s",), "_million_tokens": ("USD per 10^6 tokens",), "_j_per_token": ("J",),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_says_what_it_is_as_explore_does(name: str) -> None:
    column = COLUMNS[name]
    assert f"``{name}``" in (explore.__doc__ or "")
    assert column.about
    suffix = max((end for end in UNITS if name.endswith(end)), key=len, default=None)
    assert column.unit in (UNITS[suffix] if suffix else ("", "1"))
    if column.labels:
        assert column.unit == ""


def test_explore_describes_no_column_that_there_is_not() -> None:
    returned = (explore.__doc__ or "").split("Returns")[1].split("Raises")[0]
    told = set(re.findall(r"``(\w+)``", returned))
    assert told == {*COLUMNS, "model", "hardware", "precision"}
    assert {*TIME_COLUMNS, *MEMORY_COLUMNS} < told


def test_a_plan_that_just_fits_is_not_rejected() -> None:
    asked: dict[str, Any] = {"model": "llama2_7b", "devices": 1, "batch": 1, "kv_offload": 0.5}
    small = find_hardware("A100_80GB").replace(memory_bytes=20e9)
    row = explore(hardware=small, **asked).iloc[0]
    full = small.replace(
        memory_bytes=float(row["device_memory_bytes"]) + 2**29,  # which the driver keeps
        host_memory_bytes=float(row["host_memory_bytes"]),
    )
    found = explore(hardware=full, memory_fraction=1.0, **asked).iloc[0]
    assert (found["memory_headroom_bytes"], found["rejected_for"]) == (0.0, "")


def test_a_tie_goes_to_the_quicker_plan() -> None:
    # by hand: 99.1 and 98.0 are within 2 % of 100, 97.9 is not; of those the quickest is 0.30 s
    latency, gain = np.array([0.1, 0.30, 0.32, 15.0]), np.array([97.9, 98.0, 99.1, 100.0])
    assert quickest_of_best(latency, gain) == 1
    # costs below nothing: 2.05 is more than 2 % dearer than 2, 2.03 is not
    assert quickest_of_best(np.array([0.1, 0.2, 0.3]), np.array([-2.05, -2.03, -2.0])) == 1
    # equally quick ones: the one of more gain
    assert quickest_of_best(np.array([0.2, 0.2]), np.array([99.0, 100.0])) == 1


def test_a_prompt_is_not_read_in_seconds_for_a_hundredth_more() -> None:
    found = evaluate(make_request("llama3_8b", "H100_80GB", 1, phase="prefill"))
    front = found.front
    rate, time = front["tokens_per_s_per_device"], front["ttft_s"]
    near = front[rate >= 0.98 * rate.max()]
    assert found.recommended == near["ttft_s"].idxmin()
    assert time[found.recommended] < time[rate.idxmax()]


@pytest.mark.parametrize(
    ("batch", "at_edge"),
    # 4 fit; 4,096 of 2,256 tokens do not, so that 1 or what fits is best; one is no range
    [([1, 2, 4], True), ([1, 4096], False), ([4], False)],
)
def test_it_says_where_the_largest_batch_is_the_best(batch: list[int], *, at_edge: bool) -> None:
    found = evaluate(make_request("llama2_7b", "A100_80GB", 1, batch=batch))
    assert found.recommended is not None
    assert found.at_edge is at_edge


def test_nothing_is_at_an_edge_where_nothing_fits_or_requests_come_at_a_rate() -> None:
    assert not evaluate(make_request("llama3_405b", "L4", 1)).at_edge
    asked = {"phase": "serving", "request_rate": 1.0}
    assert not evaluate(make_request("llama3_8b", "H100_80GB", 1, **asked)).at_edge
