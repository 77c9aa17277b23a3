"""What a replica of each plan does and holds, and why some are rejected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.formulas import Floats
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.cases import Case
from llmcalc_core.planning.engine_rules import ENGINE_REASONS, refused
from llmcalc_core.planning.performance import (
    Performance,
    let_in,
    performance,
    with_other_phase,
)
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid

LIMITS = {"TTFT limit": ("ttft_s", "ttft_limit_s"), "TPOT limit": ("tpot_s", "tpot_limit_s")}
"""Reasons for which plans are too slow: the time of a :class:`Performance`, and the limit of it in
a request. Of several, the last is told."""

REASONS = ("", "memory", "TPOT limit", "TTFT limit", "host memory", "load", *ENGINE_REASONS)
"""Why a candidate is rejected; empty if it is not. Load: more requests come than it serves. The
last ones: what the engine refuses when it starts."""


@record()
class Asking:
    """Whose plans are judged: a case of a request, on what it may fill and reaches.

    Attributes
    ----------
    case : Case
        What runs on what.
    request : EvaluationRequest
        Phase and limits.
    efficiency : Efficiency
        What it reaches.
    """

    case: Case
    request: EvaluationRequest
    efficiency: Efficiency

    def budget(self, grid: Grid) -> MemoryBudget:
        """Give what a device may fill with the layouts of a grid."""
        share = self.request.memory_fraction
        return memory_budget(self.case.model, self.case.hardware, share, grid)


@record()
class Verdict:
    """Plans and workloads with what a replica of each does and holds.

    Attributes
    ----------
    grid : Grid
        Layouts and workloads; what follows broadcasts to it.
    performance : Performance
        Of one replica.
    memory : Memory
        Of the fullest device [bytes].
    reason : array of int
        Positions in :data:`REASONS`.
    """

    grid: Grid
    performance: Performance
    memory: Memory
    reason: NDArray[np.int8]


def estimated(asking: Asking, grid: Grid) -> Verdict:
    """Estimate and judge plans of batches that start together, or of so many requests in flight."""
    case = asking.case
    whole = offloaded(case.model, case.precision, grid, asking.budget(grid))
    found = performance(
        case.model, case.hardware, case.precision, whole, asking.efficiency,
        phase=asking.request.phase,
    )  # fmt: skip
    return verdict(asking, whole, found, overloaded=np.zeros((), bool))


def verdict(
    asking: Asking, grid: Grid, found: Performance, *, overloaded: NDArray[np.bool_]
) -> Verdict:
    """Judge plans by what a replica of each does.

    Parameters
    ----------
    asking : Asking
        Of what case and request.
    grid : Grid
        The plans and workloads.
    found : Performance
        Of one replica.
    overloaded : array of bool
        Whether more requests come than it serves.

    Returns
    -------
    Verdict
        With the time of the other static phase, where a limit is about it.
    """
    case, request, budget = asking.case, asking.request, asking.budget(grid)
    model, hardware, precision = case.model, case.hardware, case.precision
    if any(getattr(found, time) is None for time in limits_of(request)):
        found = with_other_phase(model, hardware, precision, grid, asking.efficiency, own=found)
    memory = device_memory(model, precision, _running(asking, grid))
    reason = _too_slow(grid, found, request)
    lacking = {
        "load": overloaded,
        "host memory": memory.host > budget.host_bytes,
        "memory": budget.headroom(memory) < 0,
        **refused(Asked(model=model, hardware=hardware, precision=precision, grid=grid)),
    }
    for name, lacks in lacking.items():
        if np.any(lacks):
            reason[np.broadcast_to(lacks, grid.shape)] = REASONS.index(name)
    return Verdict(grid=grid, performance=found, memory=memory, reason=reason)


def limits_of(request: EvaluationRequest) -> dict[str, tuple[float, str]]:
    """Give the limits of a request by the time that they are about, and the reason they give."""
    return {
        time: (limit, reason)
        for reason, (time, field) in LIMITS.items()
        if (limit := getattr(request, field)) is not None
    }


def strained(asking: Asking, grid: Grid) -> tuple[NDArray[np.bool_], Floats]:
    """Tell which plans keep the limits and fit, and how near they are to where they do not.

    Times are estimated where a limit is about one.

    Parameters
    ----------
    asking, grid
        As of :func:`estimated`.

    Returns
    -------
    within : array of bool
        Whether neither a time nor memory is over its limit.
    strain : array
        The largest ratio of a time to its limit, or of memory to what a device has [1].
    """
    if limits_of(asking.request):
        found = estimated(asking, grid)
        return found.reason == 0, strain(asking, grid, found.memory, found.performance)
    model, precision, budget = asking.case.model, asking.case.precision, asking.budget(grid)
    memory = device_memory(
        model, precision, _running(asking, offloaded(model, precision, grid, budget))
    )
    within = np.broadcast_to(budget.fits(memory), grid.shape)
    return within, strain(asking, grid, memory, None)


def strain(asking: Asking, grid: Grid, memory: Memory, found: Performance | None) -> Floats:
    """Give how near plans are to what rejects them: above 1 they are over a limit [1]."""
    budget = asking.budget(grid)
    most = budget.counted(memory) / budget.device_bytes
    for time, (limit, _) in limits_of(asking.request).items():
        most = np.maximum(most, getattr(found, time) / limit)
    return np.asarray(most)


def _running(asking: Asking, grid: Grid) -> Grid:
    """Give the grid of the requests that run at once."""
    return let_in(grid) if asking.request.phase == "serving" else grid


def _too_slow(grid: Grid, found: Performance, request: EvaluationRequest) -> NDArray[np.int8]:
    """Tell which candidates are too slow."""
    reason = np.zeros(grid.shape, dtype=np.int8)
    for time, (limit, name) in limits_of(request).items():
        reason[np.broadcast_to(getattr(found, time) > limit, grid.shape)] = REASONS.index(name)
    return reason
