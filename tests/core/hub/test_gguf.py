"""GGUF files: what their headers say, held against their tensors.

Beside these, headers that the gguf package 0.19.0 wrote were read on 2026-12-01: of 170 published
or default configurations of 63 model types, with the tensors that transformers 5.24 has on the meta
device, named by the package's own map. 169 were read, with the parameters of transformers to the
digit, 138 of them as the same ``ModelConfig`` as from their ``config.json``. The others lack what a
converter leaves out (26 the modules of prediction, two the window of Mistral 7B) or have what the
tensors decide (whether a head is tied, a router has a bias); Jamba is refused by its name.
"""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from llmcalc_core import ModelConfig, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.gguf import GGML_TYPES
from llmcalc_core.hub.gguf_file import Omitted, read_gguf_header
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.grid import make_grid
from tests.core.hub.gguf_files import content, gguf, llama
from tests.core.hub.test_quantisation import weight_bytes

# Each layer: 2 x 512 x 512 + 2 x 128 x 512 + 3 x 512 x 1024 + 2 x 512; outside 2 x 512,000 + 512.
LAYER, OUTSIDE = 2_229_248, 1_024_512


def test_a_model_of_one_file(tmp_path: Path) -> None:
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "tiny-Q4_K_M.gguf", *llama()))
    assert config.model == "tiny-Q4_K_M"
    assert config.parameters == 2 * LAYER + OUTSIDE
    assert (config.num_key_value_heads, config.head_dim, config.vocab_size) == (2, 64, 1000)
    assert config.max_model_len == 4096
    assert not config.tie_word_embeddings


def test_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    metadata, tensors = llama()
    tensors["blk.1.ffn_down.weight"] = ([512, 1024], "Q6_K")
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, tensors))
    precision = config.precision
    assert precision is not None
    # of six matrices of 512 x 1024 one is in 6.5625 bits, the others are in 4.5
    assert precision.bits("weights") == pytest.approx(4.5 + 2.0625 / 6)
    assert precision.bits("attention") == precision.bits("embedding") == 4.5
    assert (precision.bits("head"), precision.bits("others")) == (6.5625, 32)
    assert (precision.weights, precision.activations, precision.kv_cache) == (
        "int4", "int8", "fp16",
    )  # fmt: skip
    matrices = 2 * (LAYER - 1024) + 512_000
    bits = 4.5 * matrices + 2.0625 * 512 * 1024 + 6.5625 * 512_000 + 32 * 5 * 512
    assert weight_bytes(config) == pytest.approx(bits / 8, rel=1e-9)


@pytest.mark.parametrize(("kind", "stored"), [("F16", "fp16"), ("BF16", "bf16"), ("F32", "fp32")])
def test_a_file_that_is_not_quantised(tmp_path: Path, kind: str, stored: str) -> None:
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", *llama(kind=kind)))
    assert config.precision is not None
    assert (config.precision.weights, config.precision.activations) == (stored, stored)


# Bits of a weight: ggml-common.h, the size of each block over its weights
BITS = {
    "F32": 32, "F16": 16, "BF16": 16, "Q4_0": 4.5, "Q4_1": 5, "Q5_0": 5.5, "Q5_1": 6, "Q8_0": 8.5,
    "Q2_K": 2.625, "Q3_K": 3.4375, "Q4_K": 4.5, "Q5_K": 5.5, "Q6_K": 6.5625, "Q8_K": 9.125,
    "IQ1_S": 1.5625, "IQ1_M": 1.75, "IQ2_XXS": 2.0625, "IQ2_XS": 2.3125, "IQ2_S": 2.5625,
    "IQ3_XXS": 3.0625, "IQ3_S": 3.4375, "IQ4_XS": 4.25, "IQ4_NL": 4.5, "TQ1_0": 1.6875,
    "TQ2_0": 2.0625, "MXFP4": 4.25, "NVFP4": 4.5,
}  # fmt: skip


@pytest.mark.parametrize("kind", BITS)
def test_every_type_takes_its_bits(tmp_path: Path, kind: str) -> None:
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", *llama(kind=kind)))
    assert config.precision is not None
    assert config.precision.bits("weights") == BITS[kind]
    assert {one.name: one.bits for one in GGML_TYPES.values()}[kind] == BITS[kind]


