"""Estimates against published measurements, with room for the spread between engines."""

from __future__ import annotations

from statistics import median

import pytest

from tests.validation.published import Row, read

ROWS = read()


def test_half_of_the_published_figures_are_met_within_a_quarter() -> None:
    assert median(abs(row.error) for row in ROWS if row.trusted) < 0.25


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.trusted],
    ids=lambda row: f"{row.model}-{row.hardware}-{row.metric}",
)
def test_no_trusted_figure_is_off_by_a_factor_of_two(row: Row) -> None:
    assert -0.5 < row.error < 1.0
