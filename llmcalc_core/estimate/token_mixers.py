"""Work of the token mixers: attention of each kind; recurrent ones are in their own file."""

from __future__ import annotations

import numpy as np

from llmcalc_core.domain.layers import (
    Attention,
    Indexer,
    LatentAttention,
    StateSpace,
    TokenMixer,
)
from llmcalc_core.estimate.grid import divides_prompts
from llmcalc_core.estimate.recurrent_mixers import delta_net_work, state_space_work
from llmcalc_core.estimate.work import (
    Message,
    Operation,
    Pass,
    for_part,
    matrix,
    traffic,
)
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.attention import (
    attention_flops,
    causal_pairs,
    chunk_pairs,
    mean_chunk_context,
    mean_context,
)
from llmcalc_core.formulas.kv_cache import index_bytes, key_value_bytes, latent_bytes

Work = tuple[tuple[Operation, ...], tuple[Message, ...]]


def token_work(mixer: TokenMixer, step: Pass) -> Work:
    """Operations and messages of one token mixer on one device."""
    if isinstance(mixer, Attention):
        operations = _attention(mixer, step)
    elif isinstance(mixer, LatentAttention):
        operations = _latent_attention(mixer, step)
    elif isinstance(mixer, StateSpace):
        operations = state_space_work(mixer, step)
    else:
        operations = delta_net_work(mixer, step)
    summed = Message(passes=2, size=step.hidden_bytes, participants=step.grid.tp)
    if step.decode or not divides_prompts(step.grid.layouts):
        return operations, (summed,)
    return operations, (summed, _gathered(mixer, step))


def _gathered(mixer: TokenMixer, step: Pass) -> Message:
    """Gather the keys and values of a prompt's parts, as wide as activations, before attention.

    vLLM, docs/serving/context_parallel_deployment.md (partial query, full key and value); Yang et
    al., arXiv:2411.01783, section 3, send as much in a ring.
    """
    if isinstance(mixer, Attention):
        width: Values = 2 * np.ceil(mixer.kv_heads / step.grid.tp) * mixer.head_dim
    elif isinstance(mixer, LatentAttention):
        index = mixer.indexer.head_dim if mixer.indexer else 0
        width = float(mixer.kv_rank + mixer.rope_dim + index)
    else:
        width = 0.0
    return Message(
        passes=1,
        size=step.replica_tokens * width * step.precision.output_bytes,
        participants=np.asarray(step.parts),
        stride=step.grid.tp,
    )


def _attention(mixer: Attention, step: Pass) -> tuple[Operation, ...]:
    tp, hidden = step.grid.tp, step.hidden
    heads, kv_heads = mixer.heads / tp, np.ceil(mixer.kv_heads / tp)
    width = (heads + 2 * kv_heads) * mixer.head_dim
    gate = heads * mixer.head_dim if mixer.gated else 0.0
    elementwise = (2 * width + 3 * gate) * step.precision.output_bytes
    return (
        matrix(step, m=step.tokens, n=width + gate, k=hidden, packed=3),
        matrix(_output(step), m=step.tokens, n=hidden, k=heads * mixer.head_dim),
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
            seen=_seen(step, window=float(mixer.window or np.inf), chunk=mixer.chunk),
            reach=float(mixer.window or mixer.chunk or np.inf),
        ),
        traffic(step.tokens * elementwise, launches=2.0 if mixer.gated else 1.0),
    )


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
            matrix(step, m=tokens, n=heads * mixer.kv_rank, k=mixer.nope_dim),
            matrix(step, m=tokens, n=heads * mixer.v_dim, k=mixer.kv_rank),
        )
    else:
        unpacked = heads * (mixer.nope_dim + mixer.v_dim)
        rows = step.replica_tokens + step.sequences * step.behind
        unpacking = (matrix(step, m=rows, n=unpacked, k=mixer.kv_rank),)
    absorbed: Values = float(step.decode)
    if mixer.indexer:
        chosen = _indexing(mixer.indexer, mixer.q_rank or 0, step)
        window = float(mixer.indexer.top_k)
        absorbed = np.where(step.decode, 1.0, step.grid.inputs > window)
    key_width = query + absorbed * (latent - query)
    value_width = mixer.v_dim + absorbed * (mixer.kv_rank - mixer.v_dim)
    kernel = _kernel(
        step, heads=heads, widths=(key_width, value_width), per_token=per_token,
        query_width=heads * (key_width + value_width), seen=_seen(step, window=window),
    )  # fmt: skip
    return (
        *_to_query(mixer, step),
        *unpacking,
        matrix(step, m=tokens, n=latent, k=hidden),
        matrix(_output(step), m=tokens, n=hidden, k=heads * mixer.v_dim),
        *chosen,
        kernel,
        traffic(tokens * 2 * (heads * query + latent) * step.precision.output_bytes),
    )


