"""Robust least squares with prior beliefs, by Levenberg and Marquardt's method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmcalc_core.formulas import Floats

SCALE = 0.06
"""Residual beyond which a point counts less and less (the pseudo-Huber loss), and the size that one
standard deviation of a parameter weighs as much as."""

_STEP = 1e-4
_ENOUGH = 1e-6
_FIRST_DAMPING, _MOST_DAMPING = 1e-2, 1e8


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
    at = prior.copy() if start is None else start.copy()
    damping = _FIRST_DAMPING
    found = residuals(at)
    cost = _cost(found, at, prior, spread, scale)
    for _ in range(rounds):
        slope = _slopes(residuals, at, found)
        curvature, downhill = _normal_equations(found, slope, at - prior, spread, scale)
        better = None
        while better is None and damping < _MOST_DAMPING:
            damped = curvature + damping * np.diag(np.diag(curvature))
            trial = at - np.linalg.solve(damped, downhill)
            left = residuals(trial)
            lower = _cost(left, trial, prior, spread, scale)
            if lower < cost:
                better = trial
            else:
                damping *= 5
        if better is None:
            break
        gain = (cost - lower) / cost
        at, found, cost, damping = better, left, lower, damping / 5
        if gain < _ENOUGH:
            break
    return at


def _normal_equations(
    found: Floats, slope: Floats, moved: Floats, spread: Floats, scale: float
) -> tuple[Floats, Floats]:
    """Give the curvature and the slope of half the loss: one over the other is the next step."""
    weight = 1 / np.sqrt(1 + (found / scale) ** 2)
    pull = scale**2 / spread**2
    curvature = slope.T @ (weight[:, None] * slope) + np.diag(pull)
    return curvature, slope.T @ (weight * found) + pull * moved


def _cost(found: Floats, at: Floats, prior: Floats, spread: Floats, scale: float) -> float:
    """Sum the pseudo-Huber loss and the distance from the prior; infinite where it is no number."""
    loss = 2 * scale**2 * np.sum(np.sqrt(1 + (found / scale) ** 2) - 1)
    total = float(loss + scale**2 * np.sum(((at - prior) / spread) ** 2))
    return total if np.isfinite(total) else np.inf


def _slopes(residuals: Callable[[Floats], Floats], at: Floats, found: Floats) -> Floats:
    """Differentiate residuals, which are ``found`` at ``at``: one column per parameter."""
    columns = []
    for index in range(len(at)):
        step = _STEP * max(1.0, abs(float(at[index])))
        moved = at.copy()
        moved[index] += step
        columns.append((residuals(moved) - found) / step)
    return np.stack(columns, axis=1)
