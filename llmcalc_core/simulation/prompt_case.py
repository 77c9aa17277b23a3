"""What steps that read prompts depend on, whatever is in flight: the same for many questions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.engines import Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques

BLOCKS = 8
"""Cases of many plans of which is kept what blocks of other batches need, too; and a few threads
are at work at a time [1]."""


class PromptCase(NamedTuple):
    """Plans and prompts without requests in flight or answers; can be the key of what is kept.

    Attributes
    ----------
    model, hardware, precision, efficiency
        What runs on what, in which types, and what the device reaches.
    layouts : tuple of Layout
        The plans.
    inputs : tuple of float
        Lengths of prompts [tokens].
    techniques, engine
        What is done with requests, and what serves.
    """

    model: Model
    hardware: Hardware
    precision: Precision
    efficiency: Efficiency
    layouts: tuple[Layout, ...]
    inputs: tuple[float, ...]
    techniques: Techniques
    engine: Engine

    @classmethod
    def of(cls, case: Case) -> PromptCase:
        """Leave out of a case what steps that read prompts do not depend on."""
        model, hardware, precision, grid, efficiency = case
        several = isinstance(grid.inputs, np.ndarray)
        inputs = tuple(grid.inputs.ravel().tolist()) if several else (float(grid.inputs),)
        return cls(
            model, hardware, precision, efficiency, grid.layouts, inputs, grid.techniques,
            grid.engine,
        )  # fmt: skip

    @property
    def is_one(self) -> bool:
        """Whether it is one plan and one length, of which there may be many questions."""
        return len(self.layouts) == len(self.inputs) == 1

    def case(self) -> Case:
        """Give a case of them, with one request of one token."""
        grid = make_grid(
            self.layouts, batches=(1,), inputs=self.inputs, outputs=(1,),
            techniques=self.techniques, engine=self.engine,
        )  # fmt: skip
        return self.model, self.hardware, self.precision, grid, self.efficiency
