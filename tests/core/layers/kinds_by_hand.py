"""Every kind of layer part by hand: its fields, weights, cache, widths and words."""

from __future__ import annotations

from typing import Any

from llmcalc_core import ModelConfig
from llmcalc_core.architecture.model import architecture
from llmcalc_core.layers.part import Part
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.layers.work_by_hand import (
    COMPRESSED,
    DELTA,
    ENTRY,
    EXPERTS,
    INDEX,
    LATENT,
    LRU,
    MAMBA,
    MAMBA2,
    PLAIN,
    alternating_updates,
    attention,
    block_residuals,
    block_sparse,
    compressed,
    delta,
    feed_forward,
    hyper_connections,
    kimi,
    latent,
    layer_inputs,
    lightning,
    low_rank_residual,
    mamba,
    mamba2,
    moe,
    norms,
    plain_feed_forward,
    projection,
    rg_lru,
    shared_attention,
    short_convolution,
    sparse,
)

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
    # every device: index queries 64 x 32, keys 64 x 16 and two norms of 16; keys in 16 + 4 bytes
    "block-sparse attention": (
        GATED | INDEX | {"layer_types": ("block_sparse_attention",)}, block_sparse,
        (3104 + 12_320 + 4096, 3104 + 6160 + 2048, 3104 + 3080 + 2048),
        (2 * 48 * (64 + 20), 2 * 48 * (32 + 20), 2 * 48 * (32 + 20)),
        (4 * 48 + 2 * 32, 32 + 16, 4),
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
    # and the indexer: queries 24 x 32, keys 64 x 16 and their norm 32, weights 64 x 2; in FP8 the
    # rank with a scale of 4 bytes, rotary elements in 16 bits
    "sparse latent attention": (
        LATENT | INDEX, sparse,
        (4152 + 1952 + 12_032, 4152 + 1952 + 6016, 4152 + 1952 + 3008),
        (2 * 48 * (32 + 4 + 2 * 8 + 20),) * 3, (4 * (24 + 64 + 24), 40 + 16, 4),
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
    # five projections of 64 x 64, norm 64; states of 16 x 16 for each of four heads
    "lightning attention": (
        {"layer_types": ("lightning_attention",)}, lightning,
        (20_544, 10_272, 5136), (8192, 4096, 2048), (5 * 64 + 64 * 16 / 256, None, 4),
    ),
    # in 65 x 64, out 33 x 64, gates 2 x 32 x 9 and 32 decays, convolution 32 x 5
    "RG-LRU": (
        LRU | {"layer_types": ("rg_lru",)}, rg_lru,
        (7040, 3520, 1760), (640, 320, 160), (6 * 32, None, 4),
    ),
    # in 64 x 128, beta and dt 64 x 8, A and dt 8, convolution 96 x 4, norm 8, out 32 x 64
    "gated delta net": (
        DELTA | {"layer_types": ("linear_attention",)}, delta,
        (11_152, 5576, 2788), (5248, 2624, 1312),
        (2 * 96 + 32 + 4 * (16 + 3 * 64 + 2 + 3 * 8), None, 2),
    ),
    # every device: 64 x 24; in 64 x 96, out 32 x 64, beta 64 x 4, gate 8 x 32, decay 17 x 32,
    # convolution 384, A 4, norm 8
    "Kimi delta attention": (
        DELTA | {"layer_types": ("kimi_delta_attention",)}, kimi,
        (1536 + 9644, 1536 + 4822, 1536 + 2411), (5248, 2624, 1312),
        (2 * 96 + 32 + 4 * (5 * 16 + 3 * 64 + 2 + 3 * 8), None, 2),
    ),
    # in 64 x 192, convolution 64 x 3, out 64 x 64; two inputs of 64 of both sequences in 2 bytes
    "short convolution": (
        {"layer_types": ("short_convolution",), "short_conv_kernel": 3}, short_convolution,
        (16_576, 8288, 4144), (512, 256, 128), (4 * 64, None, 64),
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
    "block-sparse attention": "attention of 4 heads (2 KV, 16 wide), 8 tokens chosen",
    "short convolution": "short convolution of 3 tokens",
    "shared attention": "attention of 4 heads (2 KV, 16 wide), cache of an earlier layer",
    "latent attention": "latent attention of 4 heads (rank 32)",
    "sparse latent attention": "latent attention of 4 heads (rank 32), 8 tokens chosen",
    "compressed attention": "compressed attention of 4 heads, window of 16",
    "heavily compressed attention":
        "compressed attention of 4 heads, window of 16, 8 tokens to an entry before",
    "Mamba": "Mamba, 128 wide (state 16)",
    "Mamba-2": "Mamba-2 of 4 heads (16 wide, state 8)",
    "lightning attention": "lightning attention of 4 heads (16 wide)",
    "RG-LRU": "gated linear recurrence (RG-LRU), 32 wide",
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


def grid_of(tp: int) -> Grid:
    return make_grid((Layout(tp=tp),), batches=(2,), inputs=(32,), outputs=(4,))
