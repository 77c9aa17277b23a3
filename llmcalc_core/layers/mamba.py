"""Mamba: a selective state space layer."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import state_bytes
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix
from llmcalc_core.model.config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Mamba(RecurrentMixer):
    """A selective state space mixer (Mamba, arXiv:2312.00752) of ``inner`` channels."""

    inner: int
    state: int
    convolution: int
    dt_rank: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> Mamba:
        """Describe the mixer: the same in every layer that has it."""
        inner = config.mamba_expand * config.hidden_size
        state, rank = (config.of_layer(name, index) for name in ("mamba_d_state", "mamba_dt_rank"))
        return cls(
            inner=inner,
            state=state,
            convolution=config.mamba_d_conv,
            dt_rank=rank,
            parameters=3 * config.hidden_size * inner
            + inner * (config.mamba_d_conv + 1)
            + inner * (rank + 2 * state)
            + (rank + 1) * inner
            + inner * state
            + inner
            + config.mamba_norm * (rank + 2 * state),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "Mamba"

    @property
    def description(self) -> str:
        """Its channels and the state of each."""
        return f"Mamba, {self.inner:,} wide (state {self.state})"

    @property
    def shardable_heads(self) -> int:
        """Channels."""
        return self.inner

    @property
    def activation_width(self) -> float:
        """Inputs and gates, before the convolution and after it."""
        return 4 * self.inner

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return self.parameters / tp

    def page_bytes(self, tp: int) -> float:
        """Count the state of one sequence, in 16 bits (vLLM 0.33: ``mamba1_state_dtype``)."""
        return RecurrentMixer.page_bytes(self, tp) - 2 * self.inner * self.state / tp

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=self.inner * self.state / tp,
            channels=self.inner / tp,
            convolution=self.convolution,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work, arXiv:2312.00752, algorithm 2: the scan moves inputs and the state."""
        inner, tokens, hidden = self.inner / step.grid.tp, step.tokens, step.hidden
        selected = self.dt_rank + 2 * self.state
        state = step.states * self.state_bytes(step.grid.tp, step.sequences)
        streams = tokens * (4 * inner + 2 * self.state) * step.precision.output_bytes
        scan = Operation(
            name="scan",
            kind="attention",
            family="traffic",
            flops=0.0,
            moved=streams + state,
            cached=state,
            launches=2.0,
        )
        return (
            matrix(step, "input projection", m=tokens, n=2 * inner, k=hidden),
            matrix(step, "selection projection", m=tokens, n=selected, k=inner),
            matrix(step, "step size projection", m=tokens, n=inner, k=self.dt_rank),
            matrix(step, "output projection", m=tokens, n=hidden, k=inner),
            scan,
        )
