"""Fits what kernels reach to timings of them alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.kernel_facts import KernelFacts
from llmcalc_core.costmodel.efficiency import curve_of
from llmcalc_core.costmodel.operations import operation_seconds, product_seconds
from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.formulas import Floats

_SCALES: dict[str, tuple[float, Callable[[float], float]]] = {
    "floor_us": (math.log(25.0), math.exp),
    "memory": (1.5, lambda odds: _MOST / (1 + math.exp(-odds))),
    "compute": (0.0, lambda odds: _MOST / (1 + math.exp(-odds))),
    "sharpness": (-0.5, lambda logarithm: 1 + math.exp(logarithm)),
    "half": (math.log(40.0), math.exp),
    "ramp_us": (math.log(10.0), math.exp),
    "half_columns": (math.log(100.0), math.exp),
    "depth_us": (math.log(0.3), math.exp),
    "whole_waves": (0.0, lambda odds: 1 / (1 + math.exp(-odds))),
    "entering": (math.log(0.5), math.exp),
    "leaving": (math.log(0.5), math.exp),
}
"""What can be fitted, as the records of kernels name it: where it starts, on the scale that the fit
moves on (a logarithm, log-odds of a share, the logarithm of what the norm's p is more than 1), and
what a point of the scale is."""

FITTED = {
    "gemm": (
        "floor_us",
        "memory",
        "compute",
        "sharpness",
        "depth_us",
        "whole_waves",
        "entering",
        "leaving",
    ),
    "mixture": (
        "floor_us",
        "memory",
        "compute",
        "sharpness",
        "half",
        "ramp_us",
        "half_columns",
    ),
    "attention_prefill": (
        "floor_us",
        "memory",
        "compute",
        "sharpness",
        "half",
        "half_columns",
        "depth_us",
    ),
    "attention_decode": ("floor_us", "memory", "ramp_us"),
    "latent_prefill": ("floor_us", "memory", "compute", "sharpness", "half", "depth_us"),
    "recurrent_prefill": ("floor_us", "memory", "compute", "sharpness", "depth_us"),
    "latent_decode": ("floor_us", "memory", "compute", "sharpness", "ramp_us"),
}
"""What is fitted of each family."""

_SPREAD = 2.0
"""How far a start may be off, on its scale: so far that a hundred timings decide."""

_MOST = 0.95
"""Largest share of a peak: no kernel of a size that is run reaches more."""

_MOST_RATE = 0.88
"""Largest share of the peak rate in products, which in 16 bits reach 0.87 at the most (A100)."""

_FOLDS, _ROUNDS = 5, 25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelTimings:
    """Timings of like kernels on one device.

    Attributes
    ----------
    peak, bandwidth : float
        Of the device in the type [FLOP/s], and of its memory [bytes/s].
    tiles : int
        Tiles of a product of matrices that run at once [1]; 0 of other kernels.
    flops, moved, size, columns, inner, launches : arrays
        Work as in :class:`Operation`.
    beside : array
        Time of what runs in the same measurement and is an operation of its own [s].
    seconds : array
        What was measured [s].
    """

    peak: float
    bandwidth: float
    tiles: int = 0
    flops: Floats
    moved: Floats
    size: Floats
    columns: Floats
    inner: Floats
    launches: Floats
    beside: Floats
    seconds: Floats

    def estimates(self, known: KernelFacts) -> Floats:
        """Time all of them if kernels reach that [s]."""
        curve = replace(curve_of(known, self.peak), tiles=float(self.tiles))
        if self.tiles:
            sizes = self.size, self.columns, self.inner
            busy, _ = product_seconds(self.moved, sizes, curve, self.bandwidth, bounds=False)
        else:
            busy, _ = operation_seconds(
                self.flops, self.moved, self.size, curve, self.bandwidth,
                columns=self.columns, inner=self.inner, bounds=False,
            )  # fmt: skip
        return np.asarray(busy + self.launches * curve.floor_s + self.beside)

    def of(self, some: NDArray[np.bool_]) -> KernelTimings:
        """Give some of them."""
        return KernelTimings(
            peak=self.peak, bandwidth=self.bandwidth, tiles=self.tiles, flops=self.flops[some],
            moved=self.moved[some], size=self.size[some], columns=self.columns[some],
            inner=self.inner[some], launches=self.launches[some], beside=self.beside[some],
            seconds=self.seconds[some],
        )  # fmt: skip


def fit_kernels(timings: KernelTimings, names: Sequence[str]) -> dict[str, float]:
    """Find what kernels reach: the curve with the least errors of the logarithm of times.

    Parameters
    ----------
    timings : KernelTimings
        Of one kernel.
    names : sequence of str
        What is fitted; the rest is as :class:`KernelFacts` has it of itself.

    Returns
    -------
    dict of str to float
        By name.

    Examples
    --------
    >>> work, ones = np.geomspace(1e9, 1e13, 200), np.ones(200)
    >>> alike = dict(peak=1e15, bandwidth=3e12, flops=work, moved=2e7 + work / 1e4,
    ...              size=work / 1e8, columns=512 * ones, inner=0 * ones, launches=ones,
    ...              beside=0 * ones)
    >>> truth = KernelFacts(type="bf16", source="a doctest", floor_us=20.0, memory=0.8, compute=0.5,
    ...                     sharpness=2.0, half=30.0, ramp_us=8.0, half_columns=100.0)
    >>> took = KernelTimings(**alike, seconds=ones).estimates(truth)
    >>> found = fit_kernels(KernelTimings(**alike, seconds=took), FITTED["mixture"])
    >>> errors = KernelTimings(**alike, seconds=took).estimates(as_facts(found)) / took - 1
    >>> bool(np.abs(errors).max() < 0.02)
    True
    """
    start = np.array([_SCALES[name][0] for name in names])
    most = _MOST_RATE / _MOST if timings.tiles else 1.0
    measured = np.log(timings.seconds)

    def reached(at: Floats) -> dict[str, float]:
        found = {name: _SCALES[name][1](float(x)) for name, x in zip(names, at, strict=True)}
        return found | {name: most * found[name] for name in ("compute",) if name in found}

    found = robust_least_squares(
        lambda at: np.log(timings.estimates(as_facts(reached(at)))) - measured,
        start, np.full(len(start), _SPREAD), rounds=_ROUNDS,
    )  # fmt: skip
    return reached(found)


def as_facts(reached: dict[str, float]) -> KernelFacts:
    """Make a record of what was found, for estimates."""
    numbers: dict[str, Any] = dict(reached)
    return KernelFacts(type="bf16", source="a fit", **numbers)


def left_out_estimates(
    timings: KernelTimings, names: Sequence[str], shapes: NDArray[np.int64]
) -> Floats:
    """Time every row by a fit that saw no row of its shape.

    Parameters
    ----------
    timings : KernelTimings
        Of one kernel.
    names : sequence of str
        What is fitted.
    shapes : array of int
        Which shape each row is of; they are divided into five parts, or as many as there are.

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
            reached = as_facts(fit_kernels(timings.of(~out), names))
            estimates[out] = timings.of(out).estimates(reached)
    return estimates
