"""Multi-head latent attention (MLA), dense or sparse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.kv_cache import latent_bytes, scaled_latent_bytes
from llmcalc_core.layers.cache_page import CachePage
from llmcalc_core.layers.kernels import attention_kernel, keys_read, pairs_seen
from llmcalc_core.layers.kv_cache import cached_tokens
from llmcalc_core.layers.sparse import Indexer
from llmcalc_core.layers.token_mixer import AttentionMixer
from llmcalc_core.layers.work import Operation, Pass, matrix, output_pass, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.workload.grid import Grid

_SHAPE = (
    "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
)  # fmt: skip
"""Fields of a configuration that are ranks and widths of a head."""

_SCALED_LATENTS = ("vllm", "sglang")
"""Engines that keep the latents of sparse attention in FP8 with scales of their own."""

_PLAIN_BYTES = 2
"""Bytes of an element that needs no scale."""

_BESIDE = 4.0
"""Small kernels beside the listed: the norms of both ranks, one that joins the parts of the keys,
one that writes the cache (``forward_normal_prepare`` of forward_mha.py of SGLang 0.5.9, read
2026-12-01) [1]."""

_SPARSE_BLOCK = 64
"""Tokens of a block of sparse latent attention: FlashMLA's and the indexer's (vLLM 0.33)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention(AttentionMixer):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).

    ``q_rank`` is 0 where queries are projected at once; ``gate`` is the width of the gate that the
    result of a head is multiplied by, if any (Kimi K3). ``top_k`` tokens are read of all (0: each
    of them), which ``indexer`` chooses, or one of an earlier layer where there is none.
    ``replicated_parameters`` are those of the down projections and of the indexer, if there is
    one, which every device holds; ``output_parameters`` those of the last projection.
    """

    heads: int
    q_rank: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    gate: int
    top_k: int
    indexer: Indexer | None
    parameters: int
    replicated_parameters: int
    output_parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> LatentAttention:
        """Describe the latent attention of a layer: the same in every one that has it."""
        hidden, heads = config.hidden_size, config.num_attention_heads
        q_rank, rank, nope, rope, value = (config.of_layer(name, index) for name in _SHAPE)
        query = heads * (nope + rope)
        down = hidden * (rank + rope) + rank + q_rank * (hidden + 1)
        results = (
            1 + config.attn_output_gate
        ) * value * hidden + config.attn_gate_per_head * hidden
        up = heads * (rank * (nope + value) + results) + (q_rank or hidden) * query
        up += config.of_layer("attention_sinks", index) * heads
        shared = config.of_layer("index_shared", index)
        indexer = None if shared else Indexer.from_config(config, index)
        replicated = down + (indexer.parameters if indexer else 0)
        return cls(
            heads=heads,
            q_rank=q_rank,
            kv_rank=rank,
            nope_dim=nope,
            rope_dim=rope,
            v_dim=value,
            gate=value * config.attn_output_gate or int(config.attn_gate_per_head),
            top_k=config.index_topk or 0,
            indexer=indexer,
            parameters=replicated + up,
            replicated_parameters=replicated,
            output_parameters=heads * value * hidden,
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "sparse latent attention" if self.top_k else "latent attention"

    @property
    def description(self) -> str:
        """Its heads and rank, and how many tokens it chooses."""
        words = f"latent attention of {self.heads} heads (rank {self.kv_rank})"
        return words + (f", {self.top_k:,} tokens chosen" if self.top_k else "")

    @property
    def query_dim(self) -> int:
        """Width of a query [elements]."""
        return self.nope_dim + self.rope_dim

    @property
    def latent_dim(self) -> int:
        """Width of what is cached of a token: the latent and the rotary key [elements]."""
        return self.kv_rank + self.rope_dim

    @property
    def shardable_heads(self) -> int:
        """Query heads."""
        return self.heads

    @property
    def activation_width(self) -> float:
        """Queries, what they meet (unpacked, or absorbed if sparse), results and their gate."""
        form = 2 * self.kv_rank if self.top_k else self.nope_dim + self.v_dim
        return self.heads * (self.query_dim + form + self.v_dim + self.gate)

    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device."""
        return (self.parameters - self.replicated_parameters) / tp + self.replicated_parameters

    def gathered_width(self, tp: Values) -> Values:  # noqa: ARG002 - every device has all
        """Give the width of the latent, the rotary key and the index key."""
        return float(self.latent_dim + (self.indexer.head_dim if self.indexer else 0))

    def request_bytes(self, element: float, grid: Grid) -> Values:
        """Count the latents and index keys of one request on one device [bytes]."""
        tokens = cached_tokens(grid)
        latent = self._stored_bytes(tokens, element, scaled=grid.engine.name in _SCALED_LATENTS)
        return latent + self.indexer.cache_bytes(tokens) if self.indexer else latent

    def cache_pages(self, element: float, tp: int) -> tuple[CachePage, ...]:  # noqa: ARG002 - whole
        """Give the latents of one sequence, and the index keys, in blocks that both can have."""
        token = float(np.asarray(self._stored_bytes(1.0, element, scaled=True)))
        if not self.top_k:
            return (CachePage(token_bytes=token, latent=True),)
        if not self.indexer:
            return (CachePage(token_bytes=token, block=_SPARSE_BLOCK, latent=True),)
        keys = float(np.asarray(self.indexer.cache_bytes(1.0)))
        return (
            CachePage(token_bytes=token, block=_SPARSE_BLOCK, latent=True),
            CachePage(token_bytes=keys, block=_SPARSE_BLOCK, latent=True),
        )

    def _stored_bytes(self, tokens: Values, element: float, *, scaled: bool) -> Values:
        """Count the latents of so many tokens; chosen ones in 8 bits with scales of their own."""
        if self.top_k and element < _PLAIN_BYTES and scaled:
            return scaled_latent_bytes(tokens=tokens, rank=self.kv_rank, rope_dim=self.rope_dim)
        return latent_bytes(
            tokens=tokens, rank=self.kv_rank, rope_dim=self.rope_dim, element_bytes=element
        )

    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Decode in the absorbed form, prefill with keys and values unpacked (DeepSeek-V2, 2.1).

        Sparse attention (DeepSeek-V3.2, 2.1) is absorbed in prefill too, unless the prompt is no
        longer than the tokens that it chooses, which makes it dense.
        """
        heads, tokens, latent = self.heads / step.grid.tp, step.tokens, self.latent_dim
        return (
            *self._queries(step, heads * self.query_dim),
            *self._unpacking(step, heads),
            matrix(step, "KV down projection", m=tokens, n=latent, k=step.hidden),
            matrix(
                output_pass(step),
                "output projection",
                m=tokens,
                n=step.hidden,
                k=heads * self.v_dim,
            ),
            *self._gate(step, heads),
            *(self._indexing(self.indexer, step) if self.indexer else ()),
            self._kernel(step, heads),
            traffic(
                "rotary embedding and cache write",
                tokens * 2 * (heads * self.query_dim + latent) * step.precision.output_bytes,
            ),
        )

    def operations_on_lengths(self, step: Pass) -> tuple[Operation, ...]:
        """Unpack what is not absorbed, choose, and attend."""
        heads = self.heads / step.grid.tp
        absorbed = step.decode or self.top_k
        return (
            *(() if absorbed else self._unpacking(step, heads)),
            *(self.indexer.kernels(step) if self.indexer else ()),
            self._kernel(step, heads),
        )

    def _queries(self, step: Pass, columns: Values) -> tuple[Operation, ...]:
        """Project queries, through their low rank where they have one."""
        if not self.q_rank:
            return (matrix(step, "query projection", m=step.tokens, n=columns, k=step.hidden),)
        return (
            matrix(step, "query down projection", m=step.tokens, n=self.q_rank, k=step.hidden),
            matrix(step, "query up projection", m=step.tokens, n=columns, k=self.q_rank),
        )

    def _unpacking(self, step: Pass, heads: Values) -> tuple[Operation, ...]:
        """Absorb the keys into the queries, or unpack keys and values, also of past tokens."""
        if step.decode or self.top_k:
            tokens, rank = step.tokens, self.kv_rank
            return (
                matrix(step, "key absorption", m=tokens, n=heads * rank, k=self.nope_dim),
                matrix(step, "value up projection", m=tokens, n=heads * self.v_dim, k=rank),
            )
        unpacked = heads * (self.nope_dim + self.v_dim)
        rows = step.replica_tokens + step.sequences * step.past_tokens
        projected = matrix(step, "KV up projection", m=rows, n=unpacked, k=self.kv_rank)
        return (projected._replace(unpacks=True),)

    def _kernel(self, step: Pass, heads: Values) -> Operation:
        """Attend: to latents where absorbed, else to keys and values."""
        window = np.inf
        absorbed: Values = float(step.decode)
        if self.top_k:
            window = float(self.top_k)
            absorbed = np.where(step.decode, 1.0, step.grid.inputs > window)
        key_width = self.query_dim + absorbed * (self.latent_dim - self.query_dim)
        value_width = self.v_dim + absorbed * (self.kv_rank - self.v_dim)
        seen = pairs_seen(step, window=window)
        computed, tile = heads, float(step.grid.engine.sparse_head_tile)
        if self.top_k and not step.decode:  # FlashMLA's sparse kernel computes whole tiles of heads
            computed = np.where(absorbed > 0, np.ceil(heads / tile) * tile, heads)
        return attention_kernel(
            step,
            heads=computed,
            widths=(key_width, value_width),
            per_token=latent_bytes(
                tokens=1.0,
                rank=self.kv_rank,
                rope_dim=self.rope_dim,
                element_bytes=step.precision.kv_bytes,
            ),
            query_width=heads * (key_width + value_width),
            seen=seen,
            read=keys_read(step, seen),
            reach=window,
            family="latent",
        )._replace(further=_BESIDE)

    def _gate(self, step: Pass, heads: Values) -> tuple[Operation, ...]:
        """Project a gate as wide as the results, or one for each head; multiply them by it."""
        if not self.gate:
            return ()
        results, width = heads * self.v_dim, heads * self.gate
        moved = (2 * results + width) * step.precision.output_bytes
        multiplied = traffic("gate", step.tokens * moved)
        projected = matrix(step, "gate projection", m=step.tokens, n=width, k=step.hidden)
        return projected, multiplied

    def _indexing(self, indexer: Indexer, step: Pass) -> tuple[Operation, ...]:
        """Score the whole context and choose from it."""
        rank, keys = self.q_rank, indexer.key_width + indexer.heads
        return (
            matrix(step, "index query projection", m=step.tokens, n=indexer.query_width, k=rank),
            matrix(step, "index key projection", m=step.tokens, n=keys, k=step.hidden),
            *indexer.kernels(step),
        )
