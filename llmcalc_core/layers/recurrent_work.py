"""Work of recurrent token mixers, whose state does not grow with the context."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.recurrent import (
    delta_rule_flops,
    state_space_dual_flops,
)
from llmcalc_core.layers.held import recurrent_state
from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, StateSpace, StateSpaceDual
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic

CHUNK = 64
"""Tokens of a chunk of the gated delta rule in prefill (flash-linear-attention)."""

CHUNK_KERNELS = 6.0
"""Kernels of that prefill: decays, K K', its inverse, W and U, states, results (the same)."""

DUAL_CHUNK = 128
"""Tokens of a chunk of Mamba-2 in prefill (chunk_size in the config.json of Nemotron-3)."""

DUAL_KERNELS = 5.0
"""Kernels of that prefill: sums of decays, states of chunks, their passing, C B', results
(ssd_combined of mamba-ssm)."""


def state_space_work(mixer: StateSpace, step: Pass) -> tuple[Operation, ...]:
    """Work of Mamba, arXiv:2312.00752, algorithm 2: the scan moves its inputs and the state."""
    inner, tokens, hidden = mixer.inner / step.grid.tp, step.tokens, step.hidden
    selected = mixer.dt_rank + 2 * mixer.state
    state = recurrent_state(mixer, step.grid, step.sequences)
    streams = tokens * (4 * inner + 2 * mixer.state) * step.precision.output_bytes
    scan = Operation(
        name="scan",
        kind="attention",
        family="traffic",
        flops=0.0,
        moved=streams + step.states * state,
        cached=step.states * state,
        launches=2.0,
    )
    return (
        matrix(step, "input projection", m=tokens, n=2 * inner, k=hidden),
        matrix(step, "selection projection", m=tokens, n=selected, k=inner),
        matrix(step, "step size projection", m=tokens, n=inner, k=mixer.dt_rank),
        matrix(step, "output projection", m=tokens, n=hidden, k=inner),
        scan,
    )


def state_space_dual_work(mixer: StateSpaceDual, step: Pass) -> tuple[Operation, ...]:
    """Work of Mamba-2 (arXiv:2405.21060, section 6): projections, convolution, scan, gated norm.

    A decode step reads and writes every state. A prefill computes chunks of tokens at once; the
    states between them go through memory in the width of activations, the last one stays.
    """
    tp, tokens, element = step.grid.tp, step.tokens, step.precision.output_bytes
    heads, inner = mixer.heads / tp, mixer.inner / tp
    groups = np.ceil(mixer.groups / tp)
    convolved = inner + 2 * groups * mixer.state
    state = recurrent_state(mixer, step.grid, step.sequences)
    streams: Values = convolved + inner
    if not step.decode:
        streams = streams + 2 * inner * mixer.state / DUAL_CHUNK
    scan = Operation(
        name="scan",
        kind="attention",
        family="traffic" if step.decode else "attention_prefill",
        flops=state_space_dual_flops(
            tokens=tokens, heads=heads, head_dim=mixer.head_dim, groups=groups, state=mixer.state,
            chunk=1 if step.decode else DUAL_CHUNK,
        ),
        moved=tokens * streams * element + step.states * state,
        cached=step.states * state,
        launches=1.0 if step.decode else DUAL_KERNELS,
    )  # fmt: skip
    return (
        matrix(step, "input projection", m=tokens, n=inner + convolved + heads, k=step.hidden),
        traffic("convolution", tokens * 2 * convolved * element),
        scan,
        traffic("gated norm", tokens * 3 * inner * element),
        matrix(step, "output projection", m=tokens, n=step.hidden, k=inner),
    )


def delta_net_work(mixer: GatedDeltaNet, step: Pass) -> tuple[Operation, ...]:
    """Work of a gated delta net: projections, convolution, delta rule, gated norm."""
    tp, tokens, element = step.grid.tp, step.tokens, step.precision.output_bytes
    values, convolved = mixer.values / tp, mixer.convolved / tp
    gate = 0.0 if mixer.gate_rank else values
    small = 1 if mixer.decay_rank else 2
    return (
        matrix(step, "input projection", m=tokens, n=convolved + gate, k=step.hidden),
        matrix(
            step,
            "decay and step size projection",
            m=tokens,
            n=small * mixer.value_heads / tp,
            k=step.hidden,
            quantised=False,
        ),
        *_low_rank(mixer, step),
        traffic("convolution", tokens * 2 * convolved * element),
        _delta_rule(mixer, step),
        traffic("gated norm", tokens * 3 * values * element),
        matrix(step, "output projection", m=tokens, n=step.hidden, k=values),
    )


def _low_rank(mixer: GatedDeltaNet, step: Pass) -> tuple[Operation, ...]:
    """Project the decay of every channel, and a gate of low rank: to the ranks on every device."""
    if mixer.decay_rank is None:
        return ()
    tokens, decay, gate = step.tokens, mixer.decay_rank, mixer.gate_rank or 0
    ranks = matrix(step, "decay and gate down projection", m=tokens, n=decay + gate, k=step.hidden)
    decays = matrix(step, "decay up projection", m=tokens, n=mixer.keys / step.grid.tp, k=decay)
    if not gate:
        return ranks, decays
    gates = matrix(step, "gate up projection", m=tokens, n=mixer.values / step.grid.tp, k=gate)
    return ranks, decays, gates


def _delta_rule(mixer: GatedDeltaNet, step: Pass) -> Operation:
    """Make the delta rule: a decode step reads and writes every state, a prefill that of a chunk.

    A chunk's states go through memory in the width of activations, the last one stays.
    """
    heads = mixer.value_heads / step.grid.tp
    convolved, values = mixer.convolved / step.grid.tp, mixer.values / step.grid.tp
    state = recurrent_state(mixer, step.grid, step.sequences)
    chunk = 1 if step.decode else CHUNK
    streams = convolved + values
    if mixer.decay_rank:
        streams = streams + mixer.keys / step.grid.tp
    if not step.decode:
        streams = streams + 2 * heads * mixer.key_dim * mixer.value_dim / CHUNK
    return Operation(
        name="delta rule",
        kind="attention",
        family="traffic" if step.decode else "attention_prefill",
        flops=delta_rule_flops(
            tokens=step.tokens, heads=heads, key_dim=mixer.key_dim, value_dim=mixer.value_dim,
            chunk=chunk,
        ),
        moved=step.tokens * streams * step.precision.output_bytes + step.states * state,
        cached=step.states * state,
        launches=1.0 if step.decode else CHUNK_KERNELS,
    )  # fmt: skip
