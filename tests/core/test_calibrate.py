"""Calibration with rows of one's own: what is read, what moves, and what the report says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import Calibration, Hardware, calibrate, find_hardware, find_model
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.domain.parallelism import Layout
from llmcalc_core.fitting.own import SPREADS
from llmcalc_core.search.single import Workload
from tests.core.physical_bound import bound_s
from tests.core.random_cases import ROUNDING, Case

DEVICE = find_hardware("H100_80GB")
ALIKE = {"model": "llama3_8b", "tensor_parallel": 1, "input_tokens": 1000, "output_tokens": 200}
CONCURRENCIES = (1, 4, 16, 64, 128)
Row = dict[str, Any]


def served(row: Row, hardware: Hardware = DEVICE) -> dict[str, Any]:
    """What the calculator says of a row."""
    named = {"ttft_ms", "tpot_ms", "e2e_ms", "kind", "precision"}
    asked = {name: value for name, value in row.items() if name not in named}
    return llm.estimate_serving_performance(
        **asked, system_name=hardware, bits=row.get("precision", "bf16"), memory_fraction=1.0
    )


def rows_like(
    hardware: Hardware = DEVICE, *, ttft: float = 1.0, tpot: float = 1.0, **changes: Any
) -> list[Row]:
    """Measured as the calculator says of a device, times factors."""
    rows = [ALIKE | changes | {"concurrency": count} for count in CONCURRENCIES]
    found = [served(row, hardware) for row in rows]
    return [
        row | {"ttft_ms": ttft * one["ttft_ms"], "tpot_ms": tpot * one["tpot_ms"]}
        for row, one in zip(rows, found, strict=True)
    ]


@pytest.fixture(scope="module")
def slower() -> Calibration:
    return calibrate(rows_like(ttft=1.5, tpot=1.3), DEVICE)


def test_five_rows_help(slower: Calibration) -> None:
    summary = slower.summary()
    for metric in ("ttft", "tpot"):
        row = summary.loc[metric]
        assert row["n"] == 5
        assert row["after_median"] < row["before_median"] / 2
        assert row["left_out_median"] < row["before_median"]
        for stage in ("before", "after", "left_out"):
            assert row[f"{stage}_median"] <= row[f"{stage}_largest"]


def test_only_the_adjustments_change(slower: Calibration) -> None:
    assert replace(slower.hardware, adjustments=()) == DEVICE
    assert {name for name, _ in slower.hardware.adjustments} <= set(SPREADS)
    assert find_hardware(slower.hardware) is slower.hardware


def test_the_report_is_what_the_functions_say(slower: Calibration) -> None:
    report = slower.report
    assert report.index.tolist() == [row for row in range(1, 6) for _ in range(2)]
    assert report["metric"].tolist() == ["ttft", "tpot"] * 5
    assert set(report["model"]) == {find_model("llama3_8b").model}
    for stage, hardware in (("before", DEVICE), ("after", slower.hardware)):
        expected = [
            served(row, hardware)[metric]
            for row in rows_like()
            for metric in ("ttft_ms", "tpot_ms")
        ]
        assert report[f"{stage}_ms"].to_numpy() == pytest.approx(expected, rel=1e-9)
        errors = report[f"{stage}_ms"] / report["measured_ms"] - 1
        assert report[f"{stage}_error"].to_numpy() == pytest.approx(errors.to_numpy(), abs=1e-12)


def test_the_summary_by_hand() -> None:
    report = pd.DataFrame(
        {
            "metric": ["ttft", "tpot", "ttft", "ttft"],
            "before_error": [0.5, 0.4, -0.7, 0.1],
            "after_error": [0.1, -0.2, 0.0, -0.3],
            "left_out_error": [0.2, 0.3, -0.1, -0.4],
        }
    )
    summary = Calibration(DEVICE, report).summary()
    assert summary.index.name == "metric"
    assert summary.loc["ttft"].to_dict() == {
        "n": 3, "before_median": 0.5, "before_largest": 0.7, "after_median": 0.1,
        "after_largest": 0.3, "left_out_median": 0.2, "left_out_largest": 0.4,
    }  # fmt: skip
    assert summary.loc["tpot"].tolist() == [1, 0.4, 0.4, 0.2, 0.2, 0.3, 0.3]


def test_a_left_out_row_is_predicted_by_the_others() -> None:
    rows = rows_like()
    for row, factor in zip(rows, (2.0, 1.0, 3.0, 0.8, 1.0), strict=True):
        row["ttft_ms"] *= factor
        row["tpot_ms"] *= factor
    whole = calibrate(rows, DEVICE).report
    for place, row in enumerate(rows):
        rest = calibrate(rows[:place] + rows[place + 1 :], DEVICE)
        found = served(row, rest.hardware)
        expected = [found[metric] / row[metric] - 1 for metric in ("ttft_ms", "tpot_ms")]
        errors = whole.loc[place + 1, "left_out_error"].tolist()
        assert errors == pytest.approx(expected, rel=1e-6)


def test_rows_that_agree_move_nothing() -> None:
    found = calibrate(rows_like(), DEVICE)
    assert max(abs(step) for _, step in found.hardware.adjustments) < 1e-6


def test_calibrating_again_changes_next_to_nothing(slower: Calibration) -> None:
    again = calibrate(rows_like(ttft=1.5, tpot=1.3), slower.hardware)
    first, second = dict(slower.hardware.adjustments), dict(again.hardware.adjustments)
    assert first.keys() == second.keys()
    assert max(abs(first[name] - second[name]) for name in first) < 0.01
    assert again.report["before_ms"].tolist() == slower.report["after_ms"].tolist()


def test_other_adjustments_stay() -> None:
    start = replace(DEVICE, adjustments=(("gemm_time", 0.1), ("first_token_s", 0.4)))
    rows = [
        {name: value for name, value in row.items() if name != "ttft_ms"}
        for row in rows_like(tpot=1.4)
    ]
    steps = dict(calibrate(rows, start).hardware.adjustments)
    assert steps["gemm_time"] == 0.1
    assert steps["first_token_s"] == 0.4  # a time per token tells nothing of it
    assert steps["decode_time"] > 0


def test_few_rows_move_less_than_many() -> None:
    rows = rows_like(tpot=1.4)
    few, many = (dict(calibrate(some, DEVICE).hardware.adjustments) for some in (rows[:2], rows))
    assert 0 < few["decode_time"] < many["decode_time"]


# Each of the ways to hand a device over.
FUNCTIONS: dict[str, Callable[[Hardware], float]] = {
    "serving": lambda device: served(rows_like()[2], device)["tpot_ms"],
    "decode": lambda device: llm.estimate_decode_performance(
        "llama3_8b", 16, system_name=device
    )["latency"],
    "prefill": lambda device: llm.estimate_prefill_performance(
        "llama3_8b", 16, system_name=device
    )["latency"],
    "end to end": lambda device: llm.estimate_end_to_end_performance(
        "llama3_8b", 16, system_name=device
    )["latency"],
    "explore": lambda device: llm.explore("llama3_8b", device, 2)["tpot_s"].min(),
    "evaluate": lambda device: llm.evaluate(
        llm.make_request("llama3_8b", device, 2, stage="prefill")
    ).frame["ttft_s"].min(),
    "best": lambda device: 1 / llm.get_pareto_optimal_performance(
        model="llama3_8b", total_nodes=2, batch_list=[8], system_name=device
    )["Tokens/s"].max(),
}  # fmt: skip


@pytest.mark.parametrize("ask", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_every_function_takes_the_device(
    ask: Callable[[Hardware], float], slower: Calibration
) -> None:
    assert ask(slower.hardware) > ask(DEVICE)


def test_a_calibrated_device_counts_as_measured(slower: Calibration) -> None:
    assert served(rows_like()[0], slower.hardware)["basis"] == "measured"


@pytest.mark.parametrize("factor", [0.1, 1e-4, 10, 1e4])
def test_absurd_measurements_stay_possible(factor: float) -> None:
    found = calibrate(rows_like(ttft=factor, tpot=factor), DEVICE)
    summary = found.summary()
    for count in CONCURRENCIES:
        estimate = served(ALIKE | {"concurrency": count}, found.hardware)
        case = Case(
            config=find_model("llama3_8b"),
            hardware=DEVICE,
            precision=llm.Precision(),
            layout=Layout(),
            workload=Workload(batches=(count,), input_tokens=1000, output_tokens=200),
            stage="decode",
        )
        prompts = bound_s(replace(case, stage="prefill"))
        alone = bound_s(replace(case.with_work(batches=(1,)), stage="prefill"))
        assert estimate["tpot_ms"] / 1e3 * ROUNDING >= bound_s(case)
        assert estimate["ttft_ms"] / 1e3 * ROUNDING >= alone
        assert estimate["e2e_latency_ms"] / 1e3 * ROUNDING >= prompts
    assert summary["after_median"].max() < summary["before_median"].max()
    if factor < 1:  # impossible, and the report says so
        assert (summary["after_median"] > 0.5).all()


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
    assert found == pytest.approx(expected, rel=1e-9)


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


def test_how_it_shows(slower: Calibration) -> None:
    text = repr(slower)
    assert text.splitlines()[0] == "Calibration of H100_80GB"
    median = slower.summary().loc["tpot", "before_median"]
    assert f"tpot: median error {median:.0%} before" in text
    assert slower._repr_html_().count("<table") == 2


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
    # 85.5 GB hold 16.1 GB of weights and 2.0 GB of activations and reserve; a cached token takes
    # 128 KiB, so 100,200 of them 13.1 GB.
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


def test_nothing_global_changes() -> None:
    before = fitted()
    usual = served(ALIKE | {"concurrency": 8})
    calibrate(rows_like(ttft=2, tpot=2), DEVICE)
    assert fitted() == before
    assert served(ALIKE | {"concurrency": 8}) == usual
    assert np.all([device.adjustments == () for device in map(find_hardware, llm.list_hardware())])


def test_an_adjustment_of_no_constant_is_an_error() -> None:
    wrong = replace(find_hardware("H100_80GB"), adjustments=(("decode_tme", 0.1),))
    with pytest.raises(ValueError, match=r"adjustments .*'decode_tme'.*decode_time"):
        llm.estimate_decode_performance("llama2_7b", system_name=wrong)
