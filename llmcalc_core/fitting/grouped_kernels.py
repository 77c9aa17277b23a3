"""Fits what kernels of a mixture's experts reach to timings of them alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Curve
from llmcalc_core.costmodel.operations import operation_seconds
from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.formulas import Floats

NAMES = ("floor_us", "memory", "compute", "sharpness", "half", "ramp_us", "half_columns")
"""What is fitted, as :class:`GroupedFacts` names it."""

_PRIOR = np.array([np.log(25.0), 1.5, 0.0, -0.5, np.log(40.0), np.log(10.0), np.log(100.0)])
_SPREAD = np.full(len(_PRIOR), 2.0)
"""Before any timing: logarithms, of shares of a peak the log-odds, of the norm's p what it is more
than 1. So wide that a hundred timings decide."""

_MOST = 0.95
"""Largest share of a peak: no kernel of a size that is run reaches more."""

_FOLDS, _ROUNDS = 5, 25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupedTimings:
    """Timings of grouped products on one device.

    Attributes
    ----------
    peak, bandwidth : float
        Of the device in the type [FLOP/s], and of its memory [bytes/s].
    flops, moved, size, columns : arrays
        Work as in :class:`Operation`.
    beside : array
        Time of what runs in the same measurement and is an operation of its own [s].
    seconds : array
        What was measured [s].
    """

    peak: float
    bandwidth: float
    flops: Floats
    moved: Floats
    size: Floats
    columns: Floats
    beside: Floats
    seconds: Floats

    def estimates(self, reached: dict[str, float]) -> Floats:
        """Time all of them if kernels reach that [s]."""
        curve = Curve(
            peak=self.peak,
            compute=reached["compute"],
            memory=reached["memory"],
            floor_s=reached["floor_us"] * 1e-6,
            sharpness=reached["sharpness"],
            half=reached["half"],
            ramp_s=reached["ramp_us"] * 1e-6,
            half_columns=reached["half_columns"],
        )
        busy, _ = operation_seconds(
            self.flops, self.moved, self.size, curve, self.bandwidth,
            columns=self.columns, bounds=False,
        )  # fmt: skip
        return np.asarray(busy + curve.floor_s + self.beside)

    def of(self, some: NDArray[np.bool_]) -> GroupedTimings:
        """Give some of them."""
        return GroupedTimings(
            peak=self.peak, bandwidth=self.bandwidth, flops=self.flops[some],
            moved=self.moved[some], size=self.size[some], columns=self.columns[some],
            beside=self.beside[some], seconds=self.seconds[some],
        )  # fmt: skip


def fit_grouped(timings: GroupedTimings) -> dict[str, float]:
    """Find what kernels reach: the curve with the least errors of the logarithm of times.

    Parameters
    ----------
    timings : GroupedTimings
        Of one kernel.

    Returns
    -------
    dict of str to float
        By ``NAMES``.

    Examples
    --------
    >>> work = np.geomspace(1e9, 1e13, 200)
    >>> ones = np.ones(200)
    >>> alike = dict(flops=work, moved=2e7 + work / 1e4, size=work / 1e8, columns=512 * ones,
    ...              beside=0 * ones)
    >>> truth = dict(floor_us=20.0, memory=0.8, compute=0.5, sharpness=2.0, half=30.0, ramp_us=8.0,
    ...              half_columns=100.0)
    >>> timed = GroupedTimings(peak=1e15, bandwidth=3e12, **alike, seconds=ones)
    >>> timed = GroupedTimings(peak=1e15, bandwidth=3e12, **alike, seconds=timed.estimates(truth))
    >>> errors = timed.estimates(fit_grouped(timed)) / timed.seconds - 1
    >>> bool(np.abs(errors).max() < 0.02)
    True
    """
    measured = np.log(timings.seconds)
    found = robust_least_squares(
        lambda at: np.log(timings.estimates(_reached(at))) - measured,
        _PRIOR, _SPREAD, rounds=_ROUNDS,
    )  # fmt: skip
    return _reached(found)


def left_out_estimates(timings: GroupedTimings, shapes: NDArray[np.int64]) -> Floats:
    """Time every row by a fit that saw no row of its shape.

    Parameters
    ----------
    timings : GroupedTimings
        Of one kernel.
    shapes : array of int
        Which mixture each row is of; they are divided into five parts, or as many as there are.

    Returns
    -------
    array
        Estimates [s]; NaN where all rows are of one shape.
    """
    known = np.unique(shapes)
    order = np.random.default_rng(1).permutation(len(known))
    part = order[np.searchsorted(known, shapes)] % _FOLDS
    estimates = np.full(len(shapes), np.nan)
    if len(known) > 1:
        for one in np.unique(part):
            out = part == one
            estimates[out] = timings.of(out).estimates(fit_grouped(timings.of(~out)))
    return estimates


def _reached(at: Floats) -> dict[str, float]:
    """Give what is reached at a point of the scales that the fit moves on."""
    floor, memory, compute, sharpness, *others = at
    values = (np.exp(floor), _share(memory), _share(compute), 1 + np.exp(sharpness))
    return dict(zip(NAMES, map(float, (*values, *np.exp(others))), strict=True))


def _share(odds: float) -> float:
    """Give the share of a peak at log-odds."""
    return float(_MOST / (1 + np.exp(-odds)))
