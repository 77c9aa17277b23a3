"""Lightning attention: linear attention whose heads have a decay of their own each (MiniMax)."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import state_bytes, state_space_dual_flops
from llmcalc_core.layers.kernels import tokens_in_turn
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig

CHUNK = 256
"""Tokens of a chunk in prefill (block_size in the config.json of MiniMax-Text-01)."""

CHUNK_KERNELS = 4.0
"""Kernels of that prefill: inside of blocks, states of blocks, their sums, results of the states
before (_fwd_diag_kernel, _fwd_kv_parallel, _fwd_kv_reduce, _fwd_none_diag_kernel of vLLM)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightningAttention(RecurrentMixer):
    """Lightning attention (arXiv:2501.08313, section 2.2): a state of key by value for each head.

    Its decays are fixed numbers; the result is normalised and multiplied by a gate of its width.
    """

    heads: int
    head_dim: int
    state_bits: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> LightningAttention:
        """Describe the mixer: queries, keys, values, gate and results of as many heads each."""
        heads, width = (
            config.of_layer(name, index) for name in ("num_attention_heads", "head_dim")
        )
        inner = heads * width
        return cls(
            heads=heads,
            head_dim=width,
            state_bits=config.recurrent_state_bits,
            parameters=5 * config.hidden_size * inner + inner,
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "lightning attention"

    @property
    def description(self) -> str:
        """Its heads."""
        return f"lightning attention of {self.heads} heads ({self.head_dim} wide)"

    @property
    def inner(self) -> int:
        """Width of all heads [elements]."""
        return self.heads * self.head_dim

    @property
    def shardable_heads(self) -> int:
        """Heads."""
        return self.heads

    @property
    def activation_width(self) -> float:
        """Queries, keys and values, a gate and the result; the state of each chunk."""
        return 5 * self.inner + self.inner * self.head_dim / CHUNK

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return self.parameters / tp

    def page_bytes(self, tp: int) -> float:
        """Count the state of one sequence in the type that the model says [bytes]."""
        spared = (4 - self.state_bits / 8) * self.inner * self.head_dim / tp
        return RecurrentMixer.page_bytes(self, tp) - spared

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=self.inner * self.head_dim / tp,
            channels=0.0,
            convolution=1,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work (arXiv:2501.08313, algorithm 2): projections, scan, gated norm."""
        tokens, inner = step.tokens, self.inner / step.grid.tp
        element = step.precision.output_bytes
        return (
            matrix(step, "QKV projection", m=tokens, n=3 * inner, k=step.hidden, packed=3),
            matrix(step, "gate projection", m=tokens, n=inner, k=step.hidden),
            self._scan(step),
            traffic("gated norm", tokens * 3 * inner * element),
            matrix(step, "output projection", m=tokens, n=step.hidden, k=inner),
        )

    def _scan(self, step: Pass) -> Operation:
        """Make the scan: a decode step reads and writes every state, a prefill that of a chunk."""
        heads, inner = self.heads / step.grid.tp, self.inner / step.grid.tp
        state = step.states * self.state_bytes(step.grid.tp, step.sequences)
        streams = 4 * inner
        if not step.decode:
            streams = streams + 2 * inner * self.head_dim / CHUNK
        return Operation(
            name="scan",
            kind="attention",
            family="traffic" if step.decode else "recurrent_prefill",
            inner=0.0 if step.decode else tokens_in_turn(step),
            flops=state_space_dual_flops(
                tokens=step.tokens,
                heads=heads,
                head_dim=self.head_dim,
                groups=heads,
                state=self.head_dim,
                chunk=1 if step.decode else CHUNK,
            ),
            moved=step.tokens * streams * step.precision.output_bytes + state,
            cached=state,
            launches=1.0 if step.decode else CHUNK_KERNELS,
        )
