"""Kernels of attention: queries against the cache, and scores that choose from it."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.attention import (
    attention_flops,
    causal_pairs,
    chunk_pairs,
    mean_chunk_context,
    mean_context,
)
from llmcalc_core.formulas.kv_cache import index_bytes
from llmcalc_core.layers.attention_shapes import Indexer
from llmcalc_core.layers.work import Operation, Pass, traffic


def pairs_seen(
    step: Pass, *, window: float = np.inf, chunk: int | None = None, ratio: int = 1
) -> Values:
    """Count query and key pairs [1]: of a decode step's mean query, or of a part of the prompt.

    Where ``ratio`` tokens make one key, ``window`` is the most keys that a query looks at; where
    every prompt is as long, decode steps see that many whatever the lengths, a single number. The
    queries of a step that keeps all its tokens are those of the generation; rejected ones lie half
    their number further on in the mean.
    """
    grid, reach = step.grid, window * ratio
    prompt, generated = grid.inputs, grid.outputs
    if step.decode and grid.drafted:
        prompt = prompt + (1 + grid.drafted - grid.gained) / 2
    if chunk is not None:
        if step.decode:
            return mean_chunk_context(prompt=prompt, generated=generated, chunk=chunk)
        return chunk_pairs(prompt=prompt, chunk=chunk, cached=grid.cached) / grid.pieces
    if step.decode and reach < np.inf and np.min(prompt) >= reach:
        return window
    if step.decode:
        seen = mean_context(prompt=prompt, generated=generated, window=reach)
    else:
        seen = causal_pairs(prompt=prompt, window=reach, cached=grid.cached) / grid.pieces
    return seen if ratio == 1 else seen / ratio


def keys_read(step: Pass, seen: Values, *, reach: float = np.inf, ratio: int = 1) -> Values:
    """Count cached keys that a sequence reads [1]: in prefill once, a prompt once for all beams.

    Of those before the new ones, a prefill reads what is in reach of the first query, and no more
    than all queries together see.
    """
    grid = step.grid
    if not step.decode:
        new = step.replica_tokens / (step.sequences * ratio)
        return new + np.minimum(step.behind / ratio, np.minimum(seen, reach))
    if grid.beams > 1:
        return seen - np.minimum(grid.inputs / ratio, seen) * (1 - 1 / grid.beams)
    return seen + grid.drafted / (2 * ratio) if grid.drafted else seen  # the last query sees most


def attention_kernel(
    step: Pass,
    *,
    heads: Values,
    widths: tuple[Values, Values],
    per_token: Values,
    query_width: Values,
    seen: Values,
    read: Values,
) -> Operation:
    """Make the attention kernel itself; ``per_token`` is the cache of one key [bytes].

    Batch and lengths are axes of their own until the last product, which is the first to have
    the size of the grid.
    """
    queries = step.tokens * query_width * step.precision.output_bytes
    each = attention_flops(pairs=_queries(step), heads=heads, qk_dim=widths[0], v_dim=widths[1])
    cached = step.sequences * per_token * read
    return Operation(
        name="attention",
        kind="attention",
        family=_family(step),
        flops=each * seen,
        moved=cached + queries,
        cached=cached,
        size=_size(step),
    )


def index_kernel(indexer: Indexer, step: Pass, *, ratio: int = 1) -> tuple[Operation, ...]:
    """Score the whole context and choose from it: scores of 32 bits are written, then read.

    The scores are timed like attention, whose peak is that of 16 bits although they are in FP8.
    """
    tokens, rows = step.tokens, _queries(step)
    seen = pairs_seen(step, ratio=ratio)
    keys = index_bytes(tokens=step.sequences, head_dim=indexer.head_dim)
    read = keys * keys_read(step, seen, ratio=ratio)
    each = attention_flops(pairs=rows, heads=indexer.heads, qk_dim=indexer.head_dim, v_dim=0)
    scores = 4 * rows * seen
    return (
        Operation(
            name="index scores",
            kind="attention",
            family=_family(step),
            flops=each * seen,
            moved=read + tokens * (indexer.heads * indexer.head_dim) + scores,
            cached=read,
            size=_size(step),
        ),
        traffic("top-k selection", scores + 4 * tokens * indexer.top_k),
    )


def _queries(step: Pass) -> Values:
    """Count the queries of the pass on one device that see as many keys each [1]."""
    return step.replica_tokens if step.decode else step.sequences / step.parts


def _size(step: Pass) -> Values:
    """Give what a prefill's efficiency rises with: the queries of a sequence [tokens]."""
    return np.inf if step.decode else step.grid.inputs / step.grid.pieces


def _family(step: Pass) -> str:
    return "attention_decode" if step.decode else "attention_prefill"
