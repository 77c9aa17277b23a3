"""Robust least squares with prior beliefs, by Levenberg and Marquardt's method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from llmcalc_core.formulas import Floats

SCALE = 0.06
"""Residual beyond which a point counts less and less (the pseudo-Huber loss), and the size that one
standard deviation of a parameter weighs as much as."""

_STEP = 1e-4
_ENOUGH, _LITTLE = 1e-4, 1e-3
"""Part of the loss by which a round lowers it that is not the last, and by which a step of all
parameters does that is not followed by steps of one after the other."""

_FIRST_DAMPING, _MOST_DAMPING, _FALL = 1e-2, 1e4, 5.0
_FARTHEST, _SHORTER = 0.3, 3
"""Farthest step of one parameter alone, and how often it is tried shorter."""

_Point = tuple[Floats, Floats, float]
"""Parameters, their residuals and their loss."""


def robust_least_squares(
    residuals: Callable[[Floats], Floats],
    prior: Floats,
    spread: Floats,
    *,
    start: Floats | None = None,
    scale: float = SCALE,
    rounds: int = 40,
) -> Floats:
    """Find the parameters that make residuals small without leaving what was believed.

    Parameters
    ----------
    residuals : callable
        Array of parameters to array of residuals.
    prior, spread : arrays
        Parameters believed before, and how far each may be off (standard deviations).
    start : array, optional
        Where to start; the prior if not given.
    scale : float, default SCALE
        Residual beyond which a point counts less and less.
    rounds : int, default 40
        Most iterations.

    Returns
    -------
    array
        The parameters.

    References
    ----------
    Marquardt, SIAM J. Appl. Math. 11 (1963); Charbonnier et al., ICIP 1994 (the loss).

    Examples
    --------
    >>> across = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    >>> measured = np.array([1.0, 3.0, 5.0, 9.0, 9.0])
    >>> found = robust_least_squares(lambda x: x[0] + x[1] * across - measured,
    ...               prior=np.zeros(2), spread=np.full(2, 1e3))
    >>> found.round(1).tolist()
    [1.0, 2.0]
    """
    loss = _Loss(residuals, prior, spread, scale)
    at = prior.copy() if start is None else start.copy()
    found = residuals(at)
    cost, damping = loss.of(found, at), _FIRST_DAMPING
    for _ in range(rounds):
        slope = _slopes(residuals, at, found)
        curvature, downhill = _normal_equations(found, slope, at - prior, spread, scale)
        before = cost
        at, found, cost, damping = _all_together(
            loss, (at, found, cost), curvature, downhill, damping
        )
        if before - cost < _LITTLE * before:
            at, found, cost = _one_by_one(loss, (at, found, cost), np.diag(curvature), downhill)
        if before - cost < _ENOUGH * before:
            break
    return at


@dataclass(frozen=True, slots=True)
class _Loss:
    """What is made small."""

    residuals: Callable[[Floats], Floats]
    prior: Floats
    spread: Floats
    scale: float

    def of(self, found: Floats, at: Floats) -> float:
        """Sum the pseudo-Huber loss and the distance from the prior; infinite of no number."""
        loss = 2 * self.scale**2 * np.sum(np.sqrt(1 + (found / self.scale) ** 2) - 1)
        moved = (at - self.prior) / self.spread
        total = float(loss + self.scale**2 * np.sum(moved**2))
        return total if np.isfinite(total) else np.inf

    def step(self, here: _Point, by: Floats) -> _Point | None:
        """Go somewhere, if it is lower there."""
        at = here[0] + by
        found = self.residuals(at)
        cost = self.of(found, at)
        return (at, found, cost) if cost < here[2] else None


def _all_together(
    loss: _Loss, here: _Point, curvature: Floats, downhill: Floats, damping: float
) -> tuple[Floats, Floats, float, float]:
    """Move all parameters by Levenberg and Marquardt's step, damped until it leads down."""
    while damping < _MOST_DAMPING:
        damped = curvature + damping * np.diag(np.diag(curvature))
        lower = loss.step(here, -np.linalg.solve(damped, downhill))
        if lower is not None:
            return *lower, damping / _FALL
        damping *= _FALL
    return *here, _FIRST_DAMPING


def _one_by_one(loss: _Loss, here: _Point, curvature: Floats, downhill: Floats) -> _Point:
    """Move one parameter after the other: where one is at the end of its range all have a kink."""
    for index in range(len(downhill)):
        by = np.zeros(len(downhill))
        by[index] = np.clip(-downhill[index] / curvature[index], -_FARTHEST, _FARTHEST)
        for _ in range(_SHORTER):
            lower = loss.step(here, by)
            if lower is not None:
                here = lower
                break
            by = by / _FALL
    return here


def _normal_equations(
    found: Floats, slope: Floats, moved: Floats, spread: Floats, scale: float
) -> tuple[Floats, Floats]:
    """Give the curvature and the slope of half the loss: one over the other is the next step."""
    weight = 1 / np.sqrt(1 + (found / scale) ** 2)
    pull = scale**2 / spread**2
    curvature = slope.T @ (weight[:, None] * slope) + np.diag(pull)
    return curvature, slope.T @ (weight * found) + pull * moved


def _slopes(residuals: Callable[[Floats], Floats], at: Floats, found: Floats) -> Floats:
    """Differentiate residuals, which are ``found`` at ``at``: one column per parameter."""
    columns = []
    for index in range(len(at)):
        step = _STEP * max(1.0, abs(float(at[index])))
        moved = at.copy()
        moved[index] += step
        columns.append((residuals(moved) - found) / step)
    return np.stack(columns, axis=1)
