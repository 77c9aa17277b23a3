"""Every kind of layer part by hand: work of a pass, weights, cache, widths, on 1, 2 and 4 devices.

Hidden size 64; two requests of 32 tokens, of which 4 are generated: a decode step has 2 tokens and
sees 32 + 2.5 of each sequence in the mean, a prefill has 64 and 32^2 / 2 pairs of each. Weights,
activations and cache in FP8 (1 byte), the residual stream in 2 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from llmcalc_core import ModelConfig, Techniques, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.part import Part
from llmcalc_core.layers.token_mixer import TokenMixer
from llmcalc_core.layers.work import make_pass
from llmcalc_core.model.config_checks import LAYER_TYPES, MLP_LAYER_TYPES
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout

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
    """The same with an indexer of two heads of 16 that chooses 8: absorbed in prefill too."""
    index, pairs = (34.5, 8.0) if decode else (512.0, 8 * 8 / 2 + 24 * 8)
    keys, read = (34.5, 8.0) if decode else (32.0, 32.0)
    scores = 4 * 2 * index
    held = 2 * keys * (16 + 4)  # an index key and its scale
    return latent(t, m, decode=True) | {
        "attention": kernel(2 * pairs, 4 / t, 40 + 32, 2 * read * 40, m),
        "index query projection": gemm(m, 2 * 16, 24),
        "index key projection": gemm(m, 16 + 2, 64),
        # queries of one byte, scores of four
        "index scores": (2 * 2 * index * 2 * 16, held + m * 2 * 16 + scores, held, 1),
        "top-k selection": moves(scores + 4 * m * 8),
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


GATED = {"qk_norm": True, "attn_output_gate": True}
Widths = tuple[float, float | None, int | None]
"""Elements of a token that are alive and that are gathered, and heads to share (2 devices)."""
# kind: (fields, work, weights on 1, 2 and 4 devices, cache on the same, widths, words)
# Caches have whole blocks of 16 tokens: 48 of 36, and 16 of a window.
KINDS: dict[str, tuple[dict[str, Any], Any, tuple[float, ...], tuple[float, ...], Widths]] = {
    # weights: queries and gates 64 x 128, results 64 x 64, norms 32; keys and values 64 x 64, of
    # which one of four devices has half
    "attention": (
        GATED, attention((34.5, 512)),
        (12_320 + 4096, 6160 + 2048, 3080 + 2048),
        (2 * 48 * 64, 2 * 48 * 32, 2 * 48 * 32),
        (4 * 48 + 2 * 32, 32, 4),
    ),
    "sliding-window attention": (
        GATED | {"layer_types": ("sliding_attention",), "sliding_window": 16},
        attention((16, 16**2 / 2 + 16 * 16)),
        (12_320 + 4096, 6160 + 2048, 3080 + 2048),
        (2 * 16 * 64, 2 * 16 * 32, 2 * 16 * 32),
        (4 * 48 + 2 * 32, 32, 4),
    ),
    # tokens 33 ... 36 see 1 ... 4 of the third chunk
    "chunked attention": (
        GATED | {"layer_types": ("chunked_attention",), "attention_chunk_size": 16},
        attention((2.5, 2 * 16**2 / 2)),
        (12_320 + 4096, 6160 + 2048, 3080 + 2048),
        (2 * 16 * 64, 2 * 16 * 32, 2 * 16 * 32),
        (4 * 48 + 2 * 32, 32, 4),
    ),
    "shared attention": (
        {"qk_norm": True, "num_kv_shared_layers": 1}, shared_attention,
        (2 * 4096 + 16, 4096 + 8, 2048 + 4), (0, 0, 0), (4 * 32 + 2 * 32, 0, 4),
    ),
    # every device: down 64 x 40 and 64 x 24, norms 32 + 24; heads: 24 x 96 for queries, 32 x 112
    # up, gate and output 2 x 48 x 64
    "latent attention": (
        LATENT, latent,
        (4152 + 12_032, 4152 + 6016, 4152 + 3008),
        (2 * 48 * 40,) * 3, (4 * (24 + 28 + 24), 40, 4),
    ),
    # and the indexer: queries 24 x 32, keys 64 x 16 and their norm 32, weights 64 x 2
    "sparse latent attention": (
        LATENT | INDEX, sparse,
        (4152 + 1952 + 12_032, 4152 + 1952 + 6016, 4152 + 1952 + 3008),
        (2 * 48 * (40 + 20),) * 3, (4 * (24 + 64 + 24), 40 + 16, 4),
    ),
    # every device: down 64 x 40, norms 24 + 16; heads: queries 24 x 64 and a sink each, results
    # 64 x 12 and 2 x 12 x 64
    "compressed attention": (
        COMPRESSED | {"layer_types": ("sliding_attention",)}, compressed(0),
        (2600 + 3844, 2600 + 1922, 2600 + 961),
        (2 * 16 * ENTRY,) * 3, (2 * 64, None, 2),
    ),
    # and a compressor: 2 x 16 x 64, a bias of 8 x 16, a norm of 16; of the last 8 tokens keys and
    # weights of 4 bytes wait
    "heavily compressed attention": (
        COMPRESSED | {"layer_types": ("heavily_compressed_attention",)}, compressed(8),
        (2600 + 2192 + 3844, 2600 + 2192 + 1922, 2600 + 2192 + 961),
        (2 * (16 + 48 / 8) * ENTRY + 2 * 2 * 8 * 16 * 4,) * 3, (2 * 64, None, 2),
    ),
    # compressor of two series of 4: 2 x 16 x (2 x 64 + 4) + 16, twice (index keys); index queries
    # 24 x 32 and weights 64 x 2; twice the last 4 tokens of 2 x (2 x 16 + 32) wait
    "sparse compressed attention": (
        COMPRESSED | INDEX | {"index_topk": 4, "layer_types": ("compressed_sparse_attention",)},
        compressed(4, indexed=True),
        (2600 + 9376 + 3844, 2600 + 9376 + 1922, 2600 + 9376 + 961),
        (2 * ((16 + 48 / 4) * ENTRY + 48 / 4 * 20) + 2 * 2 * 64 * 2 * 4 * 4,) * 3,
        (2 * 64, None, 2),
    ),
    # in 64 x 256, convolution 128 x 5, selection 128 x 36, steps 5 x 128, A 128 x 16, D 128, out
    "Mamba": (
        MAMBA | {"layer_types": ("mamba",)}, mamba,
        (32_640, 16_320, 8160), (17_920, 8960, 4480), (4 * 128, None, 128),
    ),
    # in 64 x (64 + 64 + 4), out 64 x 64, convolution 64 x 5, A, D and dt 12, norm 64; B and C:
    # 32 x (64 + 5), of which one of four devices has half
    "Mamba-2": (
        MAMBA2 | {"layer_types": ("mamba2",)}, mamba2,
        (12_940 + 2208, 6470 + 1104, 3235 + 1104),
        (5248, 2624, 2 * (16 * 8 * 4 + (16 + 2 * 8) * 3 * 2)), (4 * (64 + 16), None, 4),
    ),
    # in 64 x 128, beta and dt 64 x 8, A and dt 8, convolution 96 x 4, norm 8, out 32 x 64
    "gated delta net": (
        DELTA | {"layer_types": ("linear_attention",)}, delta,
        (11_152, 5576, 2788), (5248, 2624, 1312), (2 * 96 + 2 * 32, None, 2),
    ),
    # every device: 64 x 24; in 64 x 96, out 32 x 64, beta 64 x 4, gate 8 x 32, decay 17 x 32,
    # convolution 384, A 4, norm 8
    "Kimi delta attention": (
        DELTA | {"layer_types": ("kimi_delta_attention",)}, kimi,
        (1536 + 9644, 1536 + 4822, 1536 + 2411), (5248, 2624, 1312), (2 * 96 + 2 * 32, None, 2),
    ),
    "projection": (
        {"layer_types": ("linear",)}, projection, (4096,) * 3, (0, 0, 0), (0, None, None),
    ),
    "feed-forward": (
        {}, feed_forward, (18_432, 9216, 4608), (0, 0, 0), (3 * 96, None, None),
    ),
    "plain feed-forward": (
        {"num_ffi": 1}, plain_feed_forward, (12_288, 6144, 3072), (0, 0, 0), (2 * 96, None, None),
    ),
    # shared 3 x 64 x 16; every device: latent 2 x 64 x 24 + 24, router 4 x 64 of 2 bytes; routed
    # 4 x 3 x 24 x 32
    "mixture of experts": (
        EXPERTS, moe,
        (3072 + 3096 + 512 + 9216, 1536 + 3096 + 512 + 4608, 768 + 3096 + 512 + 2304),
        (0, 0, 0), (2 * 3 * 32, None, None),
    ),
    "norms": ({}, norms, (128,) * 3, (0, 0, 0), (0, None, None)),
    # twice 15 x 193 + 3 of 2 bytes
    "hyper-connections": (
        {"hyper_connections": 3}, hyper_connections, (2 * 2 * 2898,) * 3, (0, 0, 0),
        (0, None, None),
    ),
    "attention residuals": (
        {"residual_block_size": 1}, block_residuals, (2 * 256,) * 3, (0, 0, 0), (0, None, None),
    ),
    "layer inputs": (
        {"per_layer_input_size": 8, "per_layer_input_vocab": 10}, layer_inputs, (17 * 64,) * 3,
        (0, 0, 0), (0, None, None),
    ),
    # router, its norm and a scale, 9 + 27 numbers, of 2 bytes
    "alternating updates": (
        {"altup_num_inputs": 3, "altup_correct_scale": True}, alternating_updates,
        (2 * (5 * 64 + 36),) * 3, (0, 0, 0), (0, None, None),
    ),
    "low-rank residual": (
        {"laurel_rank": 4}, low_rank_residual, (9 * 64,) * 3, (0, 0, 0), (0, None, None),
    ),
}  # fmt: skip
LABELS = {
    "shared attention": "attention", "heavily compressed attention": "compressed attention",
    "Kimi delta attention": "gated delta net", "plain feed-forward": "feed-forward",
}  # fmt: skip


WIDTHS = [(kind, tp) for kind in KINDS for tp in (1, 2, 4) if tp <= (KINDS[kind][4][2] or 4)]
"""Kinds, and devices that can share them."""

WORDS = {
    "attention": "attention of 4 heads (2 KV, 16 wide)",
    "sliding-window attention": "attention of 4 heads (2 KV, 16 wide), window of 16",
    "chunked attention": "attention of 4 heads (2 KV, 16 wide), chunks of 16",
    "shared attention": "attention of 4 heads (2 KV, 16 wide), cache of an earlier layer",
    "latent attention": "latent attention of 4 heads (rank 32)",
    "sparse latent attention": "latent attention of 4 heads (rank 32), 8 tokens chosen",
    "compressed attention": "compressed attention of 4 heads, window of 16",
    "heavily compressed attention":
        "compressed attention of 4 heads, window of 16, 8 tokens to an entry before",
    "Mamba": "Mamba, 128 wide (state 16)",
    "Mamba-2": "Mamba-2 of 4 heads (16 wide, state 8)",
    "gated delta net": "gated delta rule of 4 heads (8 wide)",
    "projection": "a projection",
    "feed-forward": "feed-forward of 96",
    "mixture of experts": "2 of 4 experts of 32, shared 16",
    "norms": "",
}  # fmt: skip


def part_of(kind: str) -> Part:
    """Give the part of a model with one layer that a breakdown calls by its name."""
    model = architecture(ModelConfig(**(PLAIN | KINDS[kind][0])))
    label = LABELS.get(kind, kind)
    (found,) = (part for part in model.parts if part.label == label)
    return found


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("hyper-connections", 3), ("alternating updates", 3), ("attention residuals", 1),
        ("layer inputs", 1), ("low-rank residual", 1),
    ],
)  # fmt: skip
def test_rows_between_layers(kind: str, rows: int) -> None:
    """A stream or a block each; what is added to the one stream is no other."""
    model = architecture(ModelConfig(**(PLAIN | KINDS[kind][0])))
    assert (model.residual_rows, model.most_residual_rows) == (rows, rows)


def grid_of(tp: int) -> Grid:
    return make_grid((Layout(tp=tp),), batches=(2,), inputs=(32,), outputs=(4,))


@pytest.mark.parametrize("decode", [False, True], ids=["prefill", "decode"])
@pytest.mark.parametrize(("kind", "tp"), WIDTHS)
def test_work(kind: str, tp: int, decode: bool) -> None:  # noqa: FBT001
    step = make_pass(64, grid_of(tp), FP8, decode=decode)
    found = {
        one.name: tuple(
            np.asarray(value).item() for value in (one.flops, one.moved, one.cached, one.launches)
        )
        for one in part_of(kind).work(step)[0]
    }
    expected = KINDS[kind][1](tp, 2 if decode else 64, decode)
    assert sorted(found) == sorted(expected)
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers, rel=1e-12), name


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_cache(kind: str) -> None:
    part, grids = part_of(kind), [grid_of(tp) for tp in (1, 2, 4)]
    weights = [np.asarray(part.weight_bytes(FP8, grid)).item() for grid in grids]
    assert weights == pytest.approx(KINDS[kind][2], rel=1e-12)
    cache = [np.asarray(part.cache_bytes(FP8, grid)).item() for grid in grids]
    assert cache == pytest.approx(KINDS[kind][3], rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_one_device_has_every_parameter_once(kind: str) -> None:
    part = part_of(kind)
    assert part.weight_bytes(parse_precision("bf16"), grid_of(1)) == 2 * part.parameters
    assert sum(part.counts.values()) == part.parameters


@pytest.mark.parametrize("kind", KINDS)
def test_widths(kind: str) -> None:
    part, (alive, gathered, heads) = part_of(kind), KINDS[kind][4]
    assert part.activation_width == alive
    if isinstance(part, TokenMixer):
        assert part.gathered_width(2.0) == gathered
        assert part.shardable_heads == heads


# Of what is timed by facts of its own: name, family in prefill and in a decode step
FAMILIES = [
    ("attention", "attention", "attention_prefill", "attention_decode"),
    ("attention", "QKV projection", "gemm", "gemm"),
    ("sparse latent attention", "index scores", "attention_prefill", "attention_decode"),
    ("Mamba", "scan", "traffic", "traffic"),
    ("Mamba-2", "scan", "recurrent_prefill", "traffic"),
    ("gated delta net", "delta rule", "recurrent_prefill", "traffic"),
    ("sparse latent attention", "attention", "latent_prefill", "latent_decode"),
    ("mixture of experts", "routed experts", "mixture", "mixture"),
    ("mixture of experts", "router", "gemm_wide", "gemm_wide"),
]


@pytest.mark.parametrize(("kind", "name", "prefill", "decode"), FAMILIES)
def test_facts_that_time_it(kind: str, name: str, prefill: str, decode: str) -> None:
    for is_decode, family in ((False, prefill), (True, decode)):
        step = make_pass(64, grid_of(1), FP8, decode=is_decode)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert found.family == family


def test_what_an_efficiency_rises_with() -> None:
    # attention in prefill: the tokens of a prompt; routed experts: 2 x 2 rows over 8/3 of four
    for kind, name, decode, size in (
        ("attention", "attention", False, 32),
        ("attention", "attention", True, np.inf),
        ("mixture of experts", "routed experts", True, 4 / (8 / 3)),
    ):
        step = make_pass(64, grid_of(1), FP8, decode=decode)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert np.asarray(found.size).item() == pytest.approx(size, rel=1e-12)


def test_weights_that_are_read() -> None:
    # 64 x 192 and 64 x 64 of attention; 8/3 experts of 3 x 24 x 32, a router of 2 bytes, the
    # latent space and a shared expert; norms have none to speak of
    mixture = 6144 + 512 + 3072 + 3072
    for kind, weights in (("attention", 16_384), ("mixture of experts", mixture), ("norms", 0)):
        step = make_pass(64, grid_of(1), FP8, decode=True)
        found = sum(np.asarray(one.weights).item() for one in part_of(kind).work(step)[0])
        assert found == weights


def test_adapters_know_how_many_projections_are_one() -> None:
    for kind, name, packed in (
        ("attention", "QKV projection", 3),
        ("attention", "output projection", 1),
        ("feed-forward", "gate and up projection", 2),
        ("plain feed-forward", "up projection", 1),
    ):
        step = make_pass(64, grid_of(1), FP8, decode=True)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert found.shape is not None
        assert found.shape[3] == packed


@pytest.mark.parametrize(("top_k", "absorbed"), [(31, True), (32, False)])
def test_sparse_attention_that_chooses_the_whole_prompt_is_dense(
    top_k: int,
    absorbed: bool,  # noqa: FBT001
) -> None:
    config = ModelConfig(**(PLAIN | LATENT | INDEX | {"index_topk": top_k}))
    (part,) = architecture(config).token_mixers
    step = make_pass(64, grid_of(1), FP8, decode=False)
    (found,) = (one for one in part.work(step)[0] if one.name == "attention")
    widths = 40 + 32 if absorbed else 24 + 12
    pairs = 31 * 31 / 2 + 31 if absorbed else 512
    assert np.asarray(found.flops).item() == 2 * 2 * pairs * 4 * widths


def test_a_cached_prefix_is_unpacked_and_read_too() -> None:
    # of 32 tokens half is cached: 16 of each sequence query, 32 are unpacked and read
    grid = make_grid(
        (Layout(),), batches=(2,), inputs=(32,), outputs=(4,),
        techniques=Techniques(prefix_hit_rate=0.5),
    )  # fmt: skip
    step = make_pass(64, grid, FP8, decode=False)
    found = {one.name: one for one in part_of("latent attention").work(step)[0]}
    assert found["KV up projection"].flops == 2 * 64 * 112 * 32
    assert found["query down projection"].flops == 2 * 32 * 24 * 64
    assert found["attention"].cached == 2 * 32 * 40


ODD: dict[str, Any] = {
    "num_experts": 5, "expert_top_k": 2, "moe_intermediate_size": 33, "intermediate_size": 97,
    "num_decoder_layers": 2, "mlp_layer_types": ("dense", "sparse"),
}  # fmt: skip


def test_columns_and_experts_that_devices_cannot_share_evenly() -> None:
    # two devices have 17 of 33 columns of each expert, or 3 of 5 experts, and 49 of 97 columns
    model, bf16 = architecture(ModelConfig(**(PLAIN | ODD))), parse_precision("bf16")
    dense, mixture = (layer.channel for layer in model.layers)
    assert isinstance(dense, FeedForward)
    assert isinstance(mixture, MoE)
    router = 5 * 64
    for layout, routed in (
        (Layout(tp=2), 5 * 3 * 64 * 17),
        (Layout(ep=2, attention_dp=2), 3 * 3 * 64 * 33),
    ):
        grid = make_grid((layout,), batches=(2,), inputs=(32,), outputs=(4,))
        found = np.asarray(mixture.weight_bytes(bf16, grid)).item()
        assert found == pytest.approx(2 * (routed + router), rel=1e-12)
    grid = grid_of(2)
    work = {one.name: one for one in mixture.work(make_pass(64, grid, bf16, decode=True))[0]}
    assert work["routed experts"].flops == pytest.approx(2 * 2 * 2 * 3 * 17 * 64, rel=1e-12)
    found = np.asarray(dense.weight_bytes(bf16, grid)).item()
    assert found == pytest.approx(2 * 3 * 64 * 49, rel=1e-12)
    work = {one.name: one for one in dense.work(make_pass(64, grid, bf16, decode=True))[0]}
    assert work["down projection"].flops == 2 * 2 * 64 * 49


def test_parameters_that_a_token_uses() -> None:
    model = architecture(ModelConfig(**(PLAIN | ODD)))
    assert model.parameters - model.active_parameters == 3 * 3 * 64 * 33


def test_projections_that_a_checkpoint_may_quantise() -> None:
    assert part_of("attention").quantisable == {"attention": 12_320, "attention_output": 4096}
    assert part_of("latent attention").quantisable["attention_output"] == 48 * 64
    assert part_of("compressed attention").quantisable["attention_output"] == 64 * 12 + 2 * 12 * 64
    assert part_of("mixture of experts").quantisable == {"experts": 9216, "shared": 3072}
    assert part_of("Mamba").quantisable == {"recurrent": 32_640}
    alone = architecture(ModelConfig(**(PLAIN | EXPERTS | {"n_shared_experts": 0})))
    (mixture,) = alone.mixtures
    assert mixture.quantisable == {"experts": 9216}


def test_queries_of_drafted_tokens_and_of_beams() -> None:
    # Each of two sequences verifies three tokens beside its own, of which 1.875 are gained at 0.5:
    # the queries lie (4 - 1.875) / 2 further on in the mean, the last one sees 1.5 more than that.
    drafts = Techniques(speculative_tokens=3, acceptance_rate=0.5)
    seen = 34.5 + (4 - 1.875) / 2
    # Of two beams each reads its own 2.5 tokens and half of the prompt.
    for given, queries, pairs, read in (
        ({"techniques": drafts}, 8, seen, 2 * (seen + 1.5)),
        ({"beams": 2}, 4, 34.5, 4 * (2.5 + 32 / 2)),
    ):
        grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
        step = make_pass(64, grid, FP8, decode=True)
        (found,) = (one for one in part_of("attention").work(step)[0] if one.kind == "attention")
        assert np.asarray(found.flops).item() == pytest.approx(2 * queries * pairs * 4 * 32)
        assert np.asarray(found.cached).item() == pytest.approx(read * 2 * 32)
    # A prompt of 32 has its 32^2 / 2 pairs of each sequence, whatever is drafted behind it.
    grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), techniques=drafts)
    work = part_of("attention").work(make_pass(64, grid, FP8, decode=False))[0]
    (found,) = (one for one in work if one.kind == "attention")
    assert np.asarray(found.flops).item() == 2 * 2 * 512 * 4 * 32


def test_groups_of_a_prompt_send_its_tokens_once() -> None:
    # Two groups of one device: a prefill has half of the tokens on each, a decode step all on both.
    layout = Layout(cp=2, ep=2)
    for decode, m in ((True, 2), (False, 32)):
        copies = 1 if decode else 2
        assert sent("mixture of experts", layout, decode=decode)[0] == (
            "dispatch of tokens to experts", m * 2 * 24, 2, copies,
        )  # fmt: skip
        gathered = [("all-gather of keys and values", 64 * 64 * 2, 2, np.inf)]
        assert sent("attention", layout, decode=decode) == [
            ("all-reduce", m * 64 * 2, 1, np.inf), *([] if decode else gathered),
        ]  # fmt: skip


def test_a_prompt_that_is_read_in_parts() -> None:
    # In steps of 18 tokens, two of which other sequences decode: two parts of 16, on average half
    # of a prompt's pairs each; the first reads 16 keys of a sequence and the second 32, that is 24.
    grid = make_grid(
        (Layout(),), batches=(2,), inputs=(32,), outputs=(4,),
        techniques=Techniques(prefill_chunk_tokens=18),
    )  # fmt: skip
    step = make_pass(64, grid, FP8, decode=False)
    for kind, pairs in (("attention", 512), ("chunked attention", 256)):
        (found,) = (one for one in part_of(kind).work(step)[0] if one.kind == "attention")
        assert np.asarray(found.flops).item() == 2 * 2 * pairs / 2 * 4 * 32
        assert np.asarray(found.cached).item() == 2 * 24 * 2 * 32
        # The last query of a part sees 24 keys in the mean, those of its chunk at the most.
        last = 24 if kind == "attention" else 16
        assert np.asarray(found.size).item() == np.asarray(found.inner).item() == last
        assert found.columns == 16


# Two requests of compressed attention, a window of 16 and an entry for 8: keys that each reads.
ENTRIES_READ: list[tuple[str, dict[str, Any], bool, float]] = [
    # 24 of 32 tokens are cached: 8 new ones and a window before them, one new entry and three
    ("prefix", {"techniques": Techniques(prefix_hit_rate=0.75)}, False, 2 * (8 + 16 + 1 + 3)),
    # three drafted tokens: the last query sees 1.5 tokens more than the mean one, and 1.5 / 8
    (
        "drafts",
        {"techniques": Techniques(speculative_tokens=3, acceptance_rate=0.5)},
        True,
        2 * (16 + 1.5 + (34.5 + (4 - 1.875) / 2 + 1.5) / 8),
    ),
    # four beams in pairs share a window of the prompt, and its four entries
    ("beams", {"beams": 2}, True, 4 * (16 / 2 + 2.5 / 8 + 4 / 2)),
]


@pytest.mark.parametrize(
    ("given", "decode", "keys"), [row[1:] for row in ENTRIES_READ], ids=[r[0] for r in ENTRIES_READ]
)
def test_entries_that_are_read(given: dict[str, Any], decode: bool, keys: float) -> None:  # noqa: FBT001
    grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
    step = make_pass(64, grid, FP8, decode=decode)
    work = part_of("heavily compressed attention").work(step)[0]
    (found,) = (one for one in work if one.name == "attention")
    assert np.asarray(found.cached).item() == pytest.approx(keys * ENTRY, rel=1e-12)


def test_norms_inside_mamba() -> None:
    plain, normed = (
        architecture(ModelConfig(**(PLAIN | MAMBA | more | {"layer_types": ("mamba",)})))
        for more in ({}, {"mamba_norm": True})
    )
    assert normed.parameters - plain.parameters == 4 + 2 * 16  # dt, B and C


def test_states_of_beams_and_drafted_tokens() -> None:
    # two requests of three beams, or of one sequence with three drafted tokens
    more = ({"beams": 3}, {"techniques": Techniques(speculative_tokens=3, acceptance_rate=0.5)})
    for kind, one in (("Mamba", 8960), ("heavily compressed attention", 2 * 8 * 16 * 4)):
        for states, given in zip((3, 4), more, strict=True):
            grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
            found = np.asarray(part_of(kind).cache_bytes(FP8, grid)).item()
            if kind == "Mamba":
                assert found == 2 * states * one
            else:
                # blocks of 16: prompt 32 and 16 of each beam, or 39 tokens; windows of 16
                windows, entries = (16 + 3 * 16, 32 + 3 * 16) if states == 3 else (16, 48)
                assert found == 2 * (states * one + (windows + entries / 8) * ENTRY)


@pytest.mark.parametrize("kind", WORDS)
def test_description(kind: str) -> None:
    assert part_of(kind).description == WORDS[kind]


def test_key_value_heads_that_devices_repeat() -> None:
    assert isinstance(grouped := part_of("attention"), TokenMixer)
    assert grouped.grouped_kv_heads == 2
    config = ModelConfig(**(PLAIN | {"num_key_value_heads": 4}))
    assert architecture(config).kv_heads == ()
    assert isinstance(latent_one := part_of("latent attention"), TokenMixer)
    assert latent_one.grouped_kv_heads is None


Sent = tuple[str, float, float, float]
"""Name, bytes on each device, participants, and devices that a part of it is for."""


def sent(kind: str, layout: Layout, *, decode: bool) -> list[Sent]:
    grid = make_grid((layout,), batches=(2,), inputs=(32,), outputs=(4,))
    step = make_pass(64, grid, FP8, decode=decode)
    return [
        (one.name, *(np.asarray(n).item() for n in (one.size, one.participants, one.copies)))
        for one in part_of(kind).work(step)[1]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_messages(kind: str) -> None:
    mixes = isinstance(part_of(kind), TokenMixer | FeedForward)
    for decode, m in ((True, 2), (False, 64)):
        expected = [("all-reduce", m * 64 * 2, 2, np.inf)] if mixes else []
        if kind == "mixture of experts":
            # no token leaves its device; the latent space is summed before its norm
            expected = [
                ("all-reduce of the latent space", m * 24 * 2, 2, np.inf),
                ("all-reduce", m * 64 * 2, 2, np.inf),
            ]
        assert sent(kind, Layout(tp=2), decode=decode) == expected


def test_messages_of_replicas_that_share_experts() -> None:
    # each replica has half of the tokens, which go to experts on both devices
    for decode, m, copies in ((True, 1, 1), (False, 32, 2)):
        assert sent("mixture of experts", Layout(ep=2, attention_dp=2), decode=decode) == [
            ("dispatch of tokens to experts", m * 2 * 24, 2, copies),
            ("combination of experts' results", m * 2 * 24 * 2, 2, copies),
            ("all-reduce of the latent space", m * 24 * 2, 1, np.inf),
            ("all-reduce", m * 64 * 2, 1, np.inf),
        ]


def collectives(layouts: tuple[Layout, ...]) -> dict[str, list[tuple[Collective, list[float]]]]:
    """Collectives of each message, and how many devices of each layout take part."""
    grid = make_grid(layouts, batches=(4,), inputs=(32,), outputs=(4,))
    found: dict[str, list[tuple[Collective, list[float]]]] = {}
    for one in part_of("mixture of experts").work(make_pass(64, grid, FP8, decode=True))[1]:
        devices = np.ravel(one.participants).tolist()
        found.setdefault(one.name.split()[0], []).append((one.collective, devices))
    return found


def test_one_group_of_experts_gathers_tokens_and_several_exchange_them() -> None:
    whole, shared = Layout(ep=1, attention_dp=2), Layout(ep=2, attention_dp=2)
    one, several = collectives((whole,)), collectives((shared,))
    assert one["dispatch"] == [(Collective.ALL_GATHER, [2.0])]
    assert one["combination"] == [(Collective.REDUCE_SCATTER, [2.0])]
    exchanged = [(Collective.ALL_TO_ALL, [2.0])]
    assert several["dispatch"] == several["combination"] == exchanged
    both = collectives((whole, shared, Layout(tp=2)))
    assert both["dispatch"] == [
        (Collective.ALL_TO_ALL, [1.0, 2.0, 1.0]), (Collective.ALL_GATHER, [2.0, 1.0, 1.0])
    ]  # fmt: skip
    assert both["all-reduce"][-1] == (Collective.ALL_REDUCE, [1.0, 1.0, 2.0])


def test_every_kind_of_a_configuration_is_here() -> None:
    named = [fields.get("layer_types", ("full_attention",)) for fields, *_ in KINDS.values()]
    assert {kind for kinds in named for kind in kinds} | {"none"} == {*LAYER_TYPES}
    assert {*MLP_LAYER_TYPES} == {"dense", "sparse", "linear", "none"}
