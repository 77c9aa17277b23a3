"""Compressed attention, hyper-connections, Kimi delta attention: counts, cache and work by hand.

Counts "by transformers" are explained in test_hybrids.py. AMD's figures are those of its post on
serving Kimi K3 (two bytes for each parameter, on one and on eight devices), as quoted in public on
2026-07-28, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import find_model, parse_precision
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.sections import part_section
from llmcalc_core.formulas.kv_cache import compressed_bytes
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.part import Part
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

FLASH, PRO, K3 = (
    architecture(find_model(name)) for name in ("deepseek_v4_flash", "deepseek_v4_pro", "kimi_k3")
)
BF16, FP8 = parse_precision("bf16"), parse_precision("fp8")


def test_parameters_are_those_of_the_public_code() -> None:
    # By transformers, and the corrections of the routers behind the three hashed layers.
    assert FLASH.parameters == 284_332_230_231 + 40 * 256
    assert PRO.parameters == 1_572_997_179_491 + 58 * 384
    linear = architecture(find_model("kimi_linear_48b_a3b"))
    assert linear.parameters == 49_122_675_072 + 26 * 256


def parameters_of(model: Model, kind: str, part: str = "parameters") -> int:
    layers = [model.layers[index] for index in model.sequence]
    parts = [one for layer in layers for one in layer.parts if type(one).__name__ == kind]
    return sum(getattr(one, part) for one in parts)


def test_parts_of_deepseek_v4() -> None:
    # By transformers: queries, keys, results, sinks and norms; compressors; indexers
    attention = (
        2_752 + 180_355_072 + 44_032 + 1_442_840_576 + 90_177_536 + 22_016 + 2 * 1_442_840_576
    )
    compressors = 1_396_736 + 2 * 130_023_424 + 20_992
    indexers = 21_504 + 2 * 22_020_096 + 2_688 + 176_160_768 + 5_505_024
    found = parameters_of(FLASH, "CompressedAttention")
    assert found == attention + compressors + indexers
    assert parameters_of(FLASH, "HyperConnections") == 2 * (16_908_288 + 1_032 + 129)
    assert parameters_of(FLASH, "MoE", "routed_parameters") == 184_683_593_728 + 92_341_796_864
    assert parameters_of(FLASH, "MoE", "shared_parameters") == 3 * 360_710_144
    assert (FLASH.embedding_parameters, FLASH.head_parameters) == (529_530_880, 529_530_880)


# Model, active parameters in billions, source
ACTIVE = [
    (FLASH, 13, "model card"),
    (PRO, 49, "model card"),
    (K3, 104, "arXiv:2607.24653, table 1: 104.2B"),
]


@pytest.mark.parametrize(
    ("model", "published"), [row[:2] for row in ACTIVE], ids=["V4", "Pro", "K3"]
)
def test_active_parameters_without_the_embedding(model: Model, published: int) -> None:
    assert round((model.active_parameters - model.embedding_parameters) / 1e9) == published


# AMD: (part, all of it, on one of eight devices) [GB]
AMD = [
    ("GatedDeltaNet", 61.214, 7.763),
    ("LatentAttention", 11.145, 2.029),
    ("FeedForward", 1.453, 0.182),
]


@pytest.mark.parametrize(("kind", "whole", "share"), AMD)
def test_weights_of_kimi_k3(kind: str, whole: float, share: float) -> None:
    held = []
    for tp in (1, 8):
        grid = make_grid((Layout(tp=tp),), batches=(1,), inputs=(1,), outputs=(1,))
        parts = [one for index in K3.sequence for one in K3.layers[index].parts]
        own = [one for one in parts if type(one).__name__ == kind]
        held.append(sum(np.asarray(one.weight_bytes(BF16, grid)).item() for one in own) / 1e9)
    # AMD leaves out norms and convolutions, and rounds
    assert held == pytest.approx([whole, share], rel=1e-3, abs=5e-4)


def test_experts_of_kimi_k3() -> None:
    # AMD: 1,446.456 GB of MXFP4 with a scale of 8 bits for 32; shared 24.310 GB in 16 bits
    routed = parameters_of(K3, "MoE", "routed_parameters")
    assert routed * 4.25 / 8 / 1e9 == pytest.approx(1446.456, rel=1e-4)
    shared = parameters_of(K3, "MoE", "shared_parameters")
    assert shared * 2 / 1e9 == pytest.approx(24.310, rel=1e-4)


def cache(model: Model, tokens: int, precision: Precision, *, tp: int = 1) -> float:
    grid = make_grid(
        (Layout(tp=tp),), batches=(1,), inputs=(tokens - 16,), outputs=(16,), engine="lmdeploy"
    )
    return device_memory(model, precision, grid).kv_cache.item()


# A token or entry of V4 takes 448 + 64 x 2 + 8 bytes in FP8 and 1,024 in 16 bits, an index key 132
# (SGLang, DeepSeekV4SingleKVPool). Flash: 2 layers with a window of 128 alone, 21 with an entry and
# an index key for every 4 tokens too, 20 with one for every 128. Waiting for their entry: twice
# 2 x 4 tokens of 2 x (512 + 128) elements, and 2 x 128 of 512, of 4 bytes (its rings of 8 and 128).
WAITING = 21 * 2 * 8 * 2 * (512 + 128) * 4 + 20 * 2 * 128 * 512 * 4


@pytest.mark.parametrize(("precision", "entry"), [(FP8, 584), (BF16, 1024)], ids=["fp8", "bf16"])
@pytest.mark.parametrize("tp", [1, 8])
def test_cache_of_deepseek_v4(precision: Precision, entry: int, tp: int) -> None:
    tokens = 2**20
    entries = 43 * 128 + 21 * tokens / 4 + 20 * tokens / 128
    assert cache(FLASH, tokens, precision, tp=tp) == (
        entries * entry + 21 * tokens / 4 * 132 + WAITING
    )


@pytest.mark.parametrize(("plain", "scales"), [(64, 1), (65, 2), (128, 2), (448, 7)])
def test_64_elements_share_a_scale(plain: int, scales: int) -> None:
    # DeepSeekV4SingleKVPool: FP8 elements, the rotary part in 16 bits, the scales and a byte more.
    found = compressed_bytes(entries=10.0, head_dim=plain + 8, rope_dim=8, element_bytes=1.0)
    assert found == 10 * (plain + 2 * 8 + scales + 1)


def test_cache_of_deepseek_v4_is_a_tenth_of_that_of_v3_2() -> None:
    # The model cards: 7 % (Flash) and 10 % (Pro) of DeepSeek-V3.2 at a million tokens, with index
    # keys in 4 bits; 656 bytes and 132 for each of 61 layers (DeepSeek-V3.2, FlashMLA).
    tokens = 2**20
    older = 61 * tokens * (656 + 132)
    narrower = 132 - 68  # in 4 bits: 64 bytes and 4 of scales
    for model, layers, published in ((FLASH, 21, 0.07), (PRO, 30, 0.10)):
        held = cache(model, tokens, FP8) - layers * tokens / 4 * narrower
        assert held / older == pytest.approx(published, abs=0.006)


def test_cache_of_kimi_k3() -> None:
    # AMD: 14.496 GB of latent cache at 2^20 tokens, in FP8. States: 69 layers of 96 x 128 x 128
    # elements of 4 bytes, and 3 x 3 x 12,288 of 2.
    states = 69 * (96 * 128 * 128 * 4 + 3 * 36_864 * 2)
    latent = cache(K3, 2**20, BF16) - states
    assert latent == 24 * 2**20 * 576 * 2
    assert latent / 2 / 1e9 == pytest.approx(14.496, rel=1e-4)
    assert cache(K3, 2**20, BF16, tp=8) == latent + states / 8


def operations(model: Model, part: Part, tokens: tuple[int, int], *, decode: bool, tp: int = 1
               ) -> list[Operation]:  # fmt: skip
    grid = make_grid((Layout(tp=tp),), batches=(1,), inputs=tokens[:1], outputs=tokens[1:])
    return list(part_section(part, make_pass(model.hidden, grid, BF16, decode=decode)).operations)


def flops(found: list[Operation], family: str) -> list[float]:
    return [np.asarray(one.flops).item() for one in found if one.family == family]


WINDOW, SPARSE, HEAVY = (
    part for part in FLASH.parts if type(part).__name__ == "CompressedAttention"
)


def test_decode_of_compressed_attention() -> None:
    # 4,096 to 1,024 + 512; to 64 heads of 512; results in 8 groups of 4,096 to 1,024, to 4,096.
    usual = [4096 * 1536, 1024 * 32_768, 32_768 * 1024, 8192 * 4096]
    found = operations(FLASH, WINDOW, (8192, 1), decode=True)
    assert flops(found, "gemm") == [2 * size for size in usual]
    assert flops(found, "attention_decode") == [2 * 128 * 64 * 1024]
    # Keys and weights of two series, and of the indexer's; its queries and the heads' weights.
    found = operations(FLASH, SPARSE, (8191, 1), decode=True)
    more = [4096 * 2 * (1024 + 256), 1024 * 8192, 4096 * 64]
    assert sorted(flops(found, "gemm")) == sorted(2 * size for size in (*usual, *more))
    # 2,048 entries are scored, 512 are read beside the window
    assert flops(found, "attention_decode") == [2 * 2048 * 64 * 128, 2 * (128 + 512) * 64 * 1024]
    found = operations(FLASH, HEAVY, (8191, 1), decode=True)
    assert flops(found, "attention_decode") == [2 * (128 + 64) * 64 * 1024]
    (kernel,) = (one for one in found if one.kind == "attention")
    assert np.asarray(kernel.moved).item() == (128 + 64) * 1024 + 2 * 32_768 * 2


def test_prefill_of_compressed_attention() -> None:
    # 8,192 tokens: windows of 128 x (8,192 - 64) pairs; entries of 4 up to 512 of them, that is
    # 2,048 x (8,192 - 1,024) / 4; entries of 128, 8,192^2 / 2 / 128.
    windows = 128 * (8192 - 64)
    found = operations(FLASH, SPARSE, (8192, 1), decode=False)
    index, kernel = flops(found, "attention_prefill")
    assert index == 8192**2 / 2 / 4 * 2 * 64 * 128
    assert kernel == (windows + 2048 * 7168 / 4) * 2 * 64 * 1024
    found = operations(FLASH, HEAVY, (8192, 1), decode=False)
    assert flops(found, "attention_prefill") == [(windows + 8192**2 / 2 / 128) * 2 * 64 * 1024]


def test_tensor_parallelism_divides_the_groups() -> None:
    assert check_layout(FLASH, tp=8, pp=1, ep=1).tp == 8
    with pytest.raises(ValueError, match=r"tensor_parallel must divide .* got 16"):
        check_layout(FLASH, tp=16, pp=1, ep=1)
    assert check_layout(PRO, tp=16, pp=1, ep=1).tp == 16


def test_work_of_hyper_connections() -> None:
    # Before and after each half, four streams of 4,096 are read and written once more each: read,
    # read, written, and one row in and out; projected to 4 x (2 + 4) numbers.
    (part,) = (one for one in FLASH.parts if type(one).__name__ == "HyperConnections")
    mixed, moved = operations(FLASH, part, (1000, 1), decode=True)
    assert np.asarray(mixed.flops).item() == 2 * 2 * 24 * 16_384
    assert np.asarray(moved.moved).item() == 2 * (3 * 16_384 + 2 * 4096) * 2
    assert (FLASH.residual_rows, FLASH.most_residual_rows) == (4, 4)


def test_rows_that_blocks_carry() -> None:
    # Layer 0 reads the embedding alone; each of eight blocks of 12 layers adds a row.
    rows = [-(-layer // 12) + 1 for layer in range(93)]
    assert K3.residual_rows == pytest.approx(sum(rows) / 93, rel=1e-12)
    assert K3.most_residual_rows == rows[-1] == 9


def test_decode_of_kimi_delta_attention() -> None:
    # On two devices: queries, keys, values and gate 4 x 12,288 from 7,168, the decay through 128
    # (which both project to), beta for 96 heads, and results.
    (part,) = (one for one in K3.parts if type(one).__name__ == "GatedDeltaNet")
    found = operations(K3, part, (1000, 1), decode=True, tp=2)
    sizes = [7168 * 4 * 12_288 / 2, 7168 * 128, 128 * 12_288 / 2, 12_288 * 7168 / 2]
    assert flops(found, "gemm") == [2 * size for size in sizes]
    assert flops(found, "gemm_wide") == [2 * 7168 * 96 / 2]
    (rule,) = (one for one in found if one.kind == "attention")
    state = 96 * 128 * 128 * 4 + 3 * 36_864 * 2
    # queries, keys, values and decays in, results out
    assert np.asarray(rule.moved).item() == (2 * state + (36_864 + 12_288 + 12_288) * 2) / 2


def test_a_gate_of_low_rank() -> None:
    model = architecture(find_model("kimi_linear_48b_a3b"))
    (part,) = (one for one in model.parts if type(one).__name__ == "GatedDeltaNet")
    found = operations(model, part, (1000, 1), decode=True)
    sizes = [2304 * 12_288, 2304 * 256, 128 * 4096, 128 * 4096, 4096 * 2304]
    assert flops(found, "gemm") == [2 * size for size in sizes]


def test_messages_of_normalised_latent_experts() -> None:
    # Sums of the results, 7,168 wide, and before the norm of those of 3,584 (vLLM's post on Kimi
    # K3: two all-reduces); nothing is sent to experts on other devices.
    (part,) = (one for one in K3.parts if isinstance(one, MoE))
    grid = make_grid((Layout(tp=8),), batches=(1,), inputs=(10,), outputs=(1,))
    messages = part_section(part, make_pass(K3.hidden, grid, BF16, decode=True)).messages
    sent = [one for one in messages if np.max(one.participants) > 1]
    assert [np.asarray(one.size).item() for one in sent] == [3584 * 2, 7168 * 2]


V4: dict[str, Any] = {
    "model_type": "deepseek_v4", "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "head_dim": 32, "q_lora_rank": 16, "o_lora_rank": 8, "o_groups": 2,
    "qk_rope_head_dim": 8, "sliding_window": 16, "index_n_heads": 2, "index_head_dim": 16,
    "index_topk": 8, "hc_mult": 2, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_shared_experts": 1, "moe_intermediate_size": 32, "num_hash_layers": 0,
    "compress_ratios": [4, 128],
}  # fmt: skip
LINEAR: dict[str, Any] = {
    "model_type": "kimi_linear", "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "intermediate_size": 64, "kv_lora_rank": 16, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 16, "num_experts": 4, "num_experts_per_token": 2,
    "moe_intermediate_size": 32, "mla_use_nope": True,
    "linear_attn_config": {"kda_layers": [1], "full_attn_layers": [2], "num_heads": 4,
                           "head_dim": 16},
}  # fmt: skip
REFUSED = [
    ({**V4, "compress_ratios": [4, 64]}, r"compress_ratios must be 0, 4 or 128 .* got \[4, 64\]"),
    ({**V4, "compress_ratios": [4]}, "compress_ratios must be .* each of 2 layers"),
    ({**V4, "compress_ratios": [4, 128, 4]}, "compress_ratios must be 0 after the 2 layers"),
    ({**V4, "num_key_value_heads": 2}, "num_key_value_heads .* got 2"),
    ({**V4, "hc_groups": 2}, "hc_groups may change the architecture"),
    ({**LINEAR, "mla_use_nope": False}, "mla_use_nope .* got False"),
    ({**LINEAR, "linear_attn_config": {"kda_layers": [1], "full_attn_layers": [1]}},
     "kda_layers and full_attn_layers must name each of 2 layers once"),
    ({"model_type": "kimi_k3", "text_config": {**LINEAR, "model_type": "kimi_k2"}},
     "text_config: the field model_type .* got 'kimi_k2'"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), REFUSED)
def test_what_cannot_be_described_is_refused(values: dict[str, Any], message: str) -> None:
    read_hf_config(V4), read_hf_config(LINEAR)
    with pytest.raises(ValueError, match=message):
        read_hf_config(values)


def test_the_cache_of_layers_adds_up() -> None:
    grid = make_grid(
        (Layout(tp=4),), batches=(3,), inputs=(5000,), outputs=(100,), engine="lmdeploy"
    )
    parts = [one for index in FLASH.sequence for one in FLASH.layers[index].parts]
    held = sum(np.asarray(one.cache_bytes(FP8, grid)).item() for one in parts)
    assert held == device_memory(FLASH, FP8, grid).kv_cache.item()
