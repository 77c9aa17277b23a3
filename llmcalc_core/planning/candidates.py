"""Candidates: plans and workloads of a case, as arrays over layouts.

Replicas of a layout share its latency, its memory and its throughput per device, so that nothing
is worked out for each of them: :mod:`llmcalc_core.planning.columns` spreads the arrays over plans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.planning.basis import Basis
from llmcalc_core.planning.blocks import Block, Shape
from llmcalc_core.planning.cases import Case
from llmcalc_core.planning.cost import cost_figures
from llmcalc_core.planning.pareto import contenders
from llmcalc_core.planning.performance import TIMES, Performance, with_other_phase
from llmcalc_core.workload.grid import Grid


class Contenders(NamedTuple):
    """The candidates of a block that may be on the front of their case.

    Attributes
    ----------
    block : Block
        The block.
    shape : tuple of int
        Number of its layouts, batches, inputs and outputs.
    rows : array of int
        Their positions in a flat array of this shape.
    latency_s, rate : array
        Latency [s], and throughput per device [tokens/s].
    """

    block: Block
    shape: Shape
    rows: NDArray[np.intp]
    latency_s: Floats
    rate: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Plans and workloads of a case.

    Attributes
    ----------
    case : Case
        What runs on what.
    phase : str
        What the performance is of.
    block : Block
        Which of its plans and workloads they are.
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
        Positions in :data:`~llmcalc_core.planning.verdict.REASONS`.
    basis : Basis
        What the times rest on.
    request_rates : tuple of float
        Requests per second of the whole deployment on the axis of batches; empty where so many are
        in flight [1/s].
    """

    case: Case
    phase: str
    block: Block
    grid: Grid
    efficiency: Efficiency
    performance: Performance
    memory: Memory
    budget: MemoryBudget
    reason: NDArray[np.int8]
    basis: Basis
    request_rates: tuple[float, ...] = ()

    @cached_property
    def devices(self) -> Values:
        """Devices of a replica [1]."""
        return self.grid.stage_devices * self.grid.pp

    @cached_property
    def tokens_per_s(self) -> Floats:
        """Throughput of a replica [tokens/s]."""
        return self.performance.requests_per_s * self.performance.tokens_per_request

    @cached_property
    def tokens_per_s_per_device(self) -> Floats:
        """The same of each of its devices [tokens/s]."""
        return self.tokens_per_s / self.devices

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
            devices=self.devices,
            utilisation=self.performance.utilisation,
            requests_per_s=self.performance.requests_per_s,
            input_tokens=grid.inputs,
            output_tokens=grid.outputs,
        )
        return {name: np.asarray(values, np.float32) for name, values in figures.items()}

    @property
    def contenders(self) -> Contenders:
        """Those that may be on the front of latency and throughput per device."""
        latency, rate = (
            np.broadcast_to(one, self.grid.shape)
            for one in (getattr(self.performance, TIMES[self.phase]), self.tokens_per_s_per_device)
        )
        rows = contenders(latency, rate, self.reason == 0)
        return Contenders(
            block=self.block,
            shape=self.grid.shape,
            rows=rows,
            latency_s=latency.reshape(-1)[rows],
            rate=rate.reshape(-1)[rows],
        )

    def with_other_phase(self) -> Candidates:
        """Give the same with the times of the other static phase."""
        case = self.case
        whole = with_other_phase(
            case.model, case.hardware, case.precision, self.grid, self.efficiency,
            own=self.performance,
        )  # fmt: skip
        return replace(self, performance=whole)
