"""Linear attention by the gated delta rule: gated delta nets and Kimi delta attention."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import delta_rule_flops, state_bytes
from llmcalc_core.layers.kernels import tokens_in_turn
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig

CHUNK = 64
"""Tokens of a chunk of the gated delta rule in prefill (flash-linear-attention)."""

CHUNK_KERNELS = 6.0
"""Kernels of that prefill: decays, K K', its inverse, W and U, states, results (the same)."""

CHUNK_COPIES = 15.0
"""Small kernels of a prefill beside these and the convolution: six that take queries, keys, values
and gates apart and one that joins them, the gates, three copies, two norms of queries and keys, a
state read and a state written (``fix_query_key_value_ordering`` of qwen3_next.py,
``forward_extend`` of GDNAttnBackend and ``chunk_gated_delta_rule`` of fla/chunk.py of SGLang, read
2026-12-01) [1]."""

_SHAPE = (
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim",
)  # fmt: skip
"""Fields of a configuration that are heads and widths of keys and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedDeltaNet(RecurrentMixer):
    """Linear attention by the gated delta rule (arXiv:2412.06464), or Kimi's (arXiv:2510.26692).

    Each value head has a state of ``key_dim`` x ``value_dim``; several share a key head. The state
    decays by head, or by channel of the key where ``decay_rank`` is not 0: then the decay is
    projected through that rank (at once where it is the hidden size), and so is the output gate
    unless ``gate_rank`` is 0.
    ``replicated_parameters`` are those of the projections to these ranks.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    convolution: int
    state_bits: int
    decay_rank: int
    gate_rank: int
    parameters: int
    replicated_parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> GatedDeltaNet:
        """Describe a gated delta net: A, dt and their projections for each head, a norm."""
        hidden, kernel = config.hidden_size, config.linear_conv_kernel_dim
        key_heads, heads, key_dim, value_dim = (config.of_layer(name, index) for name in _SHAPE)
        keys, values = key_heads * key_dim, heads * value_dim
        return cls(
            key_heads=key_heads,
            value_heads=heads,
            key_dim=key_dim,
            value_dim=value_dim,
            convolution=kernel,
            state_bits=config.recurrent_state_bits,
            decay_rank=0,
            gate_rank=0,
            parameters=hidden * (2 * keys + 3 * values)
            + 2 * heads * (hidden + 1)
            + (2 * keys + values) * kernel
            + value_dim,
            replicated_parameters=0,
        )

    @classmethod
    def kimi_from_config(cls, config: ModelConfig, index: int) -> GatedDeltaNet:
        """Describe Kimi delta attention: a decay for each channel of the keys, of low rank."""
        hidden, kernel = config.hidden_size, config.linear_conv_kernel_dim
        key_heads, heads, key_dim, value_dim = (config.of_layer(name, index) for name in _SHAPE)
        keys, values = key_heads * key_dim, heads * value_dim
        low = not config.linear_full_rank_gate
        decay_rank = hidden if config.linear_full_rank_decay else key_dim
        replicated = hidden * ((decay_rank < hidden) * key_dim + low * value_dim)
        return cls(
            key_heads=key_heads,
            value_heads=heads,
            key_dim=key_dim,
            value_dim=value_dim,
            convolution=kernel,
            state_bits=32,
            decay_rank=decay_rank,
            gate_rank=value_dim * low,
            parameters=replicated
            + hidden * (2 * keys + 2 * values + heads)
            + (value_dim if low else hidden) * values
            + (2 * keys + values) * kernel
            + (decay_rank + 1) * keys
            + heads
            + value_dim,
            replicated_parameters=replicated,
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "gated delta net"

    @property
    def description(self) -> str:
        """Its value heads."""
        return f"gated delta rule of {self.value_heads} heads ({self.value_dim} wide)"

    @property
    def keys(self) -> int:
        """Width of the queries, and of the keys [elements]."""
        return self.key_heads * self.key_dim

    @property
    def values(self) -> int:
        """Width of the values, and of their gate [elements]."""
        return self.value_heads * self.value_dim

    @property
    def convolved(self) -> int:
        """Channels of the short convolution: queries, keys and values [elements]."""
        return 2 * self.keys + self.values

    @property
    def shardable_heads(self) -> int:
        """Key heads, which are not replicated (vLLM and SGLang)."""
        return self.key_heads

    @property
    def activation_width(self) -> float:
        """Queries, keys and values before the convolution and after it; gates, and the chunks'.

        ``chunk_gated_delta_rule_fwd`` of flash-linear-attention has for each value head and token
        K K' of its chunk in 32 bits and its inverse in 16, W and U, the state of each chunk, new
        values and results; where channels decay, decayed queries and keys, and decays in 32 bits.
        """
        head = self.key_dim + 3 * self.value_dim + self.key_dim * self.value_dim / CHUNK + 3 * CHUNK
        if self.decay_rank:
            head += 4 * self.key_dim
        return 2 * self.convolved + self.values + self.value_heads * head

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return (self.parameters - self.replicated_parameters) / tp + self.replicated_parameters

    @property
    def checkpoint_tokens(self) -> int:
        """Chunks of the kernels on Hopper and later (vLLM 0.33: FlashInfer's 64, FlashKDA's 16).

        Kimi Linear, whose gates are of low rank, runs in Triton's kernels, which give none; Kimi
        K3's whole gates have FlashKDA's (models/kimi_k3/nvidia/kda.py).
        """
        if self.decay_rank:
            return 0 if self.gate_rank else 16
        return 64

    def page_bytes(self, tp: int) -> float:
        """Count the state of one sequence in the type that the model says [bytes]."""
        spared = (4 - self.state_bits / 8) * self.values * self.key_dim / tp
        return RecurrentMixer.page_bytes(self, tp) - spared

    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""
        return state_bytes(
            sequences=sequences,
            state=self.values * self.key_dim / tp,
            channels=self.convolved / tp,
            convolution=self.convolution,
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work: projections, convolution, delta rule, gated norm."""
        tp, tokens, element = step.grid.tp, step.tokens, step.precision.output_bytes
        values, convolved = self.values / tp, self.convolved / tp
        gate = 0.0 if self.gate_rank else values
        small = 1 if self.decay_rank else 2
        return (
            matrix(step, "input projection", m=tokens, n=convolved + gate, k=step.hidden),
            matrix(
                step,
                "decay and step size projection",
                m=tokens,
                n=small * self.value_heads / tp,
                k=step.hidden,
                quantised=False,
            ),
            *self._low_rank(step),
            traffic("convolution", tokens * 2 * convolved * element),
            self._delta_rule(step),
            traffic("gated norm", tokens * 3 * values * element),
            matrix(step, "output projection", m=tokens, n=step.hidden, k=values),
        )

    def _low_rank(self, step: Pass) -> tuple[Operation, ...]:
        """Project the decay of every channel, and a gate: to the ranks on every device."""
        if not self.decay_rank:
            return ()
        tp, tokens, decay, gate = step.grid.tp, step.tokens, self.decay_rank, self.gate_rank
        down = (0 if decay == step.hidden else decay) + gate
        ranks = matrix(step, "decay and gate down projection", m=tokens, n=down, k=step.hidden)
        decays = matrix(step, "decay up projection", m=tokens, n=self.keys / tp, k=decay)
        gates = matrix(step, "gate up projection", m=tokens, n=self.values / tp, k=gate)
        return *((ranks,) if down else ()), decays, *((gates,) if gate else ())

    def _delta_rule(self, step: Pass) -> Operation:
        """Make the delta rule: a decode step reads and writes every state, a prefill a chunk's.

        A chunk's states go through memory in the width of activations, the last one stays.
        """
        tp, heads = step.grid.tp, self.value_heads / step.grid.tp
        state = step.states * self.state_bytes(tp, step.sequences)
        streams = self.convolved / tp + self.values / tp
        if self.decay_rank:
            streams = streams + self.keys / tp
        if not step.decode:
            streams = streams + 2 * heads * self.key_dim * self.value_dim / CHUNK
        return Operation(
            name="delta rule",
            kind="attention",
            family="traffic" if step.decode else "recurrent_prefill",
            inner=0.0 if step.decode else tokens_in_turn(step),
            flops=delta_rule_flops(
                tokens=step.tokens,
                heads=heads,
                key_dim=self.key_dim,
                value_dim=self.value_dim,
                chunk=1 if step.decode else CHUNK,
            ),
            moved=step.tokens * streams * step.precision.output_bytes + state,
            cached=state,
            launches=1.0 if step.decode else CHUNK_KERNELS,
            further=0.0 if step.decode else CHUNK_COPIES,
        )
