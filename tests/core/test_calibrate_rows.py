"""Rows to calibrate with: what is read of them, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import calibrate, find_model
from tests.core.own_rows import ALIKE, DEVICE, rows_like, served


def test_what_a_row_says_is_used() -> None:
    several = [
        ALIKE | {"concurrency": 8, "tpot_ms": 20.0, "engine": "TensorRT-LLM", "precision": "FP8"},
        ALIKE | {"concurrency": 8, "tpot_ms": 20.0, "tensor_parallel": 4},
        ALIKE | {"concurrency": 8, "tpot_ms": 20.0, "model": "mixtral_8x7b",
                 "tensor_parallel": 2, "expert_parallel": 4, "attention_data_parallel": 2},
    ]  # fmt: skip
    found = calibrate(several, DEVICE, engine="sglang").report["before_ms"].tolist()
    several[0]["engine"] = "trtllm"
    expected = [served({"engine": "sglang"} | row)["tpot_ms"] for row in several]
    assert found == pytest.approx(expected, rel=0.01)  # a table of steps beside each of them


@pytest.mark.parametrize(
    ("said", "fixed"), [(True, True), (" TRUE ", True), ("false", False), (None, False)]
)
def test_lengths_may_be_fixed(said: object, fixed: bool) -> None:  # noqa: FBT001 - a case
    row = ALIKE | {"concurrency": 32, "tpot_ms": 20.0, "engine": "sglang"}
    found = calibrate([row | {"fixed_lengths": said}] * 3, DEVICE).report["before_ms"].tolist()
    expected = served(row | {"fixed_lengths": fixed})["tpot_ms"]
    assert found == pytest.approx([expected] * 3, rel=0.01)
    assert expected != served(row | {"fixed_lengths": not fixed})["tpot_ms"]


def test_lengths_that_are_neither() -> None:
    rows = [row | {"fixed_lengths": "maybe"} for row in rows_like()]
    with pytest.raises(
        ValueError, match=r"row 1 .* fixed_lengths must be True or False, got 'maybe'"
    ):
        calibrate(rows, DEVICE)


def test_static_batches() -> None:
    row = ALIKE | {"concurrency": 8, "kind": "static"}
    found = calibrate([row | {"ttft_ms": 99, "tpot_ms": 9, "e2e_ms": 3000}], DEVICE).report
    asked = {"model": "llama3_8b", "batch_size": 8, "input_tokens": 1000, "system_name": DEVICE}
    whole = llm.estimate_end_to_end_performance(**asked, output_tokens=200)
    assert found["metric"].tolist() == ["ttft", "tpot", "latency"]
    expected = [whole["ttft"], whole["average_tpot"], whole["latency"]]
    assert found["before_ms"].tolist() == pytest.approx(expected, rel=1e-9)


def test_a_file_a_frame_and_a_list_are_the_same(tmp_path: Path) -> None:
    rows = rows_like(ttft=1.5, tpot=1.3)
    rows[1]["ttft_ms"] = None
    rows[2] |= {"kind": "static", "precision": "fp16", "engine": None}
    frame = pd.DataFrame(rows, index=list("abcde"))
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    listed, framed = calibrate(rows, DEVICE), calibrate(frame, DEVICE)
    for found in (framed, calibrate(path, DEVICE), calibrate(str(path), "h100_80gb")):
        assert found.hardware == listed.hardware
        assert found.report.to_numpy().tolist() == listed.report.to_numpy().tolist()
    assert listed.report.index.tolist() == [1, 1, 2, 3, 3, 4, 4, 5, 5]
    assert framed.report.index.tolist() == list("aabccddee")


def test_columns_in_any_case_and_models_of_ones_own() -> None:
    config = replace(find_model("llama3_8b"), model="<b>mine</b>")
    rows = [row | {"model": config} for row in rows_like()]
    rows = [{name.upper(): value for name, value in row.items()} for row in rows]
    found = calibrate(rows, replace(DEVICE, name="<i>box</i>"))
    assert set(found.report["model"]) == {"<b>mine</b>"}
    html = found._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;mine" in html


GOOD = {**ALIKE, "concurrency": 8, "ttft_ms": 50.0, "tpot_ms": 9.0}
BAD_CELLS = {
    "model": ("lama3_8b", "unknown model 'lama3_8b'; did you mean"),
    "tensor_parallel": (3, "tensor_parallel must divide the 32 attention heads .* value is 2"),
    "pipeline_parallel": (2, "pipeline_parallel must be 1 in a row to calibrate with, got 2"),
    "expert_parallel": (2, "expert_parallel must be 1 for .*, got 2"),
    "attention_data_parallel": (2, "attention_data_parallel must be 1 for .*, got 2"),
    "precision": ("bf61", "bits must be one of fp32, .* got 'bf61'; did you mean 'bf16'"),
    "engine": ("vlm", "engine must be one of vllm, .* got 'vlm'; did you mean 'vllm'"),
    "kind": ("statik", "kind must be one of closed_loop, static, .* did you mean 'static'"),
    "concurrency": (2.5, "concurrency must be a whole number .* got 2.5; the nearest .* is 2"),
    "input_tokens": ("many", "input_tokens must be a number, got 'many'"),
    "output_tokens": (0, "output_tokens must be a whole number .* got 0; the nearest .* is 1"),
    "ttft_ms": (-3.0, r"ttft_ms must be a finite number above 0 \[ms\], got -3.0"),
    "tpot_ms": (float("inf"), r"tpot_ms must be a finite number above 0 \[ms\], got inf"),
    "e2e_ms": (9.0, "e2e_ms is for rows of kind 'static', got 9.0 in a closed loop"),
}


@pytest.mark.parametrize("column", BAD_CELLS)
def test_a_cell_that_is_not_valid(column: str) -> None:
    value, message = BAD_CELLS[column]
    with pytest.raises(ValueError, match=f"^row 2 of the measurements: {message}"):
        calibrate([GOOD, GOOD | {column: value}, GOOD], DEVICE)


@pytest.mark.parametrize("column", ALIKE)
@pytest.mark.parametrize("blank", [None, float("nan"), " ", pd.NA], ids=repr)
def test_a_blank_cell(column: str, blank: object) -> None:
    with pytest.raises(ValueError, match=f"^row 2 of the measurements: {column} is blank$"):
        calibrate([GOOD, GOOD | {column: blank}, GOOD], DEVICE)


def test_a_row_without_figures() -> None:
    empty = {"ttft_ms": None, "tpot_ms": None}
    with pytest.raises(ValueError, match=r"^row 2 .* one of ttft_ms, tpot_ms must be given$"):
        calibrate([GOOD, GOOD | empty, GOOD], DEVICE)


def test_more_requests_than_fit() -> None:
    # 85.0 GB hold 16.1 GB of weights, 1.8 GB of the sampler of 1,024 requests and 0.8 GB outside; a
    # cached token takes 128 KiB, so 100,200 of them 13.1 GB.
    crowd = GOOD | {"concurrency": 64, "input_tokens": 100_000}
    with pytest.raises(ValueError, match="concurrency must be at most 5, as many requests as fit"):
        calibrate([GOOD, crowd], DEVICE)


@pytest.mark.parametrize(
    ("measurements", "message"),
    [
        ([GOOD | {"ttft": 3.0}], "must be one of model, .* got 'ttft'; did you mean 'ttft_ms'"),
        ([{"model": "llama3_8b"}], "missing: tensor_parallel, concurrency, input_tokens, output"),
        ([GOOD | {"TTFT_MS": 3.0}], "must occur once, got 'ttft_ms' twice"),
        ([GOOD], r"at least 3 figures \(ttft_ms, tpot_ms, e2e_ms\) .* got 2"),
        ([], "missing: model"),
        (GOOD, "must be a DataFrame, a list of dicts or the path of a CSV file, got dict"),
        ([1, 2], "must be a DataFrame, a list of dicts or the path of a CSV file, got list"),
    ],
)
def test_measurements_that_make_no_sense(measurements: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibrate(measurements, DEVICE)


def test_a_file_with_a_bad_cell_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame([GOOD, GOOD, GOOD | {"concurrency": "x"}]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=re.escape("row 3 of the measurements: concurrency must")):
        calibrate(path, DEVICE)


def test_names_are_checked_first() -> None:
    with pytest.raises(ValueError, match=r"unknown hardware .* did you mean 'H100_80GB'"):
        calibrate([GOOD], "H100_80G")
    with pytest.raises(ValueError, match=r"engine must be one of .* did you mean 'vllm'"):
        calibrate([GOOD], DEVICE, engine="vlm")
