"""Work of the token mixers: attention of each kind, and state space layers."""

from __future__ import annotations

import numpy as np

from llmcalc_core.domain.layers import Attention, LatentAttention, StateSpace, TokenMixer
from llmcalc_core.estimate.work import (
    Message,
    Operation,
    Pass,
    matrix,
    traffic,
)
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.attention import attention_flops, causal_pairs, mean_context
from llmcalc_core.formulas.kv_cache import key_value_bytes, latent_bytes, state_bytes

Work = tuple[tuple[Operation, ...], tuple[Message, ...]]


def token_work(mixer: TokenMixer, step: Pass) -> Work:
    """Operations and messages of one token mixer on one device."""
    if isinstance(mixer, Attention):
        operations = _attention(mixer, step)
    elif isinstance(mixer, LatentAttention):
        operations = _latent_attention(mixer, step)
    else:
        operations = _state_space(mixer, step)
    summed = Message(passes=2, size=step.hidden_bytes, participants=step.grid.tp)
    return operations, (summed,)


def _attention(mixer: Attention, step: Pass) -> tuple[Operation, ...]:
    tp, hidden = step.grid.tp, step.hidden
    heads, kv_heads = mixer.heads / tp, np.ceil(mixer.kv_heads / tp)
    width = (heads + 2 * kv_heads) * mixer.head_dim
    rotary = 2 * width * step.precision.output_bytes
    return (
        matrix(step, m=step.tokens, n=width, k=hidden),
        matrix(step, m=step.tokens, n=hidden, k=heads * mixer.head_dim),
        _kernel(
            step,
            heads=heads,
            widths=(mixer.head_dim, mixer.head_dim),
            per_token=key_value_bytes(
                tokens=1.0,
                kv_heads=kv_heads,
                head_dim=mixer.head_dim,
                element_bytes=step.precision.kv_bytes,
            ),
            query_width=2 * heads * mixer.head_dim,
            window=float(mixer.window or np.inf),
        ),
        traffic(step.tokens * rotary),
    )


def _latent_attention(mixer: LatentAttention, step: Pass) -> tuple[Operation, ...]:
    """Decode in the absorbed form, prefill with keys and values unpacked (DeepSeek-V2, 2.1)."""
    heads, hidden, tokens = mixer.heads / step.grid.tp, step.hidden, step.tokens
    query = mixer.nope_dim + mixer.rope_dim
    latent = mixer.kv_rank + mixer.rope_dim
    per_token = latent_bytes(
        tokens=1.0, rank=mixer.kv_rank, rope_dim=mixer.rope_dim,
        element_bytes=step.precision.kv_bytes,
    )  # fmt: skip
    to_query: tuple[Operation, ...]
    unpacking: tuple[Operation, ...]
    if mixer.q_rank:
        to_query = (
            matrix(step, m=tokens, n=mixer.q_rank, k=hidden),
            matrix(step, m=tokens, n=heads * query, k=mixer.q_rank),
        )
    else:
        to_query = (matrix(step, m=tokens, n=heads * query, k=hidden),)
    if step.decode:
        unpacking = (
            matrix(step, m=tokens, n=heads * mixer.kv_rank, k=mixer.nope_dim),
            matrix(step, m=tokens, n=heads * mixer.v_dim, k=mixer.kv_rank),
        )
        widths = (latent, mixer.kv_rank)
    else:
        unpacked = heads * (mixer.nope_dim + mixer.v_dim)
        unpacking = (matrix(step, m=tokens, n=unpacked, k=mixer.kv_rank),)
        widths = (query, mixer.v_dim)
    kernel = _kernel(
        step, heads=heads, widths=widths, per_token=per_token,
        query_width=heads * (widths[0] + widths[1]),
    )  # fmt: skip
    return (
        *to_query,
        *unpacking,
        matrix(step, m=tokens, n=latent, k=hidden),
        matrix(step, m=tokens, n=hidden, k=heads * mixer.v_dim),
        kernel,
        traffic(tokens * 2 * (heads * query + latent) * step.precision.output_bytes),
    )


def _kernel(
    step: Pass,
    *,
    heads: Values,
    widths: tuple[int, int],
    per_token: Values,
    query_width: Values,
    window: float = np.inf,
) -> Operation:
    """Make the attention kernel itself; ``per_token`` is the cache of one token [bytes]."""
    grid = step.grid
    queries = step.tokens * query_width * step.precision.output_bytes
    if step.decode:
        context = mean_context(prompt=grid.inputs, generated=grid.outputs, window=window)
        pairs = step.sequences * context
        read = pairs
        if grid.beams > 1:
            prompt = np.minimum(grid.inputs, context)
            read = step.sequences * (context - prompt * (1 - 1 / grid.beams))
    else:
        pairs = step.sequences * causal_pairs(prompt=grid.inputs, window=window)
        read = step.tokens
    return Operation(
        kind="attention",
        family="attention_decode" if step.decode else "attention_prefill",
        flops=attention_flops(pairs=pairs, heads=heads, qk_dim=widths[0], v_dim=widths[1]),
        moved=read * per_token + queries,
        size=np.inf if step.decode else grid.inputs,
    )


def _state_space(mixer: StateSpace, step: Pass) -> tuple[Operation, ...]:
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
        moved=streams + 2 * state,
        launches=2.0,
    )
    return (
        matrix(step, m=tokens, n=2 * inner, k=hidden),
        matrix(step, m=tokens, n=selected, k=inner),
        matrix(step, m=tokens, n=inner, k=mixer.dt_rank),
        matrix(step, m=tokens, n=hidden, k=inner),
        scan,
    )
