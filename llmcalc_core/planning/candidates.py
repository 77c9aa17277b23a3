"""The candidates of a case: every plan and workload, as arrays over layouts.

Replicas of a layout share its latency, its memory and its throughput per device, so that nothing
is worked out for each of them: :mod:`llmcalc_core.planning.columns` spreads the arrays over plans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.formulas import Floats
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.basis import basis_of
from llmcalc_core.planning.cases import Case
from llmcalc_core.planning.cost import cost_figures
from llmcalc_core.planning.layouts import no_plan, plans
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.performance import (
    TIMES,
    Performance,
    performance,
    with_other_phase,
)
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout

LIMITS = {"TTFT limit": ("ttft_s", "ttft_limit_s"), "TPOT limit": ("tpot_s", "tpot_limit_s")}
"""Reasons for which plans are too slow: the time of a :class:`Performance`, and the limit of it in
a request. Of several, the last is told."""

REASONS = ("", "memory", "TPOT limit", "TTFT limit", "host memory")
"""Why a candidate is rejected; empty if it is not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanTable:
    """Plans as a table: the layouts that occur, which of them each has, and how many replicas."""

    layouts: tuple[Layout, ...]
    layout: NDArray[np.intp]
    replicas: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Every plan and workload of a case.

    Attributes
    ----------
    case : Case
        What runs on what.
    phase : str
        What the performance is of.
    plans : PlanTable
        The plans, and the layout of each.
    grid : Grid
        Their layouts and workloads; what follows broadcasts to it.
    efficiency : Efficiency
        What the device reaches.
    performance : Performance
        Of one replica.
    memory : Memory
        Of the fullest device [bytes].
    budget : MemoryBudget
        What it may fill.
    reason : array of int
        Positions in :data:`REASONS`.
    on_front : array of bool
        Whether no other of the case with the same lengths beats it in latency and throughput.
    basis : str
        What the times rest on.
    """

    case: Case
    phase: str
    plans: PlanTable
    grid: Grid
    efficiency: Efficiency
    performance: Performance
    memory: Memory
    budget: MemoryBudget
    reason: NDArray[np.int8]
    on_front: NDArray[np.bool_]
    basis: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of plans, batches, inputs and outputs: the rows, in this order."""
        return len(self.plans.replicas), *self.grid.shape[1:]

    @property
    def rows(self) -> int:
        """Number of candidates."""
        return prod(self.shape)

    @property
    def tokens_per_s(self) -> Floats:
        """Throughput of a replica [tokens/s]."""
        return self.performance.requests_per_s * self.performance.tokens_per_request

    @property
    def tokens_per_s_per_device(self) -> Floats:
        """The same of each of its devices [tokens/s]."""
        return self.tokens_per_s / (self.grid.group * self.grid.pp)

    @property
    def e2e_s(self) -> Floats:
        """Time from request to last token [s]."""
        times = self.performance
        if times.ttft_s is None or times.tpot_s is None:
            msg = "candidates need the times of both static phases: see with_other_phase"
            raise ValueError(msg)
        return np.asarray(times.ttft_s + (self.grid.outputs - 1) * times.tpot_s)

    @property
    def headroom(self) -> Floats:
        """What is left of a device's memory, or (negative) what is missing [bytes]."""
        return self.budget.headroom(self.memory)

    @cached_property
    def costs(self) -> dict[str, NDArray[np.float32]]:
        """Cost, power and energy of a replica, by the names of ``COST_COLUMNS``.

        In single precision: prices are known to few digits.
        """
        grid = self.grid
        figures = cost_figures(
            self.case.hardware,
            devices=grid.group * grid.pp,
            utilisation=self.performance.utilisation,
            requests_per_s=self.performance.requests_per_s,
            input_tokens=grid.inputs,
            output_tokens=grid.outputs,
        )
        return {name: np.asarray(values, np.float32) for name, values in figures.items()}

    def with_other_phase(self) -> Candidates:
        """Give the same with the times of the other static phase."""
        case = self.case
        whole = with_other_phase(
            case.model, case.hardware, case.precision, self.grid, self.efficiency,
            own=self.performance,
        )  # fmt: skip
        return replace(self, performance=whole)


