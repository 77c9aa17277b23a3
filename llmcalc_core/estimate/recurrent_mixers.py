"""Work of recurrent token mixers, whose state does not grow with the context."""

from __future__ import annotations

from llmcalc_core.domain.layers import GatedDeltaNet, StateSpace
from llmcalc_core.estimate.work import Operation, Pass, matrix, traffic
from llmcalc_core.formulas.kv_cache import delta_state_bytes, state_bytes
from llmcalc_core.formulas.recurrent import delta_rule_flops

CHUNK = 64
"""Tokens of a chunk of the gated delta rule in prefill (flash-linear-attention)."""

CHUNK_KERNELS = 6.0
"""Kernels of that prefill: decays, K K', its inverse, W and U, states, results (the same)."""


def state_space_work(mixer: StateSpace, step: Pass) -> tuple[Operation, ...]:
    """Work of Mamba, arXiv:2312.00752, algorithm 2: the scan moves its inputs and the state."""
    inner, tokens, hidden = mixer.inner / step.grid.tp, step.tokens, step.hidden
    selected = mixer.dt_rank + 2 * mixer.state
    state = state_bytes(
        sequences=step.sequences, inner=inner, state=mixer.state, convolution=mixer.convolution
    )
    streams = tokens * (4 * inner + 2 * mixer.state) * step.precision.output_bytes
    scan = Operation(
        kind="attention",
        family="traffic",
        flops=0.0,
        moved=streams + step.states * state,
        launches=2.0,
    )
    return (
        matrix(step, m=tokens, n=2 * inner, k=hidden),
        matrix(step, m=tokens, n=selected, k=inner),
        matrix(step, m=tokens, n=inner, k=mixer.dt_rank),
        matrix(step, m=tokens, n=hidden, k=inner),
        scan,
    )


def delta_net_work(mixer: GatedDeltaNet, step: Pass) -> tuple[Operation, ...]:
    """Work of a gated delta net: projections, convolution, delta rule, gated norm."""
    tp, tokens, element = step.grid.tp, step.tokens, step.precision.output_bytes
    values, convolved = mixer.values / tp, mixer.convolved / tp
    return (
        matrix(step, m=tokens, n=convolved + values, k=step.hidden),
        matrix(step, m=tokens, n=2 * mixer.value_heads / tp, k=step.hidden, quantised=False),
        traffic(tokens * 2 * convolved * element),
        _delta_rule(mixer, step),
        traffic(tokens * 3 * values * element),
        matrix(step, m=tokens, n=step.hidden, k=values),
    )


def _delta_rule(mixer: GatedDeltaNet, step: Pass) -> Operation:
    """Make the delta rule: a decode step reads and writes every state, a prefill that of a chunk.

    A chunk's states go through memory in the width of activations, the last one stays.
    """
    heads = mixer.value_heads / step.grid.tp
    convolved, values = mixer.convolved / step.grid.tp, mixer.values / step.grid.tp
    state = delta_state_bytes(
        sequences=step.sequences, heads=heads, key_dim=mixer.key_dim, value_dim=mixer.value_dim,
        channels=convolved, convolution=mixer.convolution,
    )  # fmt: skip
    chunk = 1 if step.decode else CHUNK
    streams = convolved + values
    if not step.decode:
        streams = streams + 2 * heads * mixer.key_dim * mixer.value_dim / CHUNK
    return Operation(
        kind="attention",
        family="traffic" if step.decode else "attention_prefill",
        flops=delta_rule_flops(
            tokens=step.tokens, heads=heads, key_dim=mixer.key_dim, value_dim=mixer.value_dim,
            chunk=chunk,
        ),
        moved=step.tokens * streams * step.precision.output_bytes + step.states * state,
        launches=1.0 if step.decode else CHUNK_KERNELS,
    )  # fmt: skip