def _output(step: Pass) -> Pass:
    return for_part(step, "attention_output")


def _to_query(mixer: LatentAttention, step: Pass) -> tuple[Operation, ...]:
    """Project queries, through their low rank where they have one."""
    columns = mixer.heads / step.grid.tp * (mixer.nope_dim + mixer.rope_dim)
    if not mixer.q_rank:
        return (matrix(step, m=step.tokens, n=columns, k=step.hidden),)
    return (
        matrix(step, m=step.tokens, n=mixer.q_rank, k=step.hidden),
        matrix(step, m=step.tokens, n=columns, k=mixer.q_rank),
    )


def _indexing(indexer: Indexer, q_rank: int, step: Pass) -> tuple[Operation, ...]:
    """Score the whole context and choose from it: scores of 32 bits are written, then read.

    The scores are timed like attention, whose peak is that of 16 bits although they are in FP8.
    """
    tokens, width = step.tokens, indexer.heads * indexer.head_dim
    seen = _seen(step)
    pairs = _pairs(step, seen)
    read = _read(step, seen) * index_bytes(tokens=1.0, head_dim=indexer.head_dim)
    return (
        matrix(step, m=tokens, n=width, k=q_rank),
        matrix(step, m=tokens, n=indexer.head_dim + indexer.heads, k=step.hidden),
        Operation(
            kind="attention",
            family=_family(step),
            flops=attention_flops(
                pairs=pairs, heads=indexer.heads, qk_dim=indexer.head_dim, v_dim=0
            ),
            moved=read + tokens * width + 4 * pairs,
            size=np.inf if step.decode else step.grid.inputs / step.grid.pieces,
        ),
        traffic(4 * pairs + 4 * tokens * indexer.top_k),
    )


def _seen(step: Pass, *, window: float = np.inf, chunk: int | None = None) -> Values:
    """Count query and key pairs [1]: of a decode step's mean query, or of a part of the prompt.

    The queries of a step that keeps all its tokens are those of the generation; rejected ones lie
    half their number further on in the mean.
    """
    grid = step.grid
    prompt, generated = grid.inputs, grid.outputs
    if step.decode and grid.drafted:
        prompt = prompt + (1 + grid.drafted - grid.gained) / 2
    if chunk is not None:
        if step.decode:
            return mean_chunk_context(prompt=prompt, generated=generated, chunk=chunk)
        return chunk_pairs(prompt=prompt, chunk=chunk, cached=grid.cached) / grid.pieces
    if step.decode:
        return mean_context(prompt=prompt, generated=generated, window=window)
    return causal_pairs(prompt=prompt, window=window, cached=grid.cached) / grid.pieces


def _pairs(step: Pass, seen: Values) -> Values:
    """Count query and key pairs of the pass on one device [1]."""
    return (step.tokens if step.decode else step.sequences / step.parts) * seen


def _read(step: Pass, seen: Values, reach: float = np.inf) -> Values:
    """Count cached tokens read [tokens]: each once in prefill, the prompt once for all beams.

    Of those before the new ones, a prefill reads what is in reach of the first query, and no more
    than all queries together see.
    """
    grid = step.grid
    if not step.decode:
        before = step.sequences * np.minimum(step.behind, np.minimum(seen, reach))
        return step.replica_tokens + before
    if grid.beams > 1:
        return step.sequences * (seen - np.minimum(grid.inputs, seen) * (1 - 1 / grid.beams))
    last = seen + grid.drafted / 2 if grid.drafted else seen  # of a step's queries sees the most
    return step.sequences * last


def _family(step: Pass) -> str:
    return "attention_decode" if step.decode else "attention_prefill"


def _kernel(
    step: Pass,
    *,
    heads: Values,
    widths: tuple[Values, Values],
    per_token: Values,
    query_width: Values,
    seen: Values,
    reach: float = np.inf,
) -> Operation:
    """Make the attention kernel itself; ``per_token`` is the cache of one token [bytes]."""
    queries = step.tokens * query_width * step.precision.output_bytes
    return Operation(
        kind="attention",
        family=_family(step),
        flops=attention_flops(
            pairs=_pairs(step, seen), heads=heads, qk_dim=widths[0], v_dim=widths[1]
        ),
        moved=_read(step, seen, reach) * per_token + queries,
        size=np.inf if step.decode else step.grid.inputs / step.grid.pieces,
    )
