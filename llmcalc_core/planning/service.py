"""What separate pools serve together: a model, its workload and its engine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the pools serve together, and with what.

    Attributes
    ----------
    model, precision, engine, techniques
        What runs, in which types and engine, and how.
    input_tokens, output_tokens : int
        Lengths of prompt and answer [tokens].
    batches : tuple of int
        Requests in flight per decode worker to try.
    contexts : tuple of int
        Context parallel widths of prefill workers to try.
    memory_fraction : float
        Part of a device's memory that may be used.
    """

    model: Model
    precision: Precision
    engine: str
    input_tokens: int
    output_tokens: int
    batches: tuple[int, ...]
    contexts: tuple[int, ...]
    memory_fraction: float
    techniques: Techniques

    def efficiency(self, hardware: Hardware) -> Efficiency:
        """Look up what a device reaches with the engine."""
        mixture = self.model.is_moe
        return efficiency_for(hardware, self.precision, mixture=mixture, engine=self.engine)

    def grid(
        self, layouts: tuple[Layout, ...], batches: tuple[int, ...], outputs: int | None = None
    ) -> Grid:
        """Lay out workers with so many requests each."""
        grid = make_grid(
            layouts,
            batches=batches,
            inputs=(self.input_tokens,),
            outputs=(self.output_tokens if outputs is None else outputs,),
            techniques=self.techniques,
            engine=self.engine,
        )
        return offloaded(self.model, self.precision, grid, math.inf)
