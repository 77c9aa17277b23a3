"""The indexer of sparse attention: it scores every token, and attention reads the best alone."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.attention import attention_flops
from llmcalc_core.formulas.kv_cache import index_bytes
from llmcalc_core.layers.kernels import (
    attention_operation,
    keys_read,
    pairs_seen,
    queries_alike,
)
from llmcalc_core.layers.work import Operation, Pass, traffic
from llmcalc_core.model.config import ModelConfig

_BESIDE = 15.0
"""Small kernels of an indexer beside the listed: a norm of its keys, the rotary turn and two that
put its results back, a Hadamard transform and a quantisation of queries and of keys, one that
writes the cache and one that scales the heads' weights; five around the scores of prompts, which
gather keys and scales and lay out the choice (``Indexer`` of nsa_indexer.py of SGLang, read
2026-12-01) [1]."""

_SCORE_BYTES = 4
"""Bytes of a score, and of the position of a token that is chosen: 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer:
    """Scores every token before a query, so that attention reads the ``top_k`` best alone.

    DeepSeek sparse attention (DeepSeek-V3.2, arXiv:2512.02556, section 2.1). Every device of a
    tensor parallel group has all of it. ``key_width`` is what a token is projected to for the keys:
    more than one key of compressed attention, whose keys are put together from several tokens.
    """

    heads: int
    head_dim: int
    top_k: int
    key_width: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> Indexer | None:
        """Describe the indexer: queries from their rank, keys with a layer norm, head weights."""
        if config.index_topk is None:
            return None
        heads, width, rank = (
            config.of_layer(name, index)
            for name in ("index_n_heads", "index_head_dim", "q_lora_rank")
        )
        return cls(
            heads=heads,
            head_dim=width,
            top_k=config.index_topk,
            key_width=width,
            parameters=rank * heads * width + config.hidden_size * (width + heads) + 2 * width,
        )

    @classmethod
    def of_blocks(cls, config: ModelConfig) -> Indexer:
        """Describe the indexer of block-sparse attention: from the hidden state, with two norms.

        MiniMax-M3: the best of the scores of a block's keys chooses the block, and ``top_k`` are
        the tokens of all blocks chosen (modeling_minimax_m3_vl.py of transformers 5.24).
        """
        heads, width = config.index_n_heads or 0, config.index_head_dim or 0
        return cls(
            heads=heads,
            head_dim=width,
            top_k=config.index_topk or 0,
            key_width=width,
            parameters=config.hidden_size * (heads + 1) * width + 2 * width,
        )

    @property
    def query_width(self) -> int:
        """Elements of the queries of all heads."""
        return self.heads * self.head_dim

    def cache_bytes(self, keys: Values) -> Values:
        """Count the bytes of so many keys [bytes]."""
        return index_bytes(tokens=keys, head_dim=self.head_dim)

    def kernels(self, step: Pass, *, ratio: int = 1) -> tuple[Operation, ...]:
        """Score the whole context and choose from it: scores are written, then read.

        The scores are timed like attention, whose peak is that of 16 bits although they are in FP8.
        ``ratio`` tokens make one key.
        """
        rows = queries_alike(step)
        seen = pairs_seen(step, ratio=ratio)
        read = self.cache_bytes(step.sequences) * keys_read(step, seen, ratio=ratio)
        each = attention_flops(pairs=rows, heads=self.heads, qk_dim=self.head_dim, v_dim=0)
        scores = _SCORE_BYTES * rows * seen
        return (
            attention_operation(
                step,
                "index scores",
                flops=each * seen,
                moved=read + step.tokens * self.query_width + scores,
                cached=read,
                width=self.head_dim / 2,
            )._replace(further=_BESIDE),
            traffic("top-k selection", scores + _SCORE_BYTES * step.tokens * self.top_k)._replace(
                of_sequences=True
            ),
        )