def test_the_head_is_tied_where_there_is_none(tmp_path: Path) -> None:
    metadata, tensors = llama()
    del tensors["output.weight"]
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, tensors))
    assert config.tie_word_embeddings
    assert config.parameters == 2 * LAYER + OUTSIDE - 512_000


def test_a_tied_head_on_the_device_takes_its_own_bits(tmp_path: Path) -> None:
    """llama.cpp keeps the embedding in the host's memory, and a copy for the head beside layers."""
    metadata, tensors = llama()
    del tensors["output.weight"]
    tensors["token_embd.weight"] = ([1000, 512], "Q6_K")
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, tensors))
    plan = check_layout(architecture(config), tp=1, pp=1, ep=1)
    grid = make_grid((plan,), batches=(1,), inputs=(1,), outputs=(1,), engine="llama.cpp")
    held = device_memory(architecture(config), config.precision, grid).weights.item()
    matrices, norms = 2 * (LAYER - 1024), 5 * 512
    assert held == pytest.approx((4.5 * matrices + 32 * norms + 6.5625 * 512_000) / 8)


def test_scales_and_encoders_are_no_parameters_of_the_decoder(tmp_path: Path) -> None:
    metadata, tensors = llama(kind="NVFP4")
    more = {
        "blk.0.attn_q.scale": ([1], "F32"),
        "blk.0.attn_q.input_scale": ([1], "F32"),
        "v.blk.0.attn_q.weight": ([64, 64], "F16"),
        "mm.0.weight": ([64, 64], "F16"),
    }
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, {**tensors, **more}))
    assert config.parameters == 2 * LAYER + OUTSIDE
    assert config.precision is not None
    assert config.precision.weights == "fp4"
    before = 512 * 512 + 2 * 128 * 512
    assert config.precision.bits("attention") == pytest.approx(4.5 + 64 / (2 * before), rel=1e-9)


def test_a_file_is_a_model_wherever_one_is_named(tmp_path: Path) -> None:
    file = gguf(tmp_path / "tiny-Q4_K_M.gguf", *llama())
    assert find_model(str(file)) == find_model(file) == ModelConfig.from_checkpoint(file)
    with pytest.raises(ValueError, match=r"cannot read .*none\.gguf"):
        find_model("none.gguf")


def split(folder: Path) -> list[Path]:
    metadata, tensors = llama()
    own = {"split.count": 2, "split.tensors.count": len(tensors)}
    first = dict(list(tensors.items())[:7])
    rest = {name: shape for name, shape in tensors.items() if name not in first}
    return [
        gguf(folder / "m-00001-of-00002.gguf", {**metadata, "split.no": 0, **own}, first),
        gguf(folder / "m-00002-of-00002.gguf", {"split.no": 1, **own}, rest),
    ]


def test_a_model_that_is_split(tmp_path: Path) -> None:
    files = split(tmp_path)
    configs = [ModelConfig.from_checkpoint(one) for one in (*files, tmp_path)]
    assert configs[0] == configs[1] == configs[2]
    assert configs[0].parameters == 2 * LAYER + OUTSIDE
    assert configs[0].model == "m"
    gguf(tmp_path / "mmproj-F16.gguf", {"general.architecture": "clip"}, {})
    assert ModelConfig.from_checkpoint(tmp_path) == configs[0]
    files[1].unlink()
    with pytest.raises(ValueError, match=r"cannot read .*m-00002-of-00002.gguf"):
        ModelConfig.from_checkpoint(tmp_path)


def test_a_folder_of_two_models_is_refused(tmp_path: Path) -> None:
    for name in ("a-Q4_K_M.gguf", "a-Q8_0.gguf"):
        gguf(tmp_path / name, *llama())
    with pytest.raises(ValueError, match=r"of one model, got a-Q4_K_M.gguf, a-Q8_0.gguf"):
        ModelConfig.from_checkpoint(tmp_path)


def test_a_file_of_the_other_byte_order_and_of_version_2(tmp_path: Path) -> None:
    usual = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", *llama()))
    assert ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", *llama(), order=">")) == usual
    assert ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", *llama(), version=2)) == usual


