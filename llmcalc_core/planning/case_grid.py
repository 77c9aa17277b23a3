"""A case laid out: its plans and workloads, and the candidates of any block of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.basis import Basis, basis_of
from llmcalc_core.planning.blocks import ALL, Block, Shape, block, blocks_of
from llmcalc_core.planning.candidates import Candidates
from llmcalc_core.planning.cases import Case
from llmcalc_core.planning.exact_batch import with_exact_batches
from llmcalc_core.planning.open_loop import (
    layouts_and_inputs,
    not_served,
    open_loop_at,
    performance_at,
)
from llmcalc_core.planning.plan_table import PlanTable, plan_table
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.planning.verdict import Asking, Verdict, estimated, verdict
from llmcalc_core.simulation.open_loop import OfferedLoad
from llmcalc_core.workload.grid import Grid, make_grid


@dataclass(frozen=True, kw_only=True, eq=False)
class CaseGrid:
    """The plans and workloads of a case.

    Attributes
    ----------
    table : PlanTable
        The plans, and the layout of each.
    grid : Grid
        Their layouts and workloads; at request rates of one request in flight.
    asking : Asking
        What runs on what, what is asked of it, and what a device may fill and reaches.
    basis : Basis
        What the times rest on.
    blocks : tuple of Block
        All of the candidates.
    """

    table: PlanTable
    grid: Grid
    asking: Asking
    basis: Basis
    blocks: tuple[Block, ...]

    @property
    def case(self) -> Case:
        """What runs on what."""
        return self.asking.case

    @property
    def shape(self) -> Shape:
        """Number of plans, batches (or request rates), inputs and outputs: the rows."""
        _, batches, inputs, outputs = self.grid.shape
        rates = self.asking.request.request_rates
        return len(self.table.replicas), len(rates) or batches, inputs, outputs

    @property
    def rows(self) -> int:
        """Number of candidates."""
        return prod(self.shape)


def lay_out(case: Case, request: EvaluationRequest) -> CaseGrid:
    """Lay out the plans and workloads of a case.

    Parameters
    ----------
    case : Case
        One of the request's.
    request : EvaluationRequest
        Device counts, workloads and limits.

    Returns
    -------
    CaseGrid
        Of which nothing is estimated yet.

    Raises
    ------
    ValueError
        If no plan has the context parallel widths that are asked for.
    """
    hardware, rates = case.hardware, request.request_rates
    table = plan_table(case.model, request.devices, request.contexts, request.serves)
    grid = make_grid(
        table.layouts,
        batches=(1,) if rates else request.batches,
        inputs=request.input_tokens,
        outputs=request.output_tokens,
        beams=request.beam_size,
        techniques=case.techniques,
        engine=hardware.engine(request.serves),
    )
    efficiency = efficiency_for(hardware, case.precision, engine=request.serves)
    if rates:
        some = layouts_and_inputs(grid, len(table.replicas) * len(rates))
        blocks = [block(table, layouts, ALL, inputs) for layouts, inputs in some]
    else:
        blocks = blocks_of(table, grid, whole_batches=request.exact_batch)
    return CaseGrid(
        table=table,
        grid=grid,
        asking=Asking(
            case=case,
            request=request,
            efficiency=efficiency,
        ),
        basis=basis_of(case.model, hardware, efficiency, case.techniques),
        blocks=tuple(blocks),
    )


def candidates_of(laid: CaseGrid, some: Block) -> Candidates:
    """Estimate some plans and workloads of a case.

    Parameters
    ----------
    laid : CaseGrid
        The case.
    some : Block
        One of its blocks.

    Returns
    -------
    Candidates
        With the times of the request's own phase, and of the other where a limit is about them.
    """
    case, request, asking = laid.case, laid.asking.request, laid.asking
    some, found = (_at_rates if request.request_rates else _in_closed_loop)(laid, some)
    return Candidates(
        case=case,
        phase=request.phase,
        block=some,
        grid=found.grid,
        efficiency=asking.efficiency,
        performance=found.performance,
        memory=found.memory,
        budget=asking.budget(found.grid),
        reason=found.reason,
        basis=laid.basis,
        request_rates=request.request_rates,
    )


def _in_closed_loop(laid: CaseGrid, some: Block) -> tuple[Block, Verdict]:
    """Judge batches that start together, or so many requests in flight."""
    asking, grid = laid.asking, some.of(laid.grid)
    found = estimated(asking, grid)
    exact = asking.request.exact_batch
    return some, with_exact_batches(asking, grid, found) if exact else found


def _at_rates(laid: CaseGrid, some: Block) -> tuple[Block, Verdict]:
    """Judge requests that come at rates; each plan, whose replicas share them, has a row."""
    case, request, asking = laid.case, laid.asking.request, laid.asking
    each, grid = np.array(request.request_rates).reshape(1, -1, 1, 1), some.of(laid.grid)
    load = OfferedLoad(
        rates=each / some.replicas.reshape(-1, 1, 1, 1),
        layout=some.layout,
        percentile=request.percentile,
    )
    whole = (case.model, case.hardware, case.precision, grid, asking.efficiency)
    found = open_loop_at(whole, asking.budget(grid), load)
    own = grid.of_layouts(tuple(some.layout.tolist())).with_batch(found.places)
    own = offloaded(case.model, case.precision, own, asking.budget(own))
    times = performance_at(found, own.outputs)
    plans = replace(some, layout=np.arange(len(some.layout)))
    return plans, verdict(asking, own, times, overloaded=not_served(found))
