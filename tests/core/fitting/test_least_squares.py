"""Robust least squares with priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.formulas import Floats

# A line through the points (0, 1), (1, 3), ... with noise that sums to nothing.
ACROSS = np.arange(20.0)
NOISE = 0.02 * np.where(np.arange(20) % 2, 1, -1)
LINE = 1 + 2 * ACROSS + NOISE


def line_fit(measured: Floats, **changes: Any) -> Floats:
    given = {"prior": np.zeros(2), "spread": np.full(2, 1e3)} | changes
    return robust_least_squares(lambda at: at[0] + at[1] * ACROSS - measured, **given)


def test_solve_finds_known_parameters() -> None:
    assert line_fit(LINE) == pytest.approx([1, 2], abs=0.02)
    assert line_fit(LINE, start=np.array([50.0, -7.0])) == pytest.approx([1, 2], abs=0.02)


def test_solve_is_hardly_moved_by_outliers() -> None:
    measured = LINE.copy()
    measured[[3, 11, 17]] += [40.0, -60.0, 500.0]
    plain = np.polyfit(ACROSS, measured, 1)[::-1]
    assert abs(plain - [1, 2]).max() > 2
    assert line_fit(measured) == pytest.approx([1, 2], abs=0.1)


def test_solve_weighs_the_prior_by_its_spread() -> None:
    # One small residual x - 0.01 and a belief of 0 within s: the loss is nearly square there, so
    # x = 0.01 / (1 + (scale / s)**2), which is half of it where s is the scale.
    for spread, part in ((0.15, 0.5), (0.05, 0.1), (1e6, 1.0)):
        (found,) = robust_least_squares(
            lambda at: at - 0.01, prior=np.zeros(1), spread=np.array([spread]), scale=0.15
        )
        assert found == pytest.approx(0.01 * part, rel=0.01)


def test_solve_leaves_what_nothing_is_known_of() -> None:
    found = robust_least_squares(
        lambda at: at[:1] - 1.0, prior=np.array([0.0, 0.7]), spread=np.full(2, 10.0),
        start=np.array([0.0, -3.0]),
    )  # fmt: skip
    assert found == pytest.approx([1.0, 0.7], abs=0.01)


def test_solve_steps_back_from_where_there_is_no_number() -> None:
    def residuals(at: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.log(at) - np.log(0.001)

    (found,) = robust_least_squares(residuals, prior=np.array([5.0]), spread=np.array([1e3]))
    assert found == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_parameters_at_the_end_of_their_range_do_not_stop_the_others(seed: int) -> None:
    # Of six parameters some are at their least, below which nothing changes. What is found from
    # there fits no worse than the truth does, which has noise, too.
    drawn = np.random.default_rng(seed)
    across, least = drawn.normal(size=(60, 6)), drawn.uniform(-0.3, 0.3, 6)
    truth = 0.5 * drawn.normal(size=6)
    measured = across @ np.maximum(truth, least) + 0.02 * drawn.normal(size=60)

    def residuals(at: Floats) -> Floats:
        missed: Floats = across @ np.maximum(at, least) - measured
        return missed

    found = robust_least_squares(
        residuals, prior=np.zeros(6), spread=np.full(6, 10.0), start=least.copy()
    )
    missed, least_missed = (float(np.square(residuals(at)).mean()) for at in (found, truth))
    assert missed <= 1.02 * least_missed
