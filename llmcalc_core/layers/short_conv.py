"""A gated short convolution in place of attention (LFM2)."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import state_bytes
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortConvolution(RecurrentMixer):
    """A convolution over the last tokens between two gates (LFM2, arXiv:2511.23404, section 2).

    The state is the inputs of the ``convolution - 1`` tokens before, of ``channels`` elements.
    """

    channels: int
    convolution: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, _index: int) -> ShortConvolution:
        """Describe the mixer: two gates and the input, a convolution, a projection back."""
        hidden, kernel = config.hidden_size, config.short_conv_kernel
        biased = int(config.short_conv_bias)
        return cls(
            channels=hidden,
            convolution=kernel,
            parameters=4 * hidden * (hidden + biased) + hidden * (kernel + biased),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "short convolution"

    @property
    def description(self) -> str:
        """The tokens that it sees."""
        return f"short convolution of {self.convolution} tokens"

    @property
    def shardable_heads(self) -> int:
        """Channels."""
        return self.channels

    @property
    def activation_width(self) -> float:
        """Gates, inputs and results."""
        return 4 * self.channels

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return self.parameters / tp

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=0.0,
            channels=self.channels / tp,
            convolution=self.convolution,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Project to gates and input, convolve between the gates, project back."""
        channels, tokens = self.channels / step.grid.tp, step.tokens
        state = step.states * self.state_bytes(step.grid.tp, step.sequences)
        moved = tokens * 4 * channels * step.precision.output_bytes + state
        return (
            matrix(step, "input projection", m=tokens, n=3 * channels, k=step.hidden),
            traffic("gated convolution", moved)._replace(cached=state, of_sequences=True),
            matrix(step, "output projection", m=tokens, n=step.hidden, k=channels),
        )
