"""Constants as a vector of steps that a fit moves, and back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from llmcalc_core.calibration.constants import Constants, Spec, specs
from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number that a fit moves: a constant's step from its prior, or a shift of a scope.

    Attributes
    ----------
    spec : Spec
        The constant.
    scope : str
        '' for all, else an engine or a device.
    spread : float
        How far it may be from 0.
    """

    spec: Spec
    scope: str
    spread: float


def parameters(runs: Runs, *, fixed: Collection[str] = ()) -> tuple[Parameter, ...]:
    """List what a fit moves.

    Parameters
    ----------
    runs : Runs
        What was measured: only engines that ran have shifts.
    fixed : collection of str
        Constants that stay at their prior.

    Returns
    -------
    tuple of Parameter
        Constants first, then the shifts of engines and devices.
    """
    engines = sorted({one.engine for one in runs.configurations})
    free = [spec for name, spec in specs().items() if name not in fixed]
    common = [
        Parameter(spec=spec, scope="", spread=spec.spread) for spec in free if spec.spread > 0
    ]
    by_engine = [
        Parameter(spec=spec, scope=engine, spread=spec.engine_spread)
        for spec in free
        if spec.engine_spread
        for engine in engines
    ]
    by_device = [
        Parameter(spec=spec, scope=device, spread=spec.device_spread)
        for spec in free
        for device in spec.devices
    ]
    return (*common, *by_engine, *by_device)


def as_constants(moved: tuple[Parameter, ...], steps: Floats) -> Constants:
    """Turn steps into constants; what is not moved keeps its prior."""
    table = {(name, ""): spec.prior for name, spec in specs().items()}
    for parameter, step in zip(moved, steps.tolist(), strict=True):
        key = (parameter.spec.name, parameter.scope)
        table[key] = step if parameter.scope else parameter.spec.moved(parameter.spec.prior, step)
    return Constants(tuple((name, scope, number) for (name, scope), number in table.items()))


def as_steps(moved: tuple[Parameter, ...], constants: Constants) -> Floats:
    """Turn constants into steps; a shift that they do not have is 0."""
    table = {(name, scope): number for name, scope, number in constants.entries}
    steps = [
        table.get((one.spec.name, one.scope), 0.0)
        if one.scope
        else one.spec.shift(one.spec.prior, table[one.spec.name, ""])
        for one in moved
    ]
    return np.array(steps)


def fit(
    runs: Runs,
    weights: Floats,
    moved: tuple[Parameter, ...],
    *,
    start: Floats | None = None,
    rounds: int = 40,
) -> Floats:
    """Fit steps to the runs.

    Parameters
    ----------
    runs : Runs
        What was measured.
    weights : array
        How much each run counts; those of weight 0 are left out.
    moved : tuple of Parameter
        What may move.
    start : array, optional
        Steps to start from.
    rounds : int, default 40
        Most iterations.

    Returns
    -------
    array
        The steps.
    """
    used = weights > 0

    def residuals(steps: Floats) -> Floats:
        errors: Floats = weights[used] * runs.log_errors(as_constants(moved, steps))[used]
        return errors

    spread = np.array([parameter.spread for parameter in moved])
    return robust_least_squares(
        residuals, prior=np.zeros(len(moved)), spread=spread, start=start, rounds=rounds
    )
