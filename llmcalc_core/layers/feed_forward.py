"""Dense feed-forward layers."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.layers.part import Part, Work
from llmcalc_core.layers.work import Operation, Pass, all_reduce, matrix, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward(Part):
    """A gated (two up projections) or plain feed-forward layer."""

    takes_adapters = True
    width: int
    up_projections: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> FeedForward | None:
        """Describe the feed-forward layer of a layer; None where it has no columns."""
        width = config.of_layer("intermediate_size", index)
        if width == 0:
            return None
        return cls(
            width=width,
            up_projections=config.num_ffi,
            parameters=feed_forward_parameters(config, config.hidden_size, width),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "feed-forward"

    @property
    def description(self) -> str:
        """Its width."""
        return f"feed-forward of {self.width:,}"

    @property
    def activation_width(self) -> float:
        """What it is projected up to, and their product."""
        return (self.up_projections + 1) * self.width

    @property
    def counts(self) -> dict[str, int]:
        """All its parameters."""
        return {"dense": self.parameters}

    @property
    def quantisable(self) -> dict[str, int]:
        """All its parameters."""
        return {"dense": self.parameters}

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the weights on one device, columns in whole [bytes]."""
        columns = ceiling(self.width / grid.tp) / self.width
        return self.parameters * columns * precision.weight_bytes

    def work(self, step: Pass) -> Work:
        """Project up, activate, project down, and sum over devices."""
        operations = feed_forward_operations(step, width=self.width, ups=self.up_projections)
        return operations, (all_reduce(step),)


def feed_forward_parameters(config: ModelConfig, hidden: int, width: int) -> int:
    """Count the parameters of a feed-forward layer, or of one expert."""
    biases = config.num_ffi * width + hidden if config.mlp_bias else 0
    return (config.num_ffi + 1) * hidden * width + biases


def feed_forward_operations(
    step: Pass, *, width: int, ups: int, of: str = ""
) -> tuple[Operation, ...]:
    """Project the tokens of a pass up to the columns on a device, and down again."""
    columns = ceiling(width / step.grid.tp)
    up = f"{of}{'gate and ' if ups > 1 else ''}up projection"
    activation = step.tokens * (ups + 1) * columns * step.precision.output_bytes
    return (
        matrix(step, up, m=step.tokens, n=ups * columns, k=step.hidden, packed=ups),
        matrix(step, f"{of}down projection", m=step.tokens, n=step.hidden, k=columns),
        traffic(f"{of}activation", activation),
    )
