"""Layers of several kinds: parameters as the public code has them, cache and state by hand.

Counts "by transformers" are those of the classes of Hugging Face transformers 5.23.0, made from the
same configuration without memory (the meta device) on 2026-11-23, summed over named parameters;
the corrections of a router's load (one number for each expert) are buffers there and come on top.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import find_model, parse_precision
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.sections import part_section
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

# (name, by transformers, corrections of routers)
WHOLE = [
    ("gemma4_26b_a4b", 25_233_141_760, 0),
    ("mimo_v2_flash", 308_778_768_832, 47 * 256),
    ("nemotron_3_nano_30b_a3b", 31_577_937_344, 23 * 128),
    ("nemotron_3_super_120b_a12b", 120_668_687_360, 40 * 512),
]

# By transformers: token mixers, dense layers, routed experts, shared experts (of Gemma the dense
# layer beside them), latent projections, embedding, head
PARTS = [
    ("gemma4_26b_a4b", "mixer", 403_701_760 + 158_597_120 + 144_179_200 + 403_701_760 + 2 * 8960),
    ("gemma4_26b_a4b", "routed", 15_225_323_520 + 7_612_661_760),
    ("gemma4_26b_a4b", "shared", 3 * 178_421_760),
    ("gemma4_26b_a4b", "embedding", 738_197_504),
    ("gemma4_26b_a4b", "head", 0),
    ("mimo_v2_flash", "mixer",
     2_415_919_104 + 273_678_336 + 182_452_224 + 1_610_612_736 + 2_496),
    ("mimo_v2_flash", "dense", 3 * 67_108_864),
    ("mimo_v2_flash", "routed", 201_863_462_912 + 100_931_731_456),
    ("mimo_v2_flash", "head", 624_951_296),
    ("nemotron_3_nano_30b_a3b", "mixer",
     3 * 1_472 + 565_248 + 141_312 + 637_034_496 + 94_208 + 253_231_104
     + 2 * (66_060_288 + 4_128_768)),
    ("nemotron_3_nano_30b_a3b", "routed", 2 * 14_687_404_032),
    ("nemotron_3_nano_30b_a3b", "shared", 2 * 229_490_688),
    ("nemotron_3_super_120b_a12b", "routed", 2 * 56_371_445_760),
    ("nemotron_3_super_120b_a12b", "latent", 2 * 167_772_160),
    ("nemotron_3_super_120b_a12b", "shared", 2 * 880_803_840),
    ("nemotron_3_super_120b_a12b", "embedding", 536_870_912),
]  # fmt: skip


def counted(model: Model, what: str) -> int:
    """Count the parameters of one part of a model."""
    if what in {"embedding", "head"}:
        count: int = getattr(model, f"{what}_parameters")
        return count
    layers = [model.layers[kind] for kind in model.sequence]
    if what == "mixer":
        return sum(layer.mixer.parameters for layer in layers if layer.mixer)
    mixtures = [layer.channel for layer in layers if isinstance(layer.channel, MoE)]
    if what == "dense":
        channels = [layer.channel for layer in layers if layer.channel not in mixtures]
        return sum(channel.parameters for channel in channels if channel)
    return sum(getattr(mixture, f"{what}_parameters") for mixture in mixtures)


@pytest.mark.parametrize(("name", "parameters", "corrections"), WHOLE)
def test_parameters_are_those_of_the_public_code(
    name: str, parameters: int, corrections: int
) -> None:
    assert architecture(find_model(name)).parameters == parameters + corrections


@pytest.mark.parametrize(("name", "what", "parameters"), PARTS)
def test_parts_are_those_of_the_public_code(name: str, what: str, parameters: int) -> None:
    assert counted(architecture(find_model(name)), what) == parameters


# (name, active [billions], digits, what it leaves out, source)
ACTIVE = [
    ("gemma4_26b_a4b", 3.8, 1, "", "model card"),
    ("mimo_v2_flash", 15, 0, "", "vLLM recipe"),
    ("nemotron_3_nano_30b_a3b", 3.6, 1, "", "technical report: 3.6B with embeddings, recalled"),
    ("nemotron_3_nano_30b_a3b", 3.2, 1, "embedding", "technical report: 3.2B, recalled"),
    ("nemotron_3_super_120b_a12b", 12, 0, "embedding", "model card: A12B"),
]


@pytest.mark.parametrize(("name", "published", "digits", "without"), [row[:4] for row in ACTIVE])
def test_active_parameters(name: str, published: float, digits: int, without: str) -> None:
    model = architecture(find_model(name))
    active = model.active_parameters - (model.embedding_parameters if without else 0)
    assert round(active / 1e9, digits) == published


def cache(name: str, tokens: tuple[int, int], *, tp: int = 1, bits: str = "bf16") -> float:
    grid = make_grid(
        (Layout(tp=tp),), batches=(1,), inputs=tokens[:1], outputs=tokens[1:], engine="lmdeploy"
    )
    model = architecture(find_model(name))
    return device_memory(model, parse_precision(bits), grid).kv_cache.item()


# A token's keys and values: Gemma 4, 5 full layers of 2 heads of 512 and 25 sliding ones of 8 of
# 256 in a window of 1,024; MiMo, 9 full layers of 4 heads of 192 + 128 and 39 sliding ones of 8 in
# a window of 128; Nemotron-3, 6 and 8 layers of 2 heads of 128.
# A sequence's state: 23 Mamba-2 layers of 64 heads of 64 with 128 numbers of 4 bytes for each
# channel, and 3 x (4,096 + 2 x 8 x 128) elements of 2 bytes; 40 of 128 heads for Super.
NANO = 23 * (64 * 64 * 128 * 4 + 3 * 6144 * 2)
SUPER = 40 * (128 * 64 * 128 * 4 + 3 * 10_240 * 2)
CACHES = [
    ("gemma4_26b_a4b", 10_000, 5 * 2 * 2 * 512 * 2, 25 * 2 * 8 * 256 * 2 * 1024),
    ("mimo_v2_flash", 10_000, 9 * 4 * 320 * 2, 39 * 8 * 320 * 2 * 128),
    ("nemotron_3_nano_30b_a3b", 10_000, 6 * 2 * 2 * 128 * 2, NANO),
    ("nemotron_3_super_120b_a12b", 10_000, 8 * 2 * 2 * 128 * 2, SUPER),
]


@pytest.mark.parametrize(("name", "prompt", "per_token", "per_sequence"), CACHES)
def test_cache_of_a_sequence(name: str, prompt: int, per_token: int, per_sequence: int) -> None:
    assert cache(name, (prompt, 16)) == (prompt + 16) * per_token + per_sequence


def test_cache_on_several_devices() -> None:
    # MiMo on 8 devices: half of the 4 heads are copies, the 8 of sliding layers are divided.
    assert cache("mimo_v2_flash", (9_984, 16), tp=8) == (10_000 * 9 * 320 * 2 + 39 * 320 * 2 * 128)
    # Nemotron-3 Nano on 16 devices: 4 heads each, and one of 8 groups of B and C, a copy.
    one = 4 * 64 * 128 * 4 + 3 * (4 * 64 + 2 * 128) * 2
    assert cache("nemotron_3_nano_30b_a3b", (9_984, 16), tp=16) == (
        10_000 * 6 * 2 * 128 * 2 + 23 * one
    )


def work(name: str, kind: str, *, decode: bool, tp: int = 1) -> dict[str, float]:
    """Sum FLOPs and bytes of the first part of a kind, by family of operation."""
    model = architecture(find_model(name))
    grid = make_grid((Layout(tp=tp),), batches=(1,), inputs=(1000,), outputs=(1,))
    step = make_pass(model.hidden, grid, parse_precision("bf16"), decode=decode)
    part = next(one for one in model.parts if type(one).__name__ == kind)
    found: dict[str, float] = {}
    for one in part_section(part, step).operations:
        for what in ("flops", "moved"):
            key = f"{one.family} {what}"
            found[key] = found.get(key, 0.0) + np.asarray(getattr(one, what)).item()
    return found


def test_work_of_mamba_2() -> None:
    # Nano: 2,688 to 4,096 + 6,144 + 64, and 4,096 back, on two devices.
    decode = work("nemotron_3_nano_30b_a3b", "Mamba2", decode=True, tp=2)
    assert decode["gemm flops"] == 2 * 2688 * (4096 + 6144 + 64 + 4096) / 2
    # in: B, C, inputs and results, the state read and written; convolution in and out; gated norm
    state = 2 * (64 * 64 * 128 * 4 + 3 * 6144 * 2)
    moved = 2 * (6144 + 4096) + state + 2 * 2 * 6144 + 2 * 3 * 4096
    assert decode["traffic moved"] == moved / 2
    # in chunks of 128: 128 x (8 x 128 + 4,096) + 2 x 4,096 x 128 for each token
    prefill = work("nemotron_3_nano_30b_a3b", "Mamba2", decode=False, tp=2)
    scan = 2 * 1000 * (128 * (1024 + 4096) + 2 * 4096 * 128)
    assert prefill["recurrent_prefill flops"] == scan / 2


def test_work_of_latent_experts() -> None:
    # Super, one token: 4,096 to 1,024 and back, 22 experts of 2 x 1,024 x 2,688, shared 2 x 4,096
    # x 5,376, router 4,096 x 512.
    found = work("nemotron_3_super_120b_a12b", "MoE", decode=True)
    assert found["mixture flops"] == pytest.approx(2 * 22 * 2 * 1024 * 2688)
    assert found["gemm flops"] == 2 * 2 * 4096 * 1024 + 2 * 2 * 4096 * 5376
    assert found["gemm_wide flops"] == 2 * 4096 * 512


def test_work_of_values_from_keys() -> None:
    # Gemma 4, first a sliding layer: queries 4,096, keys and values 2 x 2,048, result 4,096. Full:
    # queries 8,192, keys 1,024 alone, result 8,192.
    model = architecture(find_model("gemma4_26b_a4b"))
    grid = make_grid((Layout(),), batches=(1,), inputs=(1000,), outputs=(1,))
    step = make_pass(model.hidden, grid, parse_precision("bf16"), decode=True)
    mixers = [layer.mixer for layer in model.layers]
    widths = [(4096 + 4096, 4096), (8192 + 1024, 8192)]
    for mixer, expected in zip(mixers, widths, strict=True):
        assert mixer is not None
        gemms = [one for one in part_section(mixer, step).operations if one.kind == "gemm"]
        assert [one.flops for one in gemms] == [2 * 2816 * width for width in expected]


# Gemma 4 with few layers, the last of which share the caches of earlier ones and have wider
# feed-forward parts: 3,080,878,080 by transformers.
SMALL: dict[str, Any] = {
    "model_type": "gemma4_text", "vocab_size": 262_144, "hidden_size": 2560,
    "num_hidden_layers": 12, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256,
    "global_head_dim": 512, "intermediate_size": 10_240, "sliding_window": 512,
    "layer_types": [*["sliding_attention"] * 5, "full_attention"] * 2,
    "num_kv_shared_layers": 6, "use_double_wide_mlp": True, "hidden_size_per_layer_input": 256,
    "vocab_size_per_layer_input": 262_144, "max_position_embeddings": 131_072,
}  # fmt: skip


def test_layers_that_share_a_cache() -> None:
    model = architecture(read_hf_config(SMALL))
    assert model.parameters == 3_080_878_080
    grid = make_grid((Layout(),), batches=(1,), inputs=(9984,), outputs=(16,), engine="lmdeploy")
    held = device_memory(model, parse_precision("bf16"), grid).kv_cache.item()
    # one full layer of 2 heads of 512 and five sliding ones of 2 of 256 have caches of their own
    assert held == 2 * 2 * 512 * 2 * 10_000 + 5 * 2 * 2 * 256 * 2 * 512


# Layers of a search (Puzzle): both parts, no attention, one projection, nothing at all.
BLOCKS = [
    {"attention": {"n_heads_in_group": 4, "no_op": False}, "ffn": {"ffn_mult": 1.0}},
    {"attention": {"n_heads_in_group": None, "no_op": True}, "ffn": {"ffn_mult": 0.5}},
    {"attention": {"replace_with_linear": True}, "ffn": {"replace_with_linear": True}},
    {"attention": {"no_op": True}, "ffn": {"no_op": True}},
]
SEARCHED: dict[str, Any] = {
    "model_type": "nemotron-nas", "vocab_size": 1000, "hidden_size": 1024,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": None,
    "intermediate_size": None, "tie_word_embeddings": True, "block_configs": BLOCKS,
}  # fmt: skip


def test_searched_layers() -> None:
    # 1,024 wide: attention 2 x 1,024^2 and two heads of 128 for keys and values; feed-forward
    # 2/3 x 1,024 = 682 up to 768, and 341 up to 512; a projection 1,024^2; a norm for each part.
    model = architecture(read_hf_config(SEARCHED))
    square = 1024 * 1024
    layers = [
        2 * square + 2 * 1024 * 256 + 3 * 1024 * 768 + 2048,
        3 * 1024 * 512 + 1024,
        2 * square + 2048,
        0,
    ]
    assert [model.layers[kind].parameters for kind in model.sequence] == layers
    assert model.parameters == sum(layers) + 1000 * 1024 + 1024


REFUSED = [
    (
        {"ffn": {"ffn_mult": None}, "attention": {"no_op": True}},
        r"block_configs 0, ffn: .*ffn_mult",
    ),
    ({"ffn": {"no_op": True}, "attention": {"n_heads_in_group": 3}}, "n_heads_in_group .* got 3"),
    ({"ffn": {"no_op": True}, "attention": {"window_length": 8}}, "window_length .* got 8"),
    ({"ffn": {"no_op": True}, "attention": {"no_op": True, "mamba": {"state": 1}}}, "mamba"),
]


@pytest.mark.parametrize(("block", "message"), REFUSED)
def test_a_searched_layer_that_cannot_be_described(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config({**SEARCHED, "num_hidden_layers": 1, "block_configs": [block]})
