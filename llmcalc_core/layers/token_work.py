"""Work of the token mixers: plain and latent attention; others are in their own files."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.kv_cache import key_value_bytes, latent_bytes
from llmcalc_core.layers.attention_shapes import (
    Attention,
    CompressedAttention,
    Indexer,
    LatentAttention,
)
from llmcalc_core.layers.compressed_work import compressed_attention_work
from llmcalc_core.layers.kernels import attention_kernel, index_kernel, keys_read, pairs_seen
from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, StateSpace, StateSpaceDual
from llmcalc_core.layers.recurrent_work import (
    delta_net_work,
    state_space_dual_work,
    state_space_work,
)
from llmcalc_core.layers.shapes import TokenMixer
from llmcalc_core.layers.work import (
    Message,
    Operation,
    Pass,
    matrix,
    output_pass,
    traffic,
)
from llmcalc_core.workload.grid import divides_prompts

Work = tuple[tuple[Operation, ...], tuple[Message, ...]]


def token_work(mixer: TokenMixer, step: Pass) -> Work:
    """Operations and messages of one token mixer on one device."""
    if isinstance(mixer, Attention):
        operations = _attention(mixer, step)
    elif isinstance(mixer, LatentAttention):
        operations = _latent_attention(mixer, step)
    elif isinstance(mixer, CompressedAttention):
        operations = compressed_attention_work(mixer, step)
    elif isinstance(mixer, GatedDeltaNet):
        operations = delta_net_work(mixer, step)
    elif isinstance(mixer, StateSpaceDual):
        operations = state_space_dual_work(mixer, step)
    elif isinstance(mixer, StateSpace):
        operations = state_space_work(mixer, step)
    else:
        whole = matrix(step, "projection", m=step.tokens, n=step.hidden, k=step.hidden)
        return (whole,), ()
    summed = Message(
        name="all-reduce",
        collective=Collective.ALL_REDUCE,
        size=step.hidden_bytes,
        participants=step.grid.tp,
    )
    if step.decode or not divides_prompts(step.grid.layouts):
        return operations, (summed,)
    return operations, (summed, _gathered(mixer, step))


def _gathered(mixer: TokenMixer, step: Pass) -> Message:
    """Gather the keys and values of a prompt's parts, as wide as activations, before attention.

    vLLM, docs/serving/context_parallel_deployment.md (partial query, full key and value); Yang et
    al., arXiv:2411.01783, send as much in a ring.
    """
    if isinstance(mixer, Attention):
        both = 0 if mixer.shares_cache else mixer.head_dim + mixer.v_dim
        width: Values = np.ceil(mixer.kv_heads / step.grid.tp) * both
    elif isinstance(mixer, LatentAttention):
        index = mixer.indexer.head_dim if mixer.indexer else 0
        width = float(mixer.kv_rank + mixer.rope_dim + index)
    else:
        width = 0.0
    return Message(
        name="all-gather of keys and values",
        collective=Collective.ALL_GATHER,
        size=step.replica_tokens * width * step.precision.output_bytes,
        participants=np.asarray(step.parts),
        stride=step.grid.tp,
    )


def _attention(mixer: Attention, step: Pass) -> tuple[Operation, ...]:
    tp, hidden = step.grid.tp, step.hidden
    heads, kv_heads = mixer.heads / tp, np.ceil(mixer.kv_heads / tp)
    width = heads * mixer.head_dim + kv_heads * mixer.kv_width
    results = heads * mixer.v_dim
    gate = heads * mixer.gate
    turned = heads * mixer.head_dim
    if not mixer.shares_cache:
        turned = turned + kv_heads * (mixer.head_dim + mixer.v_dim)
    normed = (_norms(mixer, step, heads, kv_heads),) if mixer.normed else ()
    gating = 2 * results + gate if mixer.gate else 0.0
    elementwise = (2 * turned + gating) * step.precision.output_bytes
    seen = pairs_seen(step, window=float(mixer.window or np.inf), chunk=mixer.chunk)
    return (
        matrix(step, "QKV projection", m=step.tokens, n=width + gate, k=hidden, packed=3),
        matrix(output_pass(step), "output projection", m=step.tokens, n=hidden, k=results),
        attention_kernel(
            step,
            heads=heads,
            widths=(mixer.head_dim, mixer.v_dim),
            per_token=key_value_bytes(
                tokens=1.0,
                kv_heads=kv_heads,
                head_dim=mixer.head_dim,
                v_dim=mixer.v_dim,
                element_bytes=step.precision.kv_bytes,
            ),
            query_width=heads * (mixer.head_dim + mixer.v_dim),
            seen=seen,
            read=keys_read(step, seen, reach=float(mixer.window or mixer.chunk or np.inf)),
        ),
        *normed,
        traffic(
            "rotary embedding and cache write",
            step.tokens * elementwise,
            launches=2.0 if mixer.gate else 1.0,
        ),
    )


def _norms(mixer: Attention, step: Pass, heads: Values, kv_heads: Values) -> Operation:
    """Normalise queries and keys, each in a kernel of its own (vLLM, models/qwen3.py)."""
    keys = 0.0 if mixer.shares_cache else kv_heads
    moved = 2 * (heads + keys) * mixer.head_dim * step.precision.output_bytes
    launches = 1.0 if mixer.shares_cache else 2.0
    return traffic("norms of queries and keys", step.tokens * moved, launches=launches)


def _latent_attention(mixer: LatentAttention, step: Pass) -> tuple[Operation, ...]:
    """Decode in the absorbed form, prefill with keys and values unpacked (DeepSeek-V2, 2.1).

    Sparse attention (DeepSeek-V3.2, 2.1) is absorbed in prefill too, unless the prompt is no
    longer than the tokens that it chooses, which makes it dense.
    """
    heads, hidden, tokens = mixer.heads / step.grid.tp, step.hidden, step.tokens
    query, latent = mixer.nope_dim + mixer.rope_dim, mixer.kv_rank + mixer.rope_dim
    per_token = latent_bytes(
        tokens=1.0, rank=mixer.kv_rank, rope_dim=mixer.rope_dim,
        element_bytes=step.precision.kv_bytes,
    )  # fmt: skip
    unpacking: tuple[Operation, ...]
    chosen: tuple[Operation, ...] = ()
    window = np.inf
    if step.decode or mixer.indexer:
        unpacking = (
            matrix(step, "key absorption", m=tokens, n=heads * mixer.kv_rank, k=mixer.nope_dim),
            matrix(step, "value up projection", m=tokens, n=heads * mixer.v_dim, k=mixer.kv_rank),
        )
    else:
        unpacked = heads * (mixer.nope_dim + mixer.v_dim)
        rows = step.replica_tokens + step.sequences * step.behind
        unpacking = (matrix(step, "KV up projection", m=rows, n=unpacked, k=mixer.kv_rank),)
    absorbed: Values = float(step.decode)
    if mixer.indexer:
        chosen = _indexing(mixer.indexer, mixer.q_rank or 0, step)
        window = float(mixer.indexer.top_k)
        absorbed = np.where(step.decode, 1.0, step.grid.inputs > window)
    key_width = query + absorbed * (latent - query)
    value_width = mixer.v_dim + absorbed * (mixer.kv_rank - mixer.v_dim)
    seen = pairs_seen(step, window=window)
    kernel = attention_kernel(
        step, heads=heads, widths=(key_width, value_width), per_token=per_token,
        query_width=heads * (key_width + value_width), seen=seen, read=keys_read(step, seen),
    )  # fmt: skip
    return (
        *_to_query(mixer, step),
        *unpacking,
        matrix(step, "KV down projection", m=tokens, n=latent, k=hidden),
        matrix(output_pass(step), "output projection", m=tokens, n=hidden, k=heads * mixer.v_dim),
        *_gate(mixer, step),
        *chosen,
        kernel,
        traffic(
            "rotary embedding and cache write",
            tokens * 2 * (heads * query + latent) * step.precision.output_bytes,
        ),
    )


def _to_query(mixer: LatentAttention, step: Pass) -> tuple[Operation, ...]:
    """Project queries, through their low rank where they have one."""
    columns = mixer.heads / step.grid.tp * (mixer.nope_dim + mixer.rope_dim)
    if not mixer.q_rank:
        return (matrix(step, "query projection", m=step.tokens, n=columns, k=step.hidden),)
    return (
        matrix(step, "query down projection", m=step.tokens, n=mixer.q_rank, k=step.hidden),
        matrix(step, "query up projection", m=step.tokens, n=columns, k=mixer.q_rank),
    )


def _gate(mixer: LatentAttention, step: Pass) -> tuple[Operation, ...]:
    """Project a gate as wide as the results, and multiply them by it."""
    if not mixer.gated:
        return ()
    width = mixer.heads / step.grid.tp * mixer.v_dim
    multiplied = traffic("gate", step.tokens * 3 * width * step.precision.output_bytes)
    projected = matrix(step, "gate projection", m=step.tokens, n=width, k=step.hidden)
    return projected, multiplied


def _indexing(indexer: Indexer, q_rank: int, step: Pass) -> tuple[Operation, ...]:
    """Score the whole context and choose from it."""
    tokens, width = step.tokens, indexer.heads * indexer.head_dim
    return (
        matrix(step, "index query projection", m=tokens, n=width, k=q_rank),
        matrix(
            step,
            "index key projection",
            m=tokens,
            n=indexer.key_width + indexer.heads,
            k=step.hidden,
        ),
        *index_kernel(indexer, step),
    )
