"""A single matrix in place of a mixer, as a search for cheaper layers leaves it (Puzzle)."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.layers.part import Part, Work
from llmcalc_core.layers.work import Pass, matrix
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection(Part):
    """A single matrix of the hidden size in place of a mixer; every device has all of it."""

    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, _index: int) -> Projection:
        """Describe the projection: the same in every layer that has it."""
        return cls(parameters=config.hidden_size**2)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "projection"

    @property
    def description(self) -> str:
        """That it is one."""
        return "a projection"

    def work(self, step: Pass) -> Work:
        """Multiply every token by the matrix, on every device."""
        whole = matrix(step, "projection", m=step.tokens, n=step.hidden, k=step.hidden)
        return (whole,), ()

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - repeated
        """Count the weights on one device [bytes]."""
        return self.parameters * precision.weight_bytes
