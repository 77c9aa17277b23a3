"""Normalisations of the hidden size, with the sums into the residual stream."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.layers.part import Part, Work
from llmcalc_core.layers.work import Operation, Pass, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

_ROWS = 4
"""Rows that a norm and the sum before it move: two are read and their sum is written back beside
the normalised one (vLLM, fused_add_rms_norm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms(Part):
    """Normalisations of the hidden size, with the sums into the residual stream."""

    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> Norms:
        """Describe a normalisation: a weight for each element, of a layer norm also a bias."""
        return cls(parameters=config.hidden_size * (2 if config.norm == "layernorm" else 1))

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "norms"

    @property
    def counts(self) -> dict[str, int]:
        """All its parameters."""
        return {"norms": self.parameters}

    def work(self, step: Pass) -> Work:
        """Sum and normalise."""
        return (norm_and_sum(step),), ()

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - repeated
        """Count the weights: every device has all of them, in 16 bits or more [bytes]."""
        return self.parameters * precision.others_bytes


def norm_and_sum(step: Pass) -> Operation:
    """Make a norm and the sum before it: both read two rows or one, and write one each."""
    moved = step.tokens * _ROWS * step.hidden * step.precision.output_bytes
    return traffic("norm and residual sum", moved)
