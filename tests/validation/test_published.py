"""Estimates against the project's tables of measurements, with room for the spread of engines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from llmcalc_core.validation import errors, predict_file

MEASURED = Path(__file__).parents[2] / "examples" / "measured"
TABLES = ("published.csv", "closed_loop.csv", "saturated.csv", "unseen.csv", "newer.csv")
NOT_TRUSTED = pd.read_csv(MEASURED / "not_trusted.csv")


def _errors(table):
    outcomes = predict_file(MEASURED / table)[1]
    assert [outcome.reason for outcome in outcomes if outcome.reason] == []
    return errors(outcomes).merge(NOT_TRUSTED, on=["id", "metric"], how="left")


ERRORS = {table: _errors(table) for table in TABLES}
TRUSTED = pd.concat([listed[listed["reason"].isna()] for listed in ERRORS.values()])


@pytest.mark.parametrize("table", TABLES)
def test_half_of_the_figures_are_met_within_a_quarter(table):
    listed = ERRORS[table]
    assert listed.loc[listed["reason"].isna(), "error"].abs().median() < 0.25


@pytest.mark.parametrize(
    "error", [pytest.param(row.error, id=f"{row.id}-{row.metric}") for row in TRUSTED.itertuples()]
)
def test_no_trusted_figure_is_off_by_a_factor_of_two(error):
    assert -0.5 < error < 1.0


def test_every_figure_that_is_not_trusted_is_in_a_table():
    found = pd.concat(ERRORS.values())
    assert len(NOT_TRUSTED) == found["reason"].notna().sum()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_its_source(table):
    assert pd.read_csv(MEASURED / table)["source_ref"].str.contains("github").all()


OPEN_LOOP = errors(predict_file(MEASURED / "open_loop.csv")[1])


@pytest.mark.parametrize(
    ("metric", "most"),
    [("TTFT mean", 0.15), ("TTFT p99", 0.3), ("TPOT mean", 0.1), ("end to end mean", 0.1)],
)
def test_half_of_the_runs_at_a_rate_are_met(metric, most):
    listed = OPEN_LOOP[OPEN_LOOP["metric"] == metric]
    assert len(listed) == 12
    assert listed["error"].abs().median() < most


def test_overload_is_recognised():
    waits = OPEN_LOOP[OPEN_LOOP["metric"] == "TTFT mean"]
    overloaded = waits["measured_ms"] > 10_000
    assert (overloaded == (waits["estimated_ms"] > 10_000)).all()
    assert overloaded.sum() == 2


def test_every_run_at_a_rate_names_its_source():
    assert pd.read_csv(MEASURED / "open_loop.csv")["source"].str.contains("github").all()
