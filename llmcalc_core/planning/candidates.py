"""The candidates of a case: every plan and workload, as arrays over layouts.

Replicas of a layout share its latency, its memory and its throughput per device, so that nothing
is worked out for each of them: :mod:`llmcalc_core.planning.columns` spreads the arrays over plans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.formulas import Floats
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.basis import Basis, basis_of
from llmcalc_core.planning.cases import Case
from llmcalc_core.planning.cost import cost_figures
from llmcalc_core.planning.exact_batch import with_exact_batches
from llmcalc_core.planning.open_loop import not_served, open_loop_in_blocks, performance_at
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.performance import (
    TIMES,
    Performance,
    with_other_phase,
)
from llmcalc_core.planning.plan_table import PlanTable, plan_table
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.planning.verdict import Asking, Verdict, estimated, verdict
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout


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
    basis : Basis
        What the times rest on.
    request_rates : tuple of float
        Requests per second of the whole deployment on the axis of batches; empty where so many are
        in flight [1/s].
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
    basis: Basis
    request_rates: tuple[float, ...] = ()

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
        return self.tokens_per_s / (self.grid.stage_devices * self.grid.pp)

    @property
    def e2e_s(self) -> Floats:
        """Time from request to last token [s]."""
        times = self.performance
        if times.e2e_s is not None:
            return times.e2e_s
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
            devices=grid.stage_devices * grid.pp,
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
    asking = Asking(
        case=case,
        request=request,
        budget=memory_budget(case.hardware, request.memory_fraction, request.serves),
        efficiency=efficiency_for(case.hardware, case.precision, engine=request.serves),
    )
    table, found = (_at_rates if request.request_rates else _in_closed_loop)(asking)
    return Candidates(
        case=case,
        phase=request.phase,
        plans=table,
        grid=found.grid,
        efficiency=asking.efficiency,
        performance=found.performance,
        memory=found.memory,
        budget=asking.budget,
        reason=found.reason,
        on_front=_front(found, request),
        basis=basis_of(case.model, case.hardware, asking.efficiency, case.techniques),
        request_rates=request.request_rates,
    )


def _in_closed_loop(asking: Asking) -> tuple[PlanTable, Verdict]:
    """Judge batches that start together, or so many requests in flight."""
    case, request = asking.case, asking.request
    table = plan_table(case.model, request.devices, request.contexts, request.serves)
    grid = _grid(case, request, table.layouts, request.batches)
    found = estimated(asking, grid)
    return table, with_exact_batches(asking, grid, found) if request.exact_batch else found


def _at_rates(asking: Asking) -> tuple[PlanTable, Verdict]:
    """Judge requests that come at rates; each plan, whose replicas share them, has a row."""
    case, request, budget = asking.case, asking.request, asking.budget
    table = plan_table(case.model, request.devices, request.contexts, request.serves)
    grid = _grid(case, request, table.layouts, (1,))
    whole = (case.model, case.hardware, case.precision, grid, asking.efficiency)
    found = open_loop_in_blocks(whole, budget, table, request.request_rates, request.percentile)
    layouts = tuple(table.layouts[at] for at in table.layout.tolist())
    own = _grid(case, request, layouts, (1,)).with_batch(found.places)
    own = offloaded(case.model, case.precision, own, budget)
    each = replace(table, layouts=layouts, layout=np.arange(len(layouts)))
    times = performance_at(found, own.outputs)
    return each, verdict(asking, own, times, overloaded=not_served(found))


def _grid(
    case: Case, request: EvaluationRequest, layouts: tuple[Layout, ...], batches: tuple[int, ...]
) -> Grid:
    return make_grid(
        layouts,
        batches=batches,
        inputs=request.input_tokens,
        outputs=request.output_tokens,
        beams=request.beam_size,
        techniques=case.techniques,
        engine=case.hardware.engine(request.serves),
    )


def _front(plans: Verdict, request: EvaluationRequest) -> NDArray[np.bool_]:
    """Mark the front of every pair of lengths: latency against throughput per device."""
    grid, found = plans.grid, plans.performance
    layouts, batches, inputs, outputs = grid.shape
    rate = found.requests_per_s * found.tokens_per_request / (grid.stage_devices * grid.pp)
    mask = pareto_mask(
        np.where(plans.reason == 0, getattr(found, TIMES[request.phase]), np.nan).reshape(-1),
        np.broadcast_to(rate, grid.shape).reshape(-1),
        np.tile(np.arange(inputs * outputs), layouts * batches) if inputs * outputs > 1 else None,
    )
    return mask.reshape(grid.shape)
