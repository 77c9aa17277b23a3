"""The kernel that all kinds of attention share: queries against the keys that they see."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.attention import (
    attention_flops,
    bidirectional_pairs,
    causal_pairs,
    chunk_pairs,
    mean_chunk_context,
    mean_context,
)
from llmcalc_core.formulas.single_numbers import smaller
from llmcalc_core.layers.work import Operation, Pass


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
    if step.decode and grid.draft_tokens:
        prompt = prompt + (1 + grid.draft_tokens - grid.acceptance_length) / 2
    if chunk is not None:
        if step.decode:
            return mean_chunk_context(prompt=prompt, generated=generated, chunk=chunk)
        return (
            chunk_pairs(prompt=prompt, chunk=chunk, cached=grid.cached_tokens) / grid.prefill_chunks
        )
    if step.decode and reach < np.inf and np.min(prompt) >= reach:
        return window
    if step.decode:
        seen = mean_context(prompt=prompt, generated=generated, window=reach)
    else:
        seen = (
            causal_pairs(prompt=prompt, window=reach, cached=grid.cached_tokens)
            / grid.prefill_chunks
        )
    return seen if ratio == 1 else seen / ratio


def pairs_both_ways(step: Pass, *, window: float = np.inf) -> Values:
    """Count query and key pairs [1] of a text, or a part of it, that is read both ways."""
    grid = step.grid
    return bidirectional_pairs(prompt=grid.inputs, window=window) / grid.prefill_chunks


def keys_read(step: Pass, seen: Values, *, reach: float = np.inf, ratio: int = 1) -> Values:
    """Count cached keys that a sequence reads [1]: in prefill once, a prompt once for all beams.

    Of those before the new ones, a prefill reads what is in reach of the first query, and no more
    than all queries together see.
    """
    grid = step.grid
    if not step.decode:
        new = step.replica_tokens / (step.sequences * ratio)
        return new + smaller(step.past_tokens / ratio, smaller(seen, reach))
    if grid.beams > 1:
        return seen - smaller(grid.inputs / ratio, seen) * (1 - 1 / grid.beams)
    return (
        seen + grid.draft_tokens / (2 * ratio) if grid.draft_tokens else seen
    )  # the last query sees most


def attention_kernel(
    step: Pass,
    *,
    heads: Values,
    widths: tuple[Values, Values],
    per_token: Values,
    query_width: Values,
    seen: Values,
    read: Values,
    reach: Values = np.inf,
    family: str = "attention",
) -> Operation:
    """Make the attention kernel itself; ``per_token`` is the cache of one key [bytes].

    No query sees more than ``reach`` keys.

    Batch and lengths are axes of their own until the last product, which is the first to have
    the size of the grid.
    """
    queries = step.tokens * query_width * step.precision.output_bytes
    rows = queries_alike(step)
    each = attention_flops(pairs=rows, heads=heads, qk_dim=widths[0], v_dim=widths[1])
    cached = step.sequences * per_token * read
    return attention_operation(
        step, "attention", flops=each * seen, moved=cached + queries, cached=cached,
        width=(widths[0] + widths[1]) / 2, reach=reach, family=family,
    )  # fmt: skip


def attention_operation(
    step: Pass, name: str, *, flops: Values, moved: Values, cached: Values, width: Values,
    reach: Values = np.inf, family: str = "attention",
) -> Operation:  # fmt: skip
    """Make an operation that is timed like attention, in prefill by the keys of its last query.

    ``width`` is the mean one of a key and a value [elements].
    """
    keys: Values = np.inf
    if not step.decode:
        keys = smaller(step.past_tokens + tokens_in_turn(step), reach)
    return Operation(
        name=name,
        kind="attention",
        family=f"{family}_decode" if step.decode else f"{family}_prefill",
        flops=flops,
        moved=moved,
        cached=cached,
        size=keys,
        columns=width,
        inner=0.0 if step.decode else keys,
    )


def tokens_in_turn(step: Pass) -> Values:
    """Give the new tokens of a prompt, or of a part of it, that a recurrent layer reads in turn."""
    return step.grid.prefill_tokens / step.grid.prefill_chunks


def queries_alike(step: Pass) -> Values:
    """Count the queries of the pass on one device that see as many keys each [1]."""
    return step.replica_tokens if step.decode else step.sequences / step.cp