# gpt-oss in small: experts in MXFP4, biases, sinks; Qwen3 with experts; latent attention
def mixture() -> tuple[dict[str, object], dict[str, tuple[list[int], str]]]:
    metadata, tensors = llama()
    renamed = {name.replace("llama.", "gpt-oss."): one for name, one in metadata.items()}
    renamed |= {"general.architecture": "gpt-oss", "gpt-oss.expert_count": 4,
                "gpt-oss.expert_used_count": 2, "gpt-oss.attention.sliding_window": 128,
                "gpt-oss.attention.key_length": 64}  # fmt: skip
    own = {name: one for name, one in tensors.items() if "ffn" not in name and "rope" not in name}
    for layer in range(2):
        at = f"blk.{layer}"
        for name, width in (("q", 512), ("k", 128), ("v", 128), ("output", 512)):
            own[f"{at}.attn_{name}.bias"] = ([width], "F32")
        own[f"{at}.attn_sinks.weight"] = ([8], "F32")
        own[f"{at}.post_attention_norm.weight"] = ([512], "F32")
        own[f"{at}.ffn_gate_inp.weight"] = ([4, 512], "F32")
        own[f"{at}.ffn_gate_inp.bias"] = ([4], "F32")
        for name, shape in (
            ("gate", [4, 256, 512]),
            ("up", [4, 256, 512]),
            ("down", [4, 512, 256]),
        ):
            own[f"{at}.ffn_{name}_exps.weight"] = (shape, "MXFP4")
            own[f"{at}.ffn_{name}_exps.bias"] = (shape[:2], "F32")
    return renamed, own


def test_experts_windows_biases_and_sinks(tmp_path: Path) -> None:
    metadata, tensors = mixture()
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, tensors))
    assert (config.num_experts, config.expert_top_k) == (4, 2)
    assert config.layer_types == ("sliding_attention", "full_attention")
    assert config.attention_sinks
    assert config.precision is not None
    assert config.precision.experts == "fp4"
    weights, biases = 4 * 3 * 256 * 512, 4 * (256 + 256 + 512)
    mean = (4.25 * weights + 32 * biases) / (weights + biases)
    assert config.precision.bits("experts") == pytest.approx(mean)
    held = sum(one.bytes for one in read_gguf_header(tmp_path / "a.gguf").tensors)
    assert weight_bytes(config) == pytest.approx(held, rel=1e-9)


def test_modules_of_prediction_are_no_layers(tmp_path: Path) -> None:
    metadata, tensors = llama(layers=3)
    own = {**metadata, "llama.nextn_predict_layers": 1}
    config = ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", own, tensors))
    assert config.num_decoder_layers == 2


WRONG: list[tuple[dict[str, object], dict[str, tuple[list[int], str] | None], str]] = [
    ({}, {"blk.1.attn_q_norm.weight": ([64], "F32")},
     "layer 1 has 2,229,312 parameters in the weights, 2,229,248 by its metadata: attn_q_norm 64"),
    ({"llama.block_count": 3}, {}, "the weights have 2 layers, its metadata 3"),
    ({}, {"extra.weight": ([7], "F32")}, "outside of the layers has 1,024,519 .* extra 7"),
    ({"general.architecture": "lama"}, {}, "must be one of .* got 'lama'; did you mean 'llama'"),
    ({"general.architecture": "clip"}, {}, "is an encoder of images"),
    ({"general.type": "adapter"}, {}, "general.type must be model, got 'adapter'"),
    ({"llama.block_count": 2**31}, {}, "block_count must be from 1 to 512, got 2147483648"),
    ({"llama.block_count": "two"}, {}, "block_count must be a whole number, got 'two'"),
    ({"llama.embedding_length": 2**31}, {}, "hidden_size must be a whole number .* at most"),
    ({"llama.attention.head_count": 7}, {}, "head"),
    ({"llama.attention.head_count_kv": [2]}, {}, "head_count_kv must be a number for each of 2"),
    ({"split.count": 4}, {}, "is split into 4 files, got 1"),
    ({}, {"token_embd.weight": None}, "must have a tensor token_embd.weight"),
    ({}, {"blk.0.attn_q.weight": ([512, 511], "Q4_K")}, "rows of whole blocks of 256"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "changed", "message"), WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, more, changed, message: str) -> None:
    metadata, tensors = llama(**more)
    kept = {name: one for name, one in {**tensors, **changed}.items() if one is not None}
    with pytest.raises(ValueError, match=message) as caught:
        ModelConfig.from_checkpoint(gguf(tmp_path / "a.gguf", metadata, kept))
    assert len(str(caught.value)) < 400


