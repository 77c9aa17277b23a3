"""What is no argument of a public function is refused in words, before anything is built."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm

H100 = llm.find_hardware("H100_80GB")
ASKED = ("llama3_8b", "H100_80GB")
ROW = {"model": "llama3_8b", "tensor_parallel": 1, "concurrency": 8, "input_tokens": 100,
       "output_tokens": 10, "tpot_ms": 9.0}  # fmt: skip

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "bandwidth in GB/s": (
        lambda: H100.replace(memory_bandwidth=3350),
        r"memory_bandwidth must be .* \[bytes/s\], got 3350; did you mean 3.35e\+12 \(3350 GB/s\)",
    ),
    "no bandwidth": (lambda: H100.replace(memory_bandwidth=1e-308), "got 1e-308"),
    "memory in GB": (lambda: H100.replace(memory_bytes=80), r"did you mean 8e\+10 \(80 GB\)"),
    "rate in TFLOP/s": (
        lambda: H100.replace(flops={"bf16": 989}), r"flops of bf16 .*did you mean 9.89e\+14",
    ),
    "no data type": (lambda: H100.rate("fp3"), "data_type must be one of fp32"),
    "truth as text": (
        lambda: llm.estimate_serving_performance(
            "llama3_8b", 8, 100, 100, "H100_80GB", chunked_prefill="no"  # type: ignore[arg-type]
        ),
        "chunked_prefill must be True or False, got 'no'",
    ),
    "a load beyond all": (
        lambda: llm.find_slo_plan(*ASKED, 1e300), r"requests_per_s must be .* got 1e\+300",
    ),
    "context of no worker": (
        lambda: llm.explore_disaggregated(*ASKED, devices=4, context_parallel=3),
        r"context_parallel must divide devices \(\[1, 2, 4\]\), got \[3\]",
    ),
    "no request": (lambda: llm.evaluate(None), "request must be one from make_request, got None"),  # type: ignore[arg-type]
    "no request of a sweep": (
        lambda: list(llm.evaluate_cases("x")), "request must be one from make_request, got str",  # type: ignore[arg-type]
    ),
    "no request to explain": (
        lambda: llm.explain({}, {}), "request must be one from make_request, got dict",  # type: ignore[arg-type]
    ),
    "no frame": (lambda: llm.compare_hardware(3), "must be a DataFrame from explore, got int"),  # type: ignore[arg-type]
    "another frame": (
        lambda: llm.slo_plans(pd.DataFrame({"hardware": ["a"]}), 1),
        "must have the columns of explore, got one without devices, replicas, tpot_s",
    ),
    "lengths that differ": (
        lambda: llm.pareto_mask(np.ones(2), np.ones(1)), "arrays of one length, got the shapes",
    ),
    "no file": (lambda: llm.calibrate("", "H100_80GB"), "got '', which is no file on this machine"),
    "a folder": (lambda: llm.calibrate("/", "H100_80GB"), "got '/', which is no file"),
    "an address, as nothing is fetched": (
        lambda: llm.calibrate("https://example.invalid/rows.csv", "H100_80GB"),
        "'https://example.invalid/rows.csv', which is no file on this machine",
    ),
    "a measured zero": (
        lambda: llm.calibrate([{**ROW, "tpot_ms": 0}] * 5, "H100_80GB"),
        "row 1 of the measurements: tpot_ms must be a finite number above 0",
    ),
}  # fmt: skip

TOO_LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "a range without end": ({"batch": range(10**12)}, "batch must hold at most 100000 values"),
    "batches and prompts": (
        {"batch": range(1, 100_001), "input_tokens": list(range(1, 101))},
        r"at most 20000000 candidates \(max_candidates\), got \d{9} \(a frame of about \d+.\d GB\)",
    ),
    "every number of devices": (
        {"devices": range(1, 4097), "batch": range(1, 5000)}, "at most 20000000 candidates",
    ),
    "a range of shares": (
        {"prefix_hit_rate": np.linspace(0, 1, 10_000).tolist()},
        "at most 1000 combinations of values, got 10000: those of prefix_hit_rate",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "says"), REFUSED.values(), ids=REFUSED)
def test_is_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize(("arguments", "says"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_much_is_refused_before_it_is_built(arguments: dict[str, Any], says: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=says):
        llm.explore(*ASKED, **arguments)
    assert time.process_time() - start < 30  # of hours


def test_a_user_sets_how_much_is_too_much() -> None:
    frame = llm.explore(*ASKED, 1, batch=[1, 8])
    assert len(llm.explore(*ASKED, 1, batch=[1, 8], max_candidates=len(frame))) == len(frame)
    with pytest.raises(ValueError, match="at most 1 candidates"):
        llm.explore(*ASKED, 1, batch=[1, 8], max_candidates=len(frame) - 1)


def test_a_sweep_larger_than_the_limit_comes_in_parts() -> None:
    request = llm.make_request(
        "llama3_8b", ["H100_80GB", "A100_80GB"], 1, batch=[1, 8], max_candidates=2
    )
    with pytest.raises(ValueError, match="got 4"):
        llm.evaluate(request)
    assert [len(part.frame) for part in llm.evaluate_cases(request)] == [2, 2]


def test_counts_of_a_cluster_are_plain_numbers() -> None:
    made = H100.cluster(2, np.int64(4))  # type: ignore[arg-type]
    assert type(made.devices_per_domain) is int
    assert type(made.device_limit) is int
    assert "np." not in repr(made)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="must be a CSV file with a header"):
        llm.calibrate(path, "H100_80GB")


def test_columns_of_a_frame_are_arguments_of_an_estimate() -> None:
    # 0.1.0 multiplied 32-bit columns: a cost of -0.143 USD.
    row = llm.explore("llama3_8b", "B200", 1, batch=256, input_tokens=100_000).iloc[0]
    counts = {"batch_size": row["batch"], "input_tokens": row["input_tokens"]}
    plain = {name: int(value) for name, value in counts.items()}
    asked = {"model": "llama3_8b", "system_name": "B200", "output_tokens": np.int32(100_000)}
    found = llm.estimate_end_to_end_performance(**asked, **counts)
    assert found == llm.estimate_end_to_end_performance(
        **{**asked, "output_tokens": 100_000}, **plain
    )
