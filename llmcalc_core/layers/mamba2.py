"""Mamba-2: state space duality, with heads that have a state each."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import state_bytes, state_space_dual_flops
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.layers.kernels import tokens_in_turn
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig

CHUNK = 128
"""Tokens of a chunk in prefill (chunk_size in the config.json of Nemotron-3)."""

CHUNK_KERNELS = 5.0
"""Kernels of that prefill: sums of decays, states of chunks, their passing, C B', results
(ssd_combined of mamba-ssm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mamba2(RecurrentMixer):
    """A Mamba-2 mixer (arXiv:2405.21060): heads with a state each, B and C shared by groups.

    ``group_parameters`` are those of B and C, which are replicated where there are fewer groups
    than devices.
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    state_bits: int
    convolution: int
    parameters: int
    group_parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> Mamba2:
        """Describe the mixer: A, D and dt for each head, perhaps a gated norm at the end."""
        hidden, kernel = config.hidden_size, config.mamba_d_conv
        heads, width, groups, state = (
            config.of_layer(name, index)
            for name in ("mamba_num_heads", "mamba_head_dim", "mamba_n_groups", "mamba_d_state")
        )
        inner, shared = heads * width, 2 * groups * state
        projected = 2 * inner + shared + heads
        return cls(
            heads=heads,
            head_dim=width,
            groups=groups,
            state=state,
            state_bits=config.recurrent_state_bits,
            convolution=kernel,
            parameters=hidden * (projected + inner)
            + (inner + shared) * (kernel + 1)
            + 3 * heads
            + inner * config.mamba_gate_norm,
            group_parameters=shared * (hidden + kernel + 1),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "Mamba-2"

    @property
    def description(self) -> str:
        """Its heads and the state of each channel."""
        return f"Mamba-2 of {self.heads} heads ({self.head_dim} wide, state {self.state})"

    @property
    def inner(self) -> int:
        """Channels of all heads [elements]."""
        return self.heads * self.head_dim

    @property
    def shardable_heads(self) -> int:
        """Heads."""
        return self.heads

    @property
    def activation_width(self) -> float:
        """Inputs and gates with B and C, before the convolution and after it."""
        return 4 * (self.inner + self.groups * self.state)

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device, groups in whole."""
        share = ceiling(self.groups / tp) / self.groups
        return (self.parameters - self.group_parameters) / tp + self.group_parameters * share

    @property
    def checkpoint_tokens(self) -> int:
        """Any (vLLM 0.33, layers/mamba/mamba_mixer2.py: ``prefill_checkpoint_alignment=1``)."""
        return 1

    def page_bytes(self, tp: int) -> float:
        """Count the state of one sequence in the type that the model says [bytes]."""
        spared = (4 - self.state_bits / 8) * self.inner * self.state / tp
        return RecurrentMixer.page_bytes(self, tp) - spared

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=self.inner * self.state / tp,
            channels=self._convolved(tp),
            convolution=self.convolution,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work (arXiv:2405.21060, section 6): projections, convolution, scan, norm."""
        tokens, element = step.tokens, step.precision.output_bytes
        heads, inner = self.heads / step.grid.tp, self.inner / step.grid.tp
        convolved = self._convolved(step.grid.tp)
        return (
            matrix(step, "input projection", m=tokens, n=inner + convolved + heads, k=step.hidden),
            traffic("convolution", tokens * 2 * convolved * element),
            self._scan(step, heads, convolved),
            traffic("gated norm", tokens * 3 * inner * element),
            matrix(step, "output projection", m=tokens, n=step.hidden, k=inner),
        )

    def _convolved(self, tp: Values) -> Values:
        """Channels of the short convolution on one device: inputs, and B and C of its groups."""
        return self.inner / tp + 2 * ceiling(self.groups / tp) * self.state

    def _scan(self, step: Pass, heads: Values, convolved: Values) -> Operation:
        """Make the scan: a decode step reads and writes every state, a prefill that of a chunk.

        The states between chunks go through memory in the width of activations, the last one stays.
        """
        inner = self.inner / step.grid.tp
        state = step.states * self.state_bytes(step.grid.tp, step.sequences)
        streams: Values = convolved + inner
        if not step.decode:
            streams = streams + 2 * inner * self.state / CHUNK
        return Operation(
            name="scan",
            kind="attention",
            family="traffic" if step.decode else "recurrent_prefill",
            inner=0.0 if step.decode else tokens_in_turn(step),
            flops=state_space_dual_flops(
                tokens=step.tokens,
                heads=heads,
                head_dim=self.head_dim,
                groups=ceiling(self.groups / step.grid.tp),
                state=self.state,
                chunk=1 if step.decode else CHUNK,
            ),
            moved=step.tokens * streams * step.precision.output_bytes + state,
            cached=state,
            launches=1.0 if step.decode else CHUNK_KERNELS,
        )
