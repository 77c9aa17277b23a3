"""Estimates against the project's tables of measurements, with room for the spread of engines."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from llmcalc_core.validation import errors, predict_file

MEASURED = Path(__file__).parents[2] / "examples" / "measured"
TABLES = ("published.csv", "closed_loop.csv", "saturated.csv", "unseen.csv", "newer.csv")
NOT_TRUSTED = pd.read_csv(MEASURED / "not_trusted.csv")


@cache
def errors_of(table: str) -> pd.DataFrame:
    """Predict a table, when a test first asks for it, and say what is not trusted of it."""
    outcomes = predict_file(MEASURED / table)[1]
    assert [outcome.reason for outcome in outcomes if outcome.reason] == []
    return errors(outcomes).merge(NOT_TRUSTED, on=["id", "metric"], how="left")


@cache
def open_loop_errors() -> pd.DataFrame:
    """Simulate the runs at a rate, when a test first asks for them."""
    return errors(predict_file(MEASURED / "open_loop.csv")[1])


@pytest.mark.parametrize("table", TABLES)
def test_half_of_the_figures_are_met_within_a_quarter(table: str) -> None:
    listed = errors_of(table)
    assert listed.loc[listed["reason"].isna(), "error"].abs().median() < 0.25


@pytest.mark.parametrize("table", TABLES)
def test_no_trusted_figure_is_off_by_a_factor_of_two(table: str) -> None:
    listed = errors_of(table)
    trusted = listed[listed["reason"].isna()].set_index(["id", "metric"])["error"]
    assert trusted[(trusted <= -0.5) | (trusted >= 1.0)].to_dict() == {}


def test_every_figure_that_is_not_trusted_is_in_a_table() -> None:
    found = pd.concat([errors_of(table) for table in TABLES])
    assert len(NOT_TRUSTED) == found["reason"].notna().sum()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_its_source(table: str) -> None:
    assert pd.read_csv(MEASURED / table)["source_ref"].str.contains("github").all()


@pytest.mark.parametrize(
    ("metric", "most"),
    [("TTFT mean", 0.15), ("TTFT p99", 0.3), ("TPOT mean", 0.1), ("end to end mean", 0.1)],
)
def test_half_of_the_runs_at_a_rate_are_met(metric: str, most: float) -> None:
    listed = open_loop_errors()
    listed = listed[listed["metric"] == metric]
    assert len(listed) == 12
    assert listed["error"].abs().median() < most


def test_overload_is_recognised() -> None:
    listed = open_loop_errors()
    waits = listed[listed["metric"] == "TTFT mean"]
    overloaded = waits["measured_ms"] > 10_000
    assert (overloaded == (waits["estimated_ms"] > 10_000)).all()
    assert overloaded.sum() == 2


def test_every_run_at_a_rate_names_its_source() -> None:
    assert pd.read_csv(MEASURED / "open_loop.csv")["source"].str.contains("github").all()