def candidates_of(case: Case, request: EvaluationRequest) -> Candidates:
    """Estimate every plan and workload of a case.

    Parameters
    ----------
    case : Case
        One of the request's.
    request : EvaluationRequest
        Device counts, workloads and limits.

    Returns
    -------
    Candidates
        With the times of the request's own phase, and of the other where a limit is about them.

    Raises
    ------
    ValueError
        If no plan has the context parallel widths that are asked for.
    """
    model, hardware, precision = case.model, case.hardware, case.precision
    table = _plan_table(model, request.devices, request.contexts)
    grid = make_grid(
        table.layouts,
        batches=request.batches,
        inputs=request.input_tokens,
        outputs=request.output_tokens,
        beams=request.beam_size,
        techniques=case.techniques,
        engine=request.engine,
    )
    budget = memory_budget(hardware, request.memory_fraction, request.engine)
    grid = offloaded(model, precision, grid, budget)
    efficiency = efficiency_for(hardware, precision, engine=request.engine)
    found = performance(model, hardware, precision, grid, efficiency, phase=request.phase)
    if any(getattr(found, time) is None for time in _limits(request)):
        found = with_other_phase(model, hardware, precision, grid, efficiency, own=found)
    memory = device_memory(model, precision, grid)
    reason = _reasons(grid, found, request)
    lacking = {
        "host memory": memory.host > budget.host_bytes,
        "memory": budget.headroom(memory) < 0,
    }
    for name, lacks in lacking.items():
        if np.any(lacks):
            reason[np.broadcast_to(lacks, grid.shape)] = REASONS.index(name)
    return Candidates(
        case=case,
        phase=request.phase,
        plans=table,
        grid=grid,
        efficiency=efficiency,
        performance=found,
        memory=memory,
        budget=budget,
        reason=reason,
        on_front=_front(grid, found, reason, request),
        basis=basis_of(model, hardware, efficiency, case.techniques),
    )


@lru_cache(maxsize=64)
def _plan_table(model: Model, devices: tuple[int, ...], contexts: tuple[int, ...]) -> PlanTable:
    """Give the plans on any of the device counts."""
    found = tuple(plan for count in devices for plan in plans(model, count, contexts))
    if not found:
        raise no_plan(model, devices, contexts)
    position: dict[Layout, int] = {}
    places = [position.setdefault(plan.layout, len(position)) for plan in found]
    return PlanTable(
        layouts=tuple(position),
        layout=np.array(places, dtype=np.intp),
        replicas=np.array([plan.replicas for plan in found], dtype=np.int32),
    )


def _limits(request: EvaluationRequest) -> dict[str, tuple[float, str]]:
    """Give the limits of a request by the time that they are about, and the reason they give."""
    return {
        time: (limit, reason)
        for reason, (time, field) in LIMITS.items()
        if (limit := getattr(request, field)) is not None
    }


def _reasons(grid: Grid, found: Performance, request: EvaluationRequest) -> NDArray[np.int8]:
    """Tell which candidates are too slow."""
    reason = np.zeros(grid.shape, dtype=np.int8)
    for time, (limit, name) in _limits(request).items():
        reason[np.broadcast_to(getattr(found, time) > limit, grid.shape)] = REASONS.index(name)
    return reason


def _front(
    grid: Grid, found: Performance, reason: NDArray[np.int8], request: EvaluationRequest
) -> NDArray[np.bool_]:
    """Mark the front of every pair of lengths: latency against throughput per device."""
    layouts, batches, inputs, outputs = grid.shape
    rate = found.requests_per_s * found.tokens_per_request / (grid.group * grid.pp)
    mask = pareto_mask(
        np.where(reason == 0, getattr(found, TIMES[request.phase]), np.nan).reshape(-1),
        np.broadcast_to(rate, grid.shape).reshape(-1),
        np.tile(np.arange(inputs * outputs), layouts * batches) if inputs * outputs > 1 else None,
    )
    return mask.reshape(grid.shape)
