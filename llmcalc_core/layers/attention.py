"""Multi-head, grouped-query and multi-query attention: full, in a window, or in chunks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.kv_cache import key_value_bytes
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.layers.cache_page import CachePage, Kept
from llmcalc_core.layers.kernels import attention_kernel, keys_read, pairs_both_ways, pairs_seen
from llmcalc_core.layers.kv_cache import cached_tokens
from llmcalc_core.layers.part import NO_CACHE
from llmcalc_core.layers.sparse import Indexer
from llmcalc_core.layers.token_mixer import AttentionMixer
from llmcalc_core.layers.work import (
    Message,
    Operation,
    Pass,
    all_reduce,
    matrix,
    output_pass,
    traffic,
)
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.workload.grid import Grid

_SQUARES_BYTES = 8.0
"""Bytes of a token's two sums of squares: of its queries and of its keys [bytes]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(AttentionMixer):
    """Multi-head, grouped-query or multi-query attention: full, in a sliding window or in chunks.

    A token looks back on ``window`` tokens, or to the start of its own chunk of ``chunk`` tokens.
    ``gate`` is the width of the gate that the result of a head is multiplied by, if any,
    ``normed`` says whether queries and keys are normalised (``normed_wide``: over all heads at
    once), and ``shares_cache`` whether keys and values are those of an earlier layer. ``kv_width``
    is that of the key and value projections of one head (one of them where keys are values too),
    and ``kv_parameters`` theirs, which are replicated where there are fewer heads than devices;
    ``output_parameters`` are those of the last projection. An ``indexer`` chooses the tokens that
    are read, in blocks, if there is one; every device has all of it. Where ``both_ways``, a token
    attends to later ones as well, of a window to half of it on either side, and nothing is kept.
    """

    heads: int
    kv_heads: int
    head_dim: int
    v_dim: int
    window: int | None
    chunk: int | None
    gate: int
    normed: bool
    normed_wide: bool
    shares_cache: bool
    kv_width: int
    parameters: int
    kv_parameters: int
    output_parameters: int
    indexer: Indexer | None = None
    both_ways: bool = False

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> Attention:
        """Describe the attention of a layer."""
        kind, hidden = config.mixers_of(index)[0], config.hidden_size
        heads = config.of_layer("num_attention_heads", index)
        kv_heads = config.of_layer("num_key_value_heads", index)
        width = config.of_layer("head_dim", index)
        v_dim = config.of_layer("v_head_dim", index) or width
        layers = config.num_decoder_layers
        shared = layers - config.num_kv_shared_layers <= index < layers
        values = 0 if config.keys_as_values and kind == "full_attention" else v_dim
        kv_width = 0 if shared else width + values
        query, result = heads * width, heads * v_dim
        normed = (heads + kv_heads) * width if config.qk_norm_wide else 2 * width
        if shared:
            normed -= kv_heads * width if config.qk_norm_wide else width
        biased = hidden + config.qkv_bias
        gate = v_dim * config.attn_output_gate or int(config.attn_gate_per_head)
        indexer = Indexer.of_blocks(config) if kind == "block_sparse_attention" else None
        return cls(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=width,
            v_dim=v_dim,
            window=config.of_layer("sliding_window", index)
            if kind == "sliding_attention"
            else None,
            chunk=config.attention_chunk_size if kind == "chunked_attention" else None,
            gate=gate,
            normed=config.qk_norm,
            normed_wide=config.qk_norm and config.qk_norm_wide,
            shares_cache=shared,
            kv_width=kv_width,
            parameters=(query + kv_heads * kv_width) * biased
            + heads * gate * (hidden + config.qkv_bias * config.attn_output_gate)
            + (result + config.attention_output_bias) * hidden
            + config.qk_norm * normed
            + config.of_layer("attention_sinks", index) * heads
            + (indexer.parameters if indexer else 0),
            kv_parameters=kv_heads * kv_width * biased,
            output_parameters=result * hidden,
            indexer=indexer,
            both_ways=config.attention == "bidirectional",
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        if self.window:
            return "sliding-window attention"
        if self.indexer:
            return "block-sparse attention"
        return "chunked attention" if self.chunk else "attention"

    @property
    def description(self) -> str:
        """Its heads, how far it looks back, and whose cache it has."""
        words = f"attention of {self.heads} heads ({self.kv_heads} KV, {self.head_dim} wide)"
        if self.window:
            words += f", window of {self.window:,}"
        if self.chunk:
            words += f", chunks of {self.chunk:,}"
        if self.indexer:
            words += f", {self.indexer.top_k:,} tokens chosen"
        if self.both_ways:
            words += ", both ways"
        return words + (", cache of an earlier layer" if self.shares_cache else "")

    @property
    def shardable_heads(self) -> int:
        """Query heads."""
        return self.heads

    @property
    def grouped_kv_heads(self) -> int | None:
        """Key and value heads, where several query heads share one."""
        return self.kv_heads if self.kv_heads < self.heads else None

    @property
    def activation_width(self) -> float:
        """Queries, results and their gate, keys and values."""
        key = self.head_dim + self.v_dim
        return self.heads * (key + self.gate) + self.kv_heads * key

    @property
    def keeps_cache(self) -> bool:
        """Whether its keys and values are its own, and read again later."""
        return not (self.shares_cache or self.both_ways)

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device, key and value heads in whole."""
        kv_share = ceiling(self.kv_heads / tp) / self.kv_heads
        indexed = self.indexer.parameters if self.indexer else 0
        divided = self.parameters - self.kv_parameters - indexed
        return divided / tp + self.kv_parameters * kv_share + indexed

    def gathered_width(self, tp: Values) -> Values:
        """Give the width of keys and values on a device; 0 where an earlier layer has gathered."""
        width = 0 if self.shares_cache else self.head_dim + self.v_dim
        index = self.indexer.head_dim if self.indexer else 0
        return ceiling(self.kv_heads / tp) * width + index

    def request_bytes(self, element: float, grid: Grid) -> Values:
        """Count the keys and values of one request on one device [bytes]."""
        if not self.keeps_cache:
            return NO_CACHE
        reach = None if grid.engine.caches_whole_context else self.window or self.chunk
        index = self.indexer.cache_bytes(cached_tokens(grid)) if self.indexer else 0.0
        return index + key_value_bytes(
            tokens=cached_tokens(grid, window=reach),
            kv_heads=ceiling(self.kv_heads / grid.tp),
            head_dim=self.head_dim,
            v_dim=self.v_dim,
            element_bytes=element,
        )

    def cache_pages(self, element: float, tp: int) -> tuple[CachePage, ...]:
        """Give the keys and values of one sequence: of all tokens, a window, or a chunk."""
        if not self.keeps_cache:
            return ()
        each = key_value_bytes(
            tokens=1,
            kv_heads=-(-self.kv_heads // tp),
            head_dim=self.head_dim,
            v_dim=self.v_dim,
            element_bytes=element,
        )
        reach = self.window or self.chunk or 0
        kept: Kept = "window" if self.window else "chunk" if self.chunk else "all"
        page = CachePage(kept=kept, token_bytes=float(each), reach=reach)
        if not self.indexer:
            return (page,)
        return page, CachePage(token_bytes=float(np.asarray(self.indexer.cache_bytes(1.0))))

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Project, turn by position, attend, and project back."""
        tp, hidden = step.grid.tp, step.hidden
        heads, kv_heads = self.heads / tp, ceiling(self.kv_heads / tp)
        width = heads * self.head_dim + kv_heads * self.kv_width
        results, gate = heads * self.v_dim, heads * self.gate
        turned = heads * self.head_dim
        if not self.shares_cache:
            turned = turned + kv_heads * (self.head_dim + self.v_dim)
        gating = 2 * results + gate if self.gate else 0.0
        elementwise = (2 * turned + gating) * step.precision.output_bytes
        return (
            matrix(step, "QKV projection", m=step.tokens, n=width + gate, k=hidden, packed=3),
            matrix(output_pass(step), "output projection", m=step.tokens, n=hidden, k=results),
            *self.operations_on_lengths(step),
            *((self._norms(step, heads, kv_heads),) if self.normed else ()),
            traffic(
                "rotary embedding and cache write",
                step.tokens * elementwise,
                launches=2.0 if self.gate else 1.0,
            ),
        )

    def messages_inside(self, step: Pass) -> tuple[Message, ...]:
        """Sum the squares of queries and keys where a norm is over all their heads.

        Of each token one of the queries and one of the keys, in 32 bits, in one message
        (MiniMaxM2RMSNormTP of SGLang's models/minimax_m2.py, ``forward_qk`` of
        MiniMaxText01RMSNormTP in vLLM; read 2026-12-01).
        """
        if not self.normed_wide:
            return ()
        size = step.tokens * _SQUARES_BYTES
        return (all_reduce(step)._replace(name="all-reduce of squares", size=size),)

    def operations_on_lengths(self, step: Pass) -> tuple[Operation, ...]:
        """Attend to what is in reach."""
        heads, chosen = self.heads / step.grid.tp, self.indexer.top_k if self.indexer else np.inf
        reach = float(self.window or self.chunk or chosen)
        if self.both_ways:
            seen = pairs_both_ways(step, window=float(self.window or chosen))
        else:
            seen = pairs_seen(step, window=float(self.window or chosen), chunk=self.chunk)
        return (
            attention_kernel(
                step,
                heads=heads,
                widths=(self.head_dim, self.v_dim),
                per_token=key_value_bytes(
                    tokens=1.0,
                    kv_heads=ceiling(self.kv_heads / step.grid.tp),
                    head_dim=self.head_dim,
                    v_dim=self.v_dim,
                    element_bytes=step.precision.kv_bytes,
                ),
                query_width=heads * (self.head_dim + self.v_dim),
                seen=seen,
                read=keys_read(step, seen, reach=reach),
                reach=reach,
            ),
            *(self._indexing(self.indexer, step) if self.indexer else ()),
        )

    def _indexing(self, indexer: Indexer, step: Pass) -> tuple[Operation, ...]:
        """Score the whole context and choose from it."""
        width = indexer.query_width + indexer.key_width
        projected = matrix(step, "index projection", m=step.tokens, n=width, k=step.hidden)
        return projected, *indexer.kernels(step)

    def _norms(self, step: Pass, heads: Values, kv_heads: Values) -> Operation:
        """Normalise queries and keys, each in a kernel of its own (vLLM, models/qwen3.py)."""
        keys = 0.0 if self.shares_cache else kv_heads
        moved = 2 * (heads + keys) * self.head_dim * step.precision.output_bytes
        launches = 1.0 if self.shares_cache else 2.0
        return traffic("norms of queries and keys", step.tokens * moved, launches=launches)
