"""Work of compressed attention (DeepSeek-V4): a window of tokens, and entries of older ones."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas.kv_cache import compressed_bytes
from llmcalc_core.layers.attention_shapes import CompressedAttention, Indexer
from llmcalc_core.layers.held import WAITING_BYTES
from llmcalc_core.layers.kernels import attention_kernel, index_kernel, keys_read, pairs_seen
from llmcalc_core.layers.work import Operation, Pass, matrix, output_pass, traffic


def compressed_attention_work(mixer: CompressedAttention, step: Pass) -> tuple[Operation, ...]:
    """Work of one layer: every device has the whole cache, and its share of heads and groups."""
    tokens, hidden, element = step.tokens, step.hidden, step.precision.output_bytes
    heads, groups = mixer.heads / step.grid.tp, mixer.groups / step.grid.tp
    width = heads * mixer.head_dim
    seen = pairs_seen(step, window=float(mixer.window))
    read = keys_read(step, seen, reach=float(mixer.window))
    if mixer.ratio:
        most = float(mixer.indexer.top_k) if mixer.indexer else np.inf
        older = pairs_seen(step, window=most, ratio=mixer.ratio)
        seen, read = seen + older, read + keys_read(step, older, ratio=mixer.ratio)
    kernel = attention_kernel(
        step,
        heads=heads,
        widths=(mixer.head_dim, mixer.head_dim),
        per_token=compressed_bytes(
            entries=1.0,
            head_dim=mixer.head_dim,
            rope_dim=mixer.rope_dim,
            element_bytes=step.precision.kv_bytes,
        ),
        query_width=2 * width,
        seen=seen,
        read=read,
    )
    return (
        matrix(
            step,
            "query and KV down projection",
            m=tokens,
            n=mixer.q_rank + mixer.head_dim,
            k=hidden,
        ),
        matrix(step, "query up projection", m=tokens, n=width, k=mixer.q_rank),
        *_compressing(mixer, step),
        *(_indexing(mixer.indexer, mixer, step) if mixer.indexer else ()),
        kernel,
        matrix(output_pass(step), "output down projection", m=tokens, n=mixer.output_rank, k=width),
        matrix(
            output_pass(step),
            "output up projection",
            m=tokens,
            n=hidden,
            k=groups * mixer.output_rank,
        ),
        traffic(
            "rotary embedding and cache write",
            tokens * 4 * (width + mixer.head_dim) * element,
            launches=2.0,
        ),
    )


def _compressing(mixer: CompressedAttention, step: Pass) -> tuple[Operation, ...]:
    """Project each token to its share of an entry: keys and weights, kept until it is complete."""
    if not mixer.ratio:
        return ()
    indexed = mixer.indexer.key_width if mixer.indexer else 0
    shares = 2 * (mixer.series * mixer.head_dim + indexed)
    kept = 2 * shares * WAITING_BYTES
    projected = matrix(step, "compression projection", m=step.tokens, n=shares, k=step.hidden)
    waiting = traffic("compression", step.tokens * kept, cached=step.tokens * kept)
    return projected, waiting


def _indexing(indexer: Indexer, mixer: CompressedAttention, step: Pass) -> tuple[Operation, ...]:
    """Score all entries and choose from them."""
    width = indexer.heads * indexer.head_dim
    return (
        matrix(step, "index query projection", m=step.tokens, n=width, k=mixer.q_rank),
        matrix(step, "index weight projection", m=step.tokens, n=indexer.heads, k=step.hidden),
        *index_kernel(indexer, step, ratio=mixer.ratio),
    )
