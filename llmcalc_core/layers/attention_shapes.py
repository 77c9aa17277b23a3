"""Token mixers that look at earlier tokens, with the shapes that their work and cache follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention: full, in a sliding window or in chunks.

    A token looks back on ``window`` tokens, or to the start of its own chunk of ``chunk`` tokens.
    ``gate`` is the width of the gate that the result of a head is multiplied by, if any,
    ``normed`` says whether queries and keys are normalised, and ``shares_cache`` whether keys and
    values are those of an earlier layer. ``kv_width`` is that of the key and value projections of
    one head (one of them where keys are values too), and ``kv_parameters`` theirs, which are
    replicated where there are fewer heads than devices; ``output_parameters`` are those of the last
    projection.
    """

    heads: int
    kv_heads: int
    head_dim: int
    v_dim: int
    window: int | None
    chunk: int | None
    gate: int
    normed: bool
    shares_cache: bool
    kv_width: int
    parameters: int
    kv_parameters: int
    output_parameters: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).

    ``gated`` says whether the result is multiplied by a gate as wide as the values (Kimi K3).
    ``replicated_parameters`` are those of the down projections and of the indexer, if there is
    one, which every device holds; ``output_parameters`` those of the last projection.
    """

    heads: int
    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    gated: bool
    indexer: Indexer | None
    parameters: int
    replicated_parameters: int
    output_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAttention:
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
