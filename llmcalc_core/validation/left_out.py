"""Errors on what a fit has not seen: rows, whole pairs of model and device, whole devices."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from llmcalc_core.calibration.constants import Constants
from llmcalc_core.fitting.parameters import Parameter, as_constants, fit
from llmcalc_core.fitting.run import Run
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats

_FOLDS = 5
_SEED = 0
_ROUNDS = 4
"""Iterations of a fit that starts from one to nearly the same runs."""


def rows(runs: Runs) -> list[Hashable]:
    """Divide configurations into five parts at random, always the same."""
    drawn = np.random.default_rng(_SEED).integers(0, _FOLDS, len(runs.configurations))
    part = dict(zip(runs.configurations, drawn.tolist(), strict=True))
    return [part[run.configuration] for run in runs.runs]


def pairs(runs: Runs) -> list[Hashable]:
    """Divide runs by model and device."""
    return [run.configuration.pair for run in runs.runs]


def groups_of_pairs(runs: Runs) -> list[Hashable]:
    """Divide runs by model and device, and these pairs into five parts at random."""
    each = pairs(runs)
    known = tuple(dict.fromkeys(each))
    drawn = np.random.default_rng(_SEED).integers(0, _FOLDS, len(known)).tolist()
    part = dict(zip(known, drawn, strict=True))
    return [part[pair] for pair in each]


def devices(runs: Runs) -> list[Hashable]:
    """Divide runs by device."""
    return [run.configuration.hardware.calibration for run in runs.runs]


def left_out_misses(
    runs: Runs,
    weights: Floats,
    moved: tuple[Parameter, ...],
    parts: Sequence[Hashable],
    *,
    start: Floats,
    rounds: int = _ROUNDS,
) -> Floats:
    """Estimate each part by a fit to all the others.

    Parameters
    ----------
    runs, weights, moved
        As in :func:`llmcalc_core.fitting.parameters.fit`.
    parts : sequence
        Which part each run is of.
    start : array
        Steps to start each fit from.
    rounds : int, optional
        Most iterations of each fit.

    Returns
    -------
    array
        Logarithm of each estimate over its measurement.
    """
    left_out = np.zeros(len(weights))
    for part in dict.fromkeys(parts):
        own = np.array([other == part for other in parts])
        steps = fit(runs, np.where(own, 0.0, weights), moved, start=start, rounds=rounds)
        left_out[own] = runs.log_errors(as_constants(moved, steps))[own]
    return left_out


def uncalibrated_misses(runs: Runs, constants: Constants) -> Floats:
    """Estimate each run as if nothing were known of its device but the peaks.

    Parameters
    ----------
    runs : Runs
        What was measured.
    constants : Constants
        The fitted ones; shifts of a device are not used.

    Returns
    -------
    array
        Logarithm of each estimate over its measurement.
    """
    return Runs([_on_a_stranger(run) for run in runs.runs]).log_errors(constants)


def _on_a_stranger(run: Run) -> Run:
    """Give the same run on a device of the same peaks whose name is not known."""
    configuration = run.configuration
    unknown = replace(configuration.hardware, calibration="")
    return replace(run, configuration=replace(configuration, hardware=unknown))
