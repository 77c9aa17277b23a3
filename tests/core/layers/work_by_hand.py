"""Operations of every kind of layer part, worked out by hand.

Hidden size 64; two requests of 32 tokens, of which 4 are generated: a decode step has 2 tokens and
sees 32 + 2.5 of each sequence in the mean, a prefill has 64 and 32^2 / 2 pairs of each. Weights,
activations and cache in FP8 (1 byte), the residual stream in 2 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcalc_core import parse_precision

FP8 = parse_precision("fp8")
Operations = dict[str, tuple[float, ...]]
"""Of each operation FLOP, bytes moved, bytes of a cache among them, and kernels started."""


def gemm(m: float, n: float, k: float, *, weight: float = 1, entering: float = 1) -> Any:
    """Multiply and add; read weights and activations, write results of 2 bytes."""
    return 2 * m * n * k, n * k * weight + m * k * entering + m * n * 2, 0, 1


def wide(m: float, n: float, k: float) -> Any:
    """Do the same in 16 bits."""
    return gemm(m, n, k, weight=2, entering=2)


def moves(moved: float, launches: float = 1, cached: float = 0) -> Any:
    return 0, moved, cached, launches


def kernel(pairs: float, heads: float, widths: int, read: float, queries: float) -> Any:
    """Attend: two for each pair and element of a key and a value; queries in and results out."""
    return 2 * pairs * heads * widths, read + queries * heads * widths * 2, read, 1


PLAIN: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 64, "num_decoder_layers": 1, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 96, "norms_per_layer": 1,
}  # fmt: skip


def attention(pairs: tuple[float, float]) -> Callable[[int, int, bool], Operations]:
    """Four heads of 16 with norms and gates, two of keys and values; pairs of a sequence."""

    def work(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
        seen = pairs[0] if decode else pairs[1]
        read, kv = (seen if decode else 32), max(2 / t, 1)  # four devices repeat two heads
        return {
            # queries 64, gates 64, keys and values 2 x 2 x 16
            "QKV projection": gemm(m, (64 + 64) / t + kv * 32, 64),
            "output projection": gemm(m, 64, 64 / t),
            "attention": kernel(2 * seen, 4 / t, 32, 2 * read * kv * 32, m),
            # in and out: queries and keys; then rotary queries, keys and values; gate, result twice
            "norms of queries and keys": moves(m * 2 * (64 / t + kv * 16) * 2, 2),
            "rotary embedding and cache write": moves(
                m * (2 * (64 / t + kv * 32) + 3 * 64 / t) * 2, 2
            ),
        }

    return work


def shared_attention(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Heads as above, without a gate; keys and values are an earlier layer's."""
    seen = 34.5 if decode else 512
    read = 2 * (seen if decode else 32) * max(2 / t, 1) * 32
    return {
        "QKV projection": gemm(m, 64 / t, 64),
        "output projection": gemm(m, 64, 64 / t),
        "attention": kernel(2 * seen, 4 / t, 32, read, m),
        "norms of queries and keys": moves(m * 2 * 64 / t * 2, 1),
        "rotary embedding and cache write": moves(m * 2 * 64 / t * 2, 1),
    }


LATENT: dict[str, Any] = {
    "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8,
    "v_head_dim": 12, "attn_output_gate": True,
}  # fmt: skip
INDEX = {"index_n_heads": 2, "index_head_dim": 16, "index_topk": 8}


