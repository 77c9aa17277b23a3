"""Compressed attention (DeepSeek-V4): a window of tokens, and entries that stand for older ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.kv_cache import compressed_bytes
from llmcalc_core.layers.cache_page import CachePage
from llmcalc_core.layers.kernels import attention_kernel, keys_read, pairs_seen
from llmcalc_core.layers.kv_cache import cached_tokens
from llmcalc_core.layers.sparse import Indexer
from llmcalc_core.layers.token_mixer import AttentionMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, output_pass, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.workload.grid import Grid

_WAITING_BYTES = 4
"""Bytes of an element that waits until its entry is complete (SGLang)."""

_WHOLE_BYTES = 2
"""Bytes of an element that is kept as it is."""

_PACKED_ALIGNMENT, _PLAIN_ALIGNMENT = 576, 512
"""What a page of packed entries is rounded up to, and of plain ones [bytes] (vLLM 0.33)."""

_WINDOW_BLOCK, _ENTRY_BLOCK = 64, 256
"""Tokens of a block of the window, and of one of entries (vLLM 0.33)."""

_WAITING_BLOCKS = {2: 4, 1: 8}
"""Tokens of a block of what waits, by the series that a token adds to (vLLM 0.33)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAttention(AttentionMixer):
    """Attention over one shared key and value: a window of tokens, and older ones compressed.

    DeepSeek-V4: every ``ratio`` tokens make an entry of the cache (none at 0); with an indexer an
    entry overlaps the one before, and attention reads the ``top_k`` best entries alone. The result
    is projected in ``groups`` of heads to ``output_rank`` each, then together.
    ``replicated_parameters`` are all but those of the queries, sinks and results;
    ``output_parameters`` those of both output projections.
    """

    heads: int
    head_dim: int
    rope_dim: int
    q_rank: int
    window: int
    ratio: int
    groups: int
    output_rank: int
    indexer: Indexer | None
    parameters: int
    replicated_parameters: int
    output_parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> CompressedAttention:
        """Describe compressed attention; sliding layers are the same without compression."""
        kind, hidden = config.mixers_of(index)[0], config.hidden_size
        heads, width = config.num_attention_heads, config.of_layer("head_dim", index)
        q_rank, rank, groups = (
            config.of_layer(name, index) for name in ("q_lora_rank", "o_lora_rank", "o_groups")
        )
        sparse = kind == "compressed_sparse_attention"
        heavy = kind == "heavily_compressed_attention"
        ratio = config.of_layer("sparse_compress_ratio", index) * sparse
        ratio += config.of_layer("heavy_compress_ratio", index) * heavy
        indexer = _compressed_indexer(config, index) if sparse else None
        replicated = q_rank * (hidden + 1) + width * (hidden + 1)
        if ratio:
            replicated += _compressor(hidden, width, series=1 + sparse, ratio=ratio)
        if indexer:
            replicated += indexer.parameters
        output = rank * (heads * width + groups * hidden)
        return cls(
            heads=heads,
            head_dim=width,
            rope_dim=config.of_layer("qk_rope_head_dim", index),
            q_rank=q_rank,
            window=config.of_layer("sliding_window", index),
            ratio=ratio,
            groups=groups,
            output_rank=rank,
            indexer=indexer,
            parameters=replicated + heads * (width * q_rank + 1) + output,
            replicated_parameters=replicated,
            output_parameters=output,
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "sparse compressed attention" if self.indexer else "compressed attention"

    @property
    def description(self) -> str:
        """Its heads and window, and how many tokens make an entry."""
        words = f"compressed attention of {self.heads} heads, window of {self.window:,}"
        return words + (f", {self.ratio} tokens to an entry before" if self.ratio else "")

    @property
    def series(self) -> int:
        """Entries that a token adds to: two where entries overlap, none without compression."""
        return (2 if self.indexer else 1) * (self.ratio > 0)

    @property
    def state(self) -> int:
        """Elements that a sequence keeps of the tokens whose entries are not yet complete.

        Keys and weights of each series, of the last ``ratio`` tokens for each; the same for the
        keys of the indexer.
        """
        widths = self.series * self.head_dim + (self.indexer.key_width if self.indexer else 0)
        return 2 * widths * self.series * self.ratio

    @property
    def shardable_heads(self) -> int:
        """Groups of query heads, each of which is on one device."""
        return int(np.gcd(self.heads, self.groups))

    @property
    def activation_width(self) -> float:
        """Queries and results."""
        return 2 * self.heads * self.head_dim

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return (self.parameters - self.replicated_parameters) / tp + self.replicated_parameters

    def request_bytes(self, element: float, grid: Grid) -> Values:
        """Count the window, entries and what waits for one, of a request on one device [bytes]."""
        entries: Values = cached_tokens(grid, window=self.window)
        complete: Values = 0.0
        waiting = 0.0
        if self.ratio:
            complete = cached_tokens(grid) / self.ratio
            entries = entries + complete
            waiting = (grid.beams + grid.draft_tokens) * self.state * _WAITING_BYTES
        found = waiting + compressed_bytes(
            entries=entries, head_dim=self.head_dim, rope_dim=self.rope_dim, element_bytes=element
        )
        return found + self.indexer.cache_bytes(complete) if self.indexer else found

    def cache_pages(self, element: float, tp: int) -> tuple[CachePage, ...]:  # noqa: ARG002 - whole
        """Give the window, the entries and what waits for one, each in blocks of its own.

        vLLM 0.33, models/deepseek_v4: ``DeepseekV4SWACache``, ``get_kv_cache_spec`` of attention
        and indexer, and of the compressor, which keeps the tokens of its open entries in a window.
        """
        each = float(
            np.asarray(
                compressed_bytes(
                    entries=1.0,
                    head_dim=self.head_dim,
                    rope_dim=self.rope_dim,
                    element_bytes=element,
                )
            )
        )
        alignment = _PACKED_ALIGNMENT if element < _WHOLE_BYTES else _PLAIN_ALIGNMENT
        own = [(each, self.window, _WINDOW_BLOCK, 1)]
        if self.ratio:
            reach, block = self.series * self.ratio, _WAITING_BLOCKS[self.series]
            own.append((each, 0, _ENTRY_BLOCK, self.ratio))
            own.append((2 * self.series * self.head_dim * _WAITING_BYTES, reach, block, 1))
            if self.indexer:
                keys = float(np.asarray(self.indexer.cache_bytes(1.0)))
                own.append((keys, 0, _ENTRY_BLOCK, self.ratio))
                own.append((2 * self.indexer.key_width * _WAITING_BYTES, reach, block, 1))
        return tuple(
            CachePage(
                kept="window" if reach else "all",
                token_bytes=token,
                reach=reach,
                block=block,
                entry_tokens=ratio,
                alignment=alignment,
            )
            for token, reach, block, ratio in own
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the work: every device has the whole cache, and its share of heads and groups."""
        tokens, hidden, tp = step.tokens, step.hidden, step.grid.tp
        width, down = self.heads / tp * self.head_dim, self.q_rank + self.head_dim
        grouped, output = self.groups / tp * self.output_rank, output_pass(step)
        return (
            matrix(step, "query and KV down projection", m=tokens, n=down, k=hidden),
            matrix(step, "query up projection", m=tokens, n=width, k=self.q_rank),
            *(self._compressing(step) if self.ratio else ()),
            *(self._indexing(self.indexer, step) if self.indexer else ()),
            self._kernel(step),
            matrix(output, "output down projection", m=tokens, n=self.output_rank, k=width),
            matrix(output, "output up projection", m=tokens, n=hidden, k=grouped),
            traffic(
                "rotary embedding and cache write",
                tokens * 4 * (width + self.head_dim) * step.precision.output_bytes,
                launches=2.0,
            ),
        )

    def _kernel(self, step: Pass) -> Operation:
        """Attend to the window, and to all entries or the best of them."""
        heads, reach = self.heads / step.grid.tp, float(self.window)
        seen = pairs_seen(step, window=reach)
        read = keys_read(step, seen, reach=reach)
        if self.ratio:
            most = float(self.indexer.top_k) if self.indexer else np.inf
            older = pairs_seen(step, window=most, ratio=self.ratio)
            seen, read = seen + older, read + keys_read(step, older, ratio=self.ratio)
        return attention_kernel(
            step,
            heads=heads,
            widths=(self.head_dim, self.head_dim),
            per_token=compressed_bytes(
                entries=1.0,
                head_dim=self.head_dim,
                rope_dim=self.rope_dim,
                element_bytes=step.precision.kv_bytes,
            ),
            query_width=2 * heads * self.head_dim,
            seen=seen,
            read=read,
        )

    def _compressing(self, step: Pass) -> tuple[Operation, ...]:
        """Project each token to its share of an entry: keys and weights, until it is complete."""
        indexed = self.indexer.key_width if self.indexer else 0
        shares = 2 * (self.series * self.head_dim + indexed)
        moved = step.tokens * (2 * shares * _WAITING_BYTES)
        projected = matrix(step, "compression projection", m=step.tokens, n=shares, k=step.hidden)
        return projected, traffic("compression", moved, cached=moved)

    def _indexing(self, indexer: Indexer, step: Pass) -> tuple[Operation, ...]:
        """Score all entries and choose from them."""
        tokens, width = step.tokens, indexer.query_width
        return (
            matrix(step, "index query projection", m=tokens, n=width, k=self.q_rank),
            matrix(step, "index weight projection", m=tokens, n=indexer.heads, k=step.hidden),
            *indexer.kernels(step, ratio=self.ratio),
        )


def _compressor(hidden: int, width: int, *, series: int, ratio: int) -> int:
    """Parameters that make an entry of ``ratio`` tokens: keys, weights, their bias, a norm."""
    return series * width * (2 * hidden + ratio) + width


def _compressed_indexer(config: ModelConfig, index: int) -> Indexer:
    """Describe an indexer over compressed keys, each of two overlapping series of tokens."""
    heads, width, top_k, rank, ratio = (
        config.of_layer(name, index)
        for name in (
            "index_n_heads", "index_head_dim", "index_topk", "q_lora_rank",
            "sparse_compress_ratio",
        )
    )  # fmt: skip
    return Indexer(
        heads=heads,
        head_dim=width,
        top_k=top_k,
        key_width=2 * width,
        parameters=rank * heads * width
        + config.hidden_size * heads
        + _compressor(config.hidden_size, width, series=2, ratio=ratio),
    )