START = b"GGUF" + struct.pack("<I", 3)
HOSTILE = [
    (b"", "is cut short: its header ends after 0 bytes"),
    (b"safetensors", "must begin with the letters GGUF"),
    (b"GGUF" + struct.pack("<IQQ", 1, 1, 1), "must be of version 2 or 3 of GGUF, got 1"),
    (START + struct.pack("<QQ", 2**60, 0), "at most 20,000 tensors"),
    (START + struct.pack("<QQ", 0, 2**60), "at most 10,000 pairs"),
    (START + struct.pack("<QQQ", 0, 1, 2**63), "has a text of 9,223,372,036,854,775,808 bytes"),
    (START + struct.pack("<QQQ1sI", 0, 1, 1, b"a", 99), "a value of a type that is not known: 99"),
    (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 9, 5), "a list of a type .* not known: 9"),
    (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 8, 2**40), "a list of .* entries, more"),
    (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 8, 2**22), "4,194,304 words in lists"),
    (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 10, 2**24), "a header of at most"),
    (START + struct.pack("<QQQ1sI", 1, 0, 1, b"a", 9), "must have 1 to 4 sides, got 9"),
    (START + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"a", 1, 2**62, 0, 0), r"at most 2\*\*40 elements"),
    (START + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"a", 1, 32, 5, 0), "a type .* not known: 5"),
]


@pytest.mark.parametrize(("given", "message"), HOSTILE)
def test_counts_are_bounded_before_anything_is_built(
    tmp_path: Path, given: bytes, message: str
) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(given)
    began = time.process_time()
    with pytest.raises(ValueError, match=message) as caught:
        ModelConfig.from_checkpoint(file)
    assert time.process_time() - began < 0.2
    assert len(str(caught.value)) < 400


def test_the_longest_lists_of_words_are_read_soon_and_not_kept(tmp_path: Path) -> None:
    """A million empty words, in 8 MB: more than any vocabulary with its merges."""
    words = struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 8, 2**20) + bytes(8 * 2**20)
    file = tmp_path / "a.gguf"
    file.write_bytes(START + words)
    began = time.process_time()
    assert read_gguf_header(file).metadata == {"a": Omitted(2**20)}
    assert time.process_time() - began < 0.5
    tracemalloc.start()
    read_gguf_header(file)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


def test_a_header_of_a_giant_file_is_read_alone(tmp_path: Path) -> None:
    """The weights are not there, but for their room in a sparse file."""
    file = gguf(tmp_path / "a.gguf", *llama())
    with file.open("r+b") as opened:
        opened.truncate(2**36)
    began = time.process_time()
    assert ModelConfig.from_checkpoint(file).parameters == 2 * LAYER + OUTSIDE
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize("start", range(0, 600, 300))
def test_a_mutated_header_is_read_or_refused_in_a_sentence(tmp_path: Path, start: int) -> None:
    whole = [content(*llama()), content(*mixture())]
    for seed in range(start, start + 300):
        chance = random.Random(seed)  # noqa: S311 - mutations
        held = bytearray(whole[seed % 2])
        for _ in range(chance.choice((1, 1, 3, 9))):
            at = chance.randrange(len(held))
            if chance.random() < 0.3:
                at = held.find(
                    chance.choice((b".head", b"blk.", b"ffn_", b"llama.", b"length")), at
                )
            held[at] = chance.choice((0, 1, 9, 127, 255, chance.randrange(256)))
        if chance.random() < 0.1:
            del held[chance.randrange(len(held)) :]
        file = tmp_path / "a.gguf"
        file.write_bytes(held)
        began, message = time.process_time(), ""
        try:
            ModelConfig.from_checkpoint(file)
        except ValueError as error:
            message = str(error)
        assert len(message) < 400, seed
        assert time.process_time() - began < 0.5, seed
