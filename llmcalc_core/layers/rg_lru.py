"""The real-gated linear recurrent unit of Griffin and RecurrentGemma."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import state_bytes
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RealGatedRecurrence(RecurrentMixer):
    """A recurrent block of Griffin (arXiv:2402.19427, section 2.3): a state of ``inner`` numbers.

    Two projections in, of which one gates the result, a short convolution, the recurrence, whose
    two gates are projected within ``blocks`` of the channels each, and a projection back.
    """

    inner: int
    blocks: int
    convolution: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> RealGatedRecurrence:
        """Describe the mixer: all projections have biases."""
        hidden, inner, kernel = config.hidden_size, config.lru_width or 0, config.lru_conv_kernel
        blocks = config.of_layer("num_attention_heads", index)
        projections = 2 * (hidden + 1) * inner + (inner + 1) * hidden
        gates = 2 * inner * (inner // blocks + 1) + inner
        return cls(
            inner=inner,
            blocks=blocks,
            convolution=kernel,
            parameters=projections + gates + inner * (kernel + 1),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "RG-LRU"

    @property
    def description(self) -> str:
        """Its channels."""
        return f"gated linear recurrence (RG-LRU), {self.inner:,} wide"

    @property
    def shardable_heads(self) -> int:
        """Blocks of its gates."""
        return self.blocks

    @property
    def activation_width(self) -> float:
        """Inputs and gate, before the convolution and after it, and the two gates inside."""
        return 6 * self.inner

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return self.parameters / tp

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=self.inner / tp,
            channels=self.inner / tp,
            convolution=self.convolution,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work: projections, convolution, gates within blocks, and the recurrence.

        The recurrence reads inputs and both gates and writes results (arXiv:2402.19427, section
        4.2: it is bound by memory).
        """
        inner, tokens = self.inner / step.grid.tp, step.tokens
        element = step.precision.output_bytes
        state = step.states * self.state_bytes(step.grid.tp, step.sequences)
        scan = Operation(
            name="scan",
            kind="attention",
            family="traffic",
            flops=0.0,
            moved=tokens * 4 * inner * element + state,
            cached=state,
            launches=1.0,
        )
        block = self.inner // self.blocks
        return (
            matrix(step, "input projection", m=tokens, n=2 * inner, k=step.hidden),
            traffic("convolution", tokens * 2 * inner * element),
            matrix(step, "gate projections", m=tokens, n=2 * inner, k=block, quantised=False),
            scan,
            traffic("gate", tokens * 3 * inner * element),
            matrix(step, "output projection", m=tokens, n=step.hidden, k=inner),
        )
