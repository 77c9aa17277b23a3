"""Calibration with rows of one's own: what moves, and what the report says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import Calibration, Hardware, calibrate, find_hardware, find_model
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.fitting.fit_hardware import SPREADS
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.workload.layout import Layout
from tests.core.own_rows import ALIKE, CONCURRENCIES, DEVICE, rows_like, served
from tests.core.physical_bound import bound_s
from tests.core.random_cases import ROUNDING, Case


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
    assert replace(slower.hardware, adjustments=(), own_runs=()) == DEVICE
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
        assert report[f"{stage}_ms"].to_numpy() == pytest.approx(expected, rel=0.01)
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
        assert errors == pytest.approx(expected, abs=0.02)


def test_rows_that_agree_move_nothing() -> None:
    found = calibrate(rows_like(), DEVICE)
    assert max(abs(step) for _, step in found.hardware.adjustments) < 0.05


def test_calibrating_again_changes_next_to_nothing(slower: Calibration) -> None:
    again = calibrate(rows_like(ttft=1.5, tpot=1.3), slower.hardware)
    first, second = dict(slower.hardware.adjustments), dict(again.hardware.adjustments)
    assert first.keys() == second.keys()
    assert max(abs(first[name] - second[name]) for name in first) < 0.01
    assert again.report["before_ms"].tolist() == slower.report["after_ms"].tolist()


def test_other_adjustments_stay() -> None:
    start = replace(DEVICE, adjustments=(("mixture_time", 0.1), ("first_token_s", 0.4)))
    rows = [
        {name: value for name, value in row.items() if name != "ttft_ms"}
        for row in rows_like(tpot=1.4)
    ]
    steps = dict(calibrate(rows, start).hardware.adjustments)
    assert steps["mixture_time"] == 0.1
    assert steps["first_token_s"] == 0.4  # a time per token tells nothing of it
    assert steps["memory_time"] > 0


def test_few_rows_move_less_than_many() -> None:
    rows = rows_like(tpot=1.4)
    few, many = (dict(calibrate(some, DEVICE).hardware.adjustments) for some in (rows[:2], rows))
    assert 0 < few["memory_time"] < many["memory_time"]


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
        llm.make_request("llama3_8b", device, 2, phase="prefill")
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
    row = rows_like()[0]
    assert served(row, slower.hardware)["basis"] == "measured"
    assert served(row | {"model": "llama3_70b"}, slower.hardware)["basis"] == "calibrated"


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
            phase="decode",
        )
        prompts = bound_s(replace(case, phase="prefill"))
        alone = bound_s(replace(case.with_work(batches=(1,)), phase="prefill"))
        assert estimate["tpot_ms"] / 1e3 * ROUNDING >= bound_s(case)
        assert estimate["ttft_ms"] / 1e3 * ROUNDING >= alone
        assert estimate["e2e_latency_ms"] / 1e3 * ROUNDING >= prompts
    assert summary["after_median"].max() < summary["before_median"].max()
    if factor < 1:  # impossible, and the report says so
        assert (summary["after_median"] > 0.5).all()


def test_how_it_shows(slower: Calibration) -> None:
    text = repr(slower)
    assert text.splitlines()[0] == "Calibration of H100_80GB"
    median = slower.summary().loc["tpot", "before_median"]
    assert f"tpot: median error {median:.0%} before" in text
    assert slower._repr_html_().count("<table") == 2


def test_nothing_global_changes() -> None:
    before = fitted()
    usual = served(ALIKE | {"concurrency": 8})
    calibrate(rows_like(ttft=2, tpot=2), DEVICE)
    assert fitted() == before
    assert served(ALIKE | {"concurrency": 8}) == usual
    assert np.all([device.adjustments == () for device in map(find_hardware, llm.list_hardware())])


def test_an_adjustment_of_no_constant_is_an_error() -> None:
    wrong = replace(find_hardware("H100_80GB"), adjustments=(("decode_tme", 0.1),))
    with pytest.raises(ValueError, match=r"adjustments .*'decode_tme'"):
        llm.estimate_decode_performance("llama2_7b", system_name=wrong)