def latent(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Four heads of 16 + 8 and values of 12, rank 32: absorbed to 40 + 32 in decode."""
    common: Operations = {
        "query down projection": gemm(m, 24, 64),
        "query up projection": gemm(m, 4 * 24 / t, 24),
        "KV down projection": gemm(m, 40, 64),
        "output projection": gemm(m, 64, 48 / t),
        "gate projection": gemm(m, 48 / t, 64),
        "gate": moves(m * 3 * 48 / t * 2),
        "rotary embedding and cache write": moves(m * 2 * (96 / t + 40) * 2),
    }
    if decode:
        return common | {
            "key absorption": gemm(m, 4 * 32 / t, 16),
            "value up projection": gemm(m, 4 * 12 / t, 32),
            "attention": kernel(2 * 34.5, 4 / t, 40 + 32, 2 * 34.5 * 40, m),
        }
    return common | {
        "KV up projection": gemm(m, 4 * 28 / t, 32),
        "attention": kernel(2 * 512, 4 / t, 24 + 12, 2 * 32 * 40, m),
    }


def sparse(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """The same with an indexer of two heads of 16 that chooses 8: absorbed in prefill too.

    There FlashMLA's sparse kernel computes 64 heads, however few a device has.
    """
    index, pairs = (34.5, 8.0) if decode else (512.0, 8 * 8 / 2 + 24 * 8)
    keys, read = (34.5, 8.0) if decode else (32.0, 32.0)
    scores = 4 * 2 * index
    held = 2 * keys * (16 + 4)  # an index key and its scale
    _, moved, *rest = kernel(2 * pairs, 4 / t, 40 + 32, 2 * read * 40, m)
    flops = 2 * 2 * pairs * (4 / t if decode else 64) * (40 + 32)
    return latent(t, m, decode=True) | {
        "attention": (flops, moved, *rest),
        "index query projection": gemm(m, 2 * 16, 24),
        "index key projection": gemm(m, 16 + 2, 64),
        # queries of one byte, scores of four
        "index scores": (2 * 2 * index * 2 * 16, held + m * 2 * 16 + scores, held, 1),
        "top-k selection": moves(scores + 4 * m * 8),
    }


def block_sparse(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Plain attention with an indexer of two heads of 16 that chooses 8, from the hidden state."""
    index, keys = (34.5, 34.5) if decode else (512.0, 32.0)
    scores, held = 4 * 2 * index, 2 * keys * (16 + 4)
    return attention((8.0, 8 * 8 / 2 + 24 * 8))(t, m, decode) | {
        "index projection": gemm(m, 2 * 16 + 16, 64),
        "index scores": (2 * 2 * index * 2 * 16, held + m * 2 * 16 + scores, held, 1),
        "top-k selection": moves(scores + 4 * m * 8),
    }


def short_convolution(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """64 channels between two gates; two inputs of both sequences in 2 bytes, read and written."""
    states = 2 * 2 * 64 * 2 * 2 / t
    return {
        "input projection": gemm(m, 3 * 64 / t, 64),
        "gated convolution": moves(m * 4 * 64 / t * 2 + states, cached=states),
        "output projection": gemm(m, 64, 64 / t),
    }


COMPRESSED: dict[str, Any] = {
    "head_dim": 16, "q_lora_rank": 24, "o_lora_rank": 12, "o_groups": 2, "qk_rope_head_dim": 8,
    "sliding_window": 16, "sparse_compress_ratio": 4, "heavy_compress_ratio": 8,
}  # fmt: skip
ENTRY = 8 + 8 * 2 + 1 + 1
"""Bytes of a key of 16, 8 of which are rotary: in 1 and 2 bytes, a scale and one to align."""


def compressed(ratio: int, *, indexed: bool = False) -> Callable[[int, int, bool], Operations]:
    """Four heads of 16 in two groups of rank 12, a window of 16 and an entry for ``ratio``."""

    def work(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
        # of a window of 16: all 16, or 16^2 / 2 + 16 x 16 pairs and all 32 keys
        seen, read = (16.0, 16.0) if decode else (384.0, 32.0)
        found: Operations = {
            "query and KV down projection": gemm(m, 24 + 16, 64),
            "query up projection": gemm(m, 64 / t, 24),
            "output down projection": gemm(m, 12, 64 / t),
            "output up projection": gemm(m, 64, 2 * 12 / t),
            "rotary embedding and cache write": moves(m * 4 * (64 / t + 16) * 2, 2),
        }
        if ratio:
            # keys and weights of an entry, or of two and of two index keys
            shares = 2 * (2 * 16 + 2 * 16 if indexed else 16)
            moved = m * 2 * shares * 4
            found["compression projection"] = gemm(m, shares, 64)
            found["compression"] = moves(moved, 1, moved)
            # entries before: 34.5 or 16 in the mean, the best 8 where indexed
            older = (34.5 if decode else 512.0) / ratio
            if indexed:
                keys = older if decode else 32 / ratio
                scores, index = 4 * 2 * older, 2 * keys * (16 + 4)
                found |= {
                    "index query projection": gemm(m, 2 * 16, 24),
                    "index weight projection": gemm(m, 2, 64),
                    "index scores": (
                        2 * 2 * older * 2 * 16, index + m * 2 * 16 + scores, index, 1,
                    ),
                    "top-k selection": moves(scores + 4 * m * 4),
                }  # fmt: skip
                # of 4 keys of 4 tokens: the first 16 tokens see fewer
                older = 4.0 if decode else (16**2 / 2 + 16 * 16) / ratio
            seen, read = seen + older, read + (older if decode else 32 / ratio)
        found["attention"] = kernel(2 * seen, 4 / t, 32, 2 * read * ENTRY, m)
        return found

    return work


MAMBA: dict[str, Any] = {"mamba_d_state": 16, "mamba_dt_rank": 4}
MAMBA2: dict[str, Any] = {
    "mamba_num_heads": 4, "mamba_head_dim": 16, "mamba_n_groups": 2, "mamba_d_state": 8,
}  # fmt: skip


def mamba(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """128 channels with a state of 16 in 4 bytes, 3 inputs of a convolution in 2."""
    states = 2 * 2 * (128 * 16 * 4 + 128 * 3 * 2) / t  # of two sequences, before and after
    return {
        "input projection": gemm(m, 256 / t, 64),
        "selection projection": gemm(m, 4 + 2 * 16, 128 / t),
        "step size projection": gemm(m, 128 / t, 4),
        "output projection": gemm(m, 64, 128 / t),
        # inputs, steps, gates and results; B and C
        "scan": (0, m * (4 * 128 / t + 2 * 16) * 2 + states, states, 2),
    }


def mamba2(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Four heads of 16 with 8 for each channel, two groups, of which four devices have one each."""
    groups = max(2 / t, 1)
    convolved = 64 / t + 2 * groups * 8
    states = 2 * 2 * (64 / t * 8 * 4 + convolved * 3 * 2)
    chunk = 1 if decode else 128
    flops = 2 * m * (chunk * (groups * 8 + 64 / t) + 2 * 64 / t * 8)
    between = 0 if decode else 2 * 64 / t * 8 / 128  # a state of a chunk, written and read
    moved = m * (convolved + 64 / t + between) * 2 + states
    return {
        "input projection": gemm(m, (64 + 4) / t + convolved, 64),
        "convolution": moves(m * 2 * convolved * 2),
        "scan": (flops, moved, states, 1 if decode else 5),
        "gated norm": moves(m * 3 * 64 / t * 2),
        "output projection": gemm(m, 64, 64 / t),
    }


def lightning(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Four heads with a state of 16 x 16 each, in 4 bytes; chunks of 256 (arXiv:2501.08313)."""
    states = 2 * 2 * 4 * 16 * 16 * 4 / t
    chunk = 1 if decode else 256
    flops = 2 * m * 4 / t * (chunk * (16 + 16) + 2 * 16 * 16)
    between = 0 if decode else 2 * 64 / t * 16 / 256
    moved = m * (4 * 64 / t + between) * 2 + states
    return {
        "QKV projection": gemm(m, 3 * 64 / t, 64),
        "gate projection": gemm(m, 64 / t, 64),
        "scan": (flops, moved, states, 1 if decode else 4),
        "gated norm": moves(m * 3 * 64 / t * 2),
        "output projection": gemm(m, 64, 64 / t),
    }


LRU = {"lru_width": 32}


def rg_lru(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001 - one for both
    """32 channels in four blocks; a number of 4 bytes and 3 inputs of 2 are kept of each."""
    states = 2 * 2 * (32 * 4 + 32 * 3 * 2) / t
    return {
        "input projection": gemm(m, 2 * 32 / t, 64),
        "convolution": moves(m * 2 * 32 / t * 2),
        "gate projections": wide(m, 2 * 32 / t, 8),
        "scan": moves(m * 4 * 32 / t * 2 + states, cached=states),
        "gate": moves(m * 3 * 32 / t * 2),
        "output projection": gemm(m, 64, 32 / t),
    }


DELTA: dict[str, Any] = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16,
    "linear_value_head_dim": 8,
}  # fmt: skip


def delta_rule(t: int, m: int, streams: int, *, decode: bool) -> Any:
    """Four states of 16 x 8 in 4 bytes, 3 inputs of 96 convolved in 2."""
    states = 2 * 2 * (4 * 16 * 8 * 4 + 96 * 3 * 2) / t
    chunk = 1 if decode else 64
    flops = 2 * m * 4 * (chunk * (3 * 16 + 2 * 8) + 3 * 16 * 8) / t
    between = 0 if decode else 2 * 4 * 16 * 8 / 64
    return flops, m * (streams + between) / t * 2 + states, states, 1 if decode else 6


def delta(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """Queries and keys of 32, values and gates of 32."""
    return {
        "input projection": gemm(m, (96 + 32) / t, 64),
        "decay and step size projection": wide(m, 2 * 4 / t, 64),
        "convolution": moves(m * 2 * 96 / t * 2),
        "delta rule": delta_rule(t, m, 96 + 32, decode=decode),
        "gated norm": moves(m * 3 * 32 / t * 2),
        "output projection": gemm(m, 64, 32 / t),
    }


def kimi(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    """The same with decays of each key channel through rank 16, gates through rank 8."""
    return delta(t, m, decode) | {
        "input projection": gemm(m, 96 / t, 64),
        "decay and step size projection": wide(m, 4 / t, 64),
        "decay and gate down projection": gemm(m, 16 + 8, 64),
        "decay up projection": gemm(m, 32 / t, 16),
        "gate up projection": gemm(m, 32 / t, 8),
        "delta rule": delta_rule(t, m, 96 + 32 + 32, decode=decode),
    }


def feed_forward(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    return {
        "gate and up projection": gemm(m, 2 * 96 / t, 64),
        "down projection": gemm(m, 64, 96 / t),
        "activation": moves(m * 3 * 96 / t * 2),
    }


def plain_feed_forward(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    return {
        "up projection": gemm(m, 96 / t, 64),
        "down projection": gemm(m, 64, 96 / t),
        "activation": moves(m * 2 * 96 / t * 2),
    }


EXPERTS: dict[str, Any] = {
    "num_experts": 4, "expert_top_k": 2, "moe_intermediate_size": 32, "n_shared_experts": 1,
    "shared_expert_intermediate_size": 16, "moe_latent_size": 24, "moe_latent_norm": True,
}  # fmt: skip


def moe(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """Two of four experts of 32 in a latent space of 24, a shared one of 16."""
    touched = 4 * 2 * m / (4 + 2 * (m - 1))
    rows = 2 * m
    weights = touched * 3 * 32 / t * 24
    entering, leaving = rows * (24 + 32 / t), rows * (2 * 32 / t + 24) * 2
    return {
        "router": wide(m, 4, 64),
        "routed experts": (2 * rows * 3 * 32 / t * 24, weights + entering + leaving, 0, 1),
        "routed experts' activation": moves(rows * 3 * 32 / t * 2),
        "latent down projection": gemm(m, 24, 64),
        "latent norm": moves(m * 2 * 24 * 2),
        "latent up projection": gemm(m, 64, 24),
        "shared experts' gate and up projection": gemm(m, 2 * 16 / t, 64),
        "shared experts' down projection": gemm(m, 64, 16 / t),
        "shared experts' activation": moves(m * 3 * 16 / t * 2),
    }


def norms(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """Two rows are read, their sum and the normalised one are written."""
    return {"norm and residual sum": moves(m * 4 * 64 * 2)}


def projection(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    return {"projection": gemm(m, 64, 64)}


def hyper_connections(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """Three streams, 3 x 5 numbers that mix them, twice a layer; read before and after, written."""
    return {
        "stream mixing projection": wide(2 * m, 15, 192),
        "stream mixing": moves(2 * m * (3 * 192 + 2 * 64) * 2, 4),
    }


def block_residuals(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """Twice a layer the rows of all blocks (one of the only layer), and one written."""
    return {"attention to earlier blocks": moves(2 * m * (1 + 1) * 64 * 2, 2)}


def layer_inputs(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    return norms(t, m, decode) | {
        "gate projection": gemm(m, 8, 64),
        "gate": moves(m * 3 * 8 * 2),
        "projection back": gemm(m, 64, 8),
    }


def alternating_updates(t: int, m: int, decode: bool) -> Operations:  # noqa: ARG001, FBT001
    """Three streams; before a layer and after it each is read and written, and a row of its own."""
    return {
        "stream router": wide(2 * m, 3, 64),
        "stream prediction and correction": moves(2 * m * (2 * 3 + 2) * 64 * 2, 4),
    }


def low_rank_residual(t: int, m: int, decode: bool) -> Operations:  # noqa: FBT001
    return norms(t, m, decode) | {
        "low-rank projection": gemm(m, 4, 64),
        "projection back": gemm(m, 64, 4),
    }
