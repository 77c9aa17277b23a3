"""The few constants that a handful of runs on one device can tell about, fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.device import Hardware

SPREADS: Mapping[str, float] = {
    "memory_time": 0.25,
    "compute_time": 0.25,
    "step_overhead_s": 0.5,
    "first_token_s": 0.5,
    "host_launch_s": 0.5,
}
"""Constants that move, and how far each is believed to be off, on its scale. Assumed: what differs
between two servers with the same device."""

MOST_PARTS = 20
"""Most refits of :func:`left_out_seconds`."""

_NUDGE = 0.5
_NOTHING = 1e-6


def fit_hardware(
    runs: Runs, hardware: Hardware, *, used: NDArray[np.bool_] | None = None
) -> Hardware:
    """Fit the device's adjustments to the runs.

    Parameters
    ----------
    runs : Runs
        What was measured.
    hardware : Hardware
        The device. The search starts near its adjustments; those that the runs tell nothing of
        stay.
    used : array of bool, optional
        Which runs to fit to; all if not given.

    Returns
    -------
    Hardware
        The same device with other adjustments.
    """
    fitted_to = np.ones(len(runs.runs), dtype=bool) if used is None else used
    before = dict(hardware.adjustments)
    names = _told_of(runs, hardware, fitted_to)
    if not names:
        return hardware

    def residuals(steps: Floats) -> Floats:
        return runs.log_errors(hardware=_adjusted(hardware, names, steps))[fitted_to]

    spread = np.array([SPREADS[name] for name in names])
    now = np.array([before.get(name, 0.0) for name in names])
    # From the slow side: where an efficiency is at its cap, a small step changes nothing.
    steps = robust_least_squares(
        residuals, prior=np.zeros(len(names)), spread=spread, start=now + spread
    )
    return replace(
        _adjusted(hardware, names, steps), own_runs=_runs_known(runs, hardware, fitted_to)
    )


def _runs_known(
    runs: Runs, hardware: Hardware, used: NDArray[np.bool_]
) -> tuple[tuple[str, str, str, str], ...]:
    """Name what was run, then or before."""
    found = [
        (of.model.name, of.precision.experts, of.precision.kv_cache, of.engine)
        for run, fitted_to in zip(runs.runs, used, strict=True)
        for of in (run.configuration,)
        if fitted_to
    ]
    return tuple(dict.fromkeys((*hardware.own_runs, *found)))


def left_out_seconds(runs: Runs, hardware: Hardware, rows: Sequence[int]) -> Floats:
    """Estimate every run by a fit that has not seen its row.

    Parameters
    ----------
    runs : Runs
        What was measured.
    hardware : Hardware
        The device before the fit.
    rows : sequence of int
        Position of each run's row; the figures of a row are left out together. Of more than
        :data:`MOST_PARTS` rows several are left out at once.

    Returns
    -------
    array
        Times in the order of the runs [s].
    """
    part = np.asarray(rows) % MOST_PARTS
    seconds = np.empty(len(part))
    for left_out in np.unique(part):
        unseen = part == left_out
        fitted = fit_hardware(runs, hardware, used=~unseen)
        seconds[unseen] = runs.seconds(hardware=fitted)[unseen]
    return seconds


def _told_of(runs: Runs, hardware: Hardware, used: NDArray[np.bool_]) -> tuple[str, ...]:
    """Name the constants that change an estimate of these runs."""
    base = runs.seconds(hardware=hardware)[used]
    before = dict(hardware.adjustments)
    found = []
    for name in SPREADS:
        nudged = _adjusted(hardware, (name,), np.array([before.get(name, 0.0) + _NUDGE]))
        change = np.abs(runs.seconds(hardware=nudged)[used] / base - 1)
        if change.max(initial=0.0) > _NOTHING:
            found.append(name)
    return tuple(found)


def _adjusted(hardware: Hardware, names: Sequence[str], steps: Floats) -> Hardware:
    table = dict(hardware.adjustments) | dict(zip(names, steps.tolist(), strict=True))
    return replace(hardware, adjustments=tuple(table.items()), edited=False)
