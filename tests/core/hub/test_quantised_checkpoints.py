"""Quantised safetensors held against their headers: parameters unpacked, bytes as they are stored.

Beside these, headers of 69 checkpoints of published shapes were made in these formats on
2026-12-01, with the tensors that transformers 5.24 has on the meta device (Llama 3.1 8B, Qwen2, 3,
3 30B-A3B and Next 80B, Mixtral, Phi 3, Gemma 2, GLM-4.5, Granite 4, Falcon-H1, gpt-oss 120B,
DeepSeek-V3): all were read with the parameters of their ``config.json``, and weights within a
thousandth of the file's bytes.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import ModelConfig
from tests.core.hub.quantised_files import (
    CONFIG,
    F8,
    MATRICES,
    NV,
    PARAMETERS,
    W4,
    Entries,
    Format,
    awq,
    fp8,
    fp8_blocks,
    gptq,
    groups,
    header,
    held_bytes,
    int8_rows,
    mlx,
    nf4,
    nvfp4,
    nvfp4_packed,
    packed,
    plain,
    tensors,
    written,
)
from tests.core.hub.test_quantisation import weight_bytes

# (name, what config.json says, format, types of weights, bits of a weight of the feed-forward)
FORMATS: list[tuple[str, dict[str, Any], Format, str, float]] = [
    ("AWQ, 128", {"quant_method": "awq", "bits": 4, "group_size": 128}, awq(128), "int4",
     4 + 20 / 128),
    ("AWQ, 32", {"quant_method": "awq", "bits": 4, "group_size": 32}, awq(32), "int4", 4 + 20 / 32),
    ("GPTQ, 64", {"quant_method": "gptq", "bits": 4, "group_size": 64}, gptq(64), "int4",
     4 + 20 / 64 + 32 * (2 / 1024 + 1 / 512) / 3),
    ("GPTQ, 8 bits", {"quant_method": "gptq", "bits": 8, "group_size": 128}, gptq(128, 8), "int8",
     8 + 24 / 128 + 32 * (2 / 1024 + 1 / 512) / 3),
    ("compressed-tensors, W4A16", groups(one=("Linear", W4)), packed, "int4",
     4 + 16 / 128 + 128 / 512 / 1024),
    ("compressed-tensors, NVFP4", groups(one=("Linear", NV)), nvfp4_packed, "fp4",
     4.5 + 64 / 512 / 1024),
    ("Model Optimizer, NVFP4", {"quant_method": "modelopt", "quant_algo": "NVFP4"}, nvfp4, "fp4",
     4.5 + 64 / 512 / 1024),
    ("Model Optimizer, FP8", {"quant_method": "modelopt", "quant_algo": "FP8"}, fp8, "fp8",
     8 + 64 / 512 / 1024),
    ("FP8 in blocks", {"quant_method": "fp8", "weight_block_size": [128, 128]}, fp8_blocks, "fp8",
     8 + 32 / 128**2),
    ("bitsandbytes, NF4", {"quant_method": "bitsandbytes", "load_in_4bit": True,
                           "bnb_4bit_use_double_quant": True}, nf4, "int4",
     4 + 8 / 64 + 32 / 64 / 256 + (32 * (16 + 256) + 8 * 95) / 512 / 1024),
    ("bitsandbytes, int8", {"quant_method": "bitsandbytes", "load_in_8bit": True}, int8_rows,
     "int8", 8 + 32 * (2 / 512 + 1 / 1024) / 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "format_", "kind", "bits"), [one[1:] for one in FORMATS],
    ids=[one[0] for one in FORMATS],
)  # fmt: skip
def test_each_format_unpacked(tmp_path: Path, stated, format_, kind: str, bits: float) -> None:
    entries = tensors(lambda _name, _layer: format_)
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert config.parameters == PARAMETERS
    assert config.precision is not None
    assert config.precision.weights == config.precision.attention == kind
    assert config.precision.bits("weights") == pytest.approx(bits, rel=1.1e-3)
    assert config.precision.bits("head") == config.precision.embedding_bytes * 8 == 16
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-3)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_mlx_packs_embedding_and_head_too(tmp_path: Path, bits: int) -> None:
    entries = tensors(lambda _name, _layer: mlx(bits), outside=mlx(bits))
    stated = {"group_size": 64, "bits": bits}
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization=stated))
    assert config.parameters == PARAMETERS
    assert config.precision is not None
    assert config.precision.bits("embedding") == config.precision.bits("weights") == bits + 0.5
    assert weight_bytes(config) == pytest.approx(held_bytes(entries))


def test_what_a_quantiser_left_alone_is_in_its_own_type(tmp_path: Path) -> None:
    """The last projection of attention, and all of layer 0, though config.json says nothing."""
    entries = tensors(
        lambda name, layer: plain if "o_proj" in name or layer == 0 else awq(128)
    )  # fmt: skip
    stated = {"quant_method": "awq", "bits": 4, "group_size": 128}
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert config.precision is not None
    assert config.precision.attention_output == "bf16"
    assert config.precision.bits("weights") == pytest.approx((16 + 4 + 20 / 128) / 2)
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-9)


def test_groups_of_their_own_types(tmp_path: Path) -> None:
    entries = tensors(lambda name, _layer: fp8 if "attn" in name else nvfp4_packed)
    stated = groups(one=("re:.*self_attn.*", F8), two=("re:.*mlp.*", NV))
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert config.precision is not None
    assert (config.precision.weights, config.precision.attention) == ("fp4", "fp8")
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-3)


def test_mixed_by_layer(tmp_path: Path) -> None:
    entries = tensors(lambda _name, layer: nvfp4 if layer else fp8)
    layers = {f"model.layers.{layer}.{name}": {"quant_algo": "NVFP4" if layer else "FP8"}
              for layer in range(2) for name in MATRICES}  # fmt: skip
    stated = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
              "quantized_layers": layers}  # fmt: skip
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert config.precision is not None
    assert config.precision.bits("weights") == pytest.approx((8 + 4.5) / 2, rel=1e-4)
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-3)


def test_quantised_weights_that_no_file_speaks_of(tmp_path: Path) -> None:
    entries = tensors(lambda _name, _layer: fp8_blocks)
    config = ModelConfig.from_checkpoint(written(tmp_path, entries))
    assert config.precision is not None
    assert config.precision.weights == "fp8"
    assert config.precision.fp8_blocks
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-3)


def test_a_quantisation_that_the_weights_do_not_have(tmp_path: Path) -> None:
    entries = tensors(lambda _name, _layer: plain)
    stated = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    config = ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert config.precision is not None
    assert config.precision.label == "bf16"


def test_a_difference_is_shown_by_tensor(tmp_path: Path) -> None:
    entries = tensors(lambda _name, _layer: awq(128))
    entries |= awq(128)("model.layers.1.mlp.extra_proj", 256, 512)
    stated = {"quant_method": "awq", "bits": 4, "group_size": 128}
    message = "layer 1 has 2,360,320 parameters in the weights, 2,229,248 .*: extra_proj 512 x 32"
    with pytest.raises(ValueError, match=message) as caught:
        ModelConfig.from_checkpoint(written(tmp_path, entries, quantization_config=stated))
    assert len(str(caught.value)) < 400


# gpt-oss in small: experts in MXFP4 as one tensor of blocks and one of scales, the rest in BF16
OSS: dict[str, Any] = {
    "model_type": "gpt_oss", "vocab_size": 1024, "hidden_size": 512, "num_hidden_layers": 1,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 256,
    "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 128, "attention_bias": True,
    "layer_types": ["sliding_attention"],
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"]},
}  # fmt: skip


def test_experts_in_blocks_and_scales(tmp_path: Path) -> None:
    at = "model.layers.0"
    attention = {"q_proj": 512, "k_proj": 128, "v_proj": 128, "o_proj": 512}
    entries: Entries = {
        "model.norm.weight": ("BF16", [512]), "model.embed_tokens.weight": ("BF16", [1024, 512]),
        "lm_head.weight": ("BF16", [1024, 512]), f"{at}.input_layernorm.weight": ("BF16", [512]),
        f"{at}.post_attention_layernorm.weight": ("BF16", [512]),
        f"{at}.self_attn.sinks": ("BF16", [8]), f"{at}.mlp.router.weight": ("BF16", [4, 512]),
        f"{at}.mlp.router.bias": ("BF16", [4]),
        f"{at}.mlp.experts.gate_up_proj_blocks": ("U8", [4, 512, 16, 16]),
        f"{at}.mlp.experts.gate_up_proj_scales": ("U8", [4, 512, 16]),
        f"{at}.mlp.experts.gate_up_proj_bias": ("BF16", [4, 512]),
        f"{at}.mlp.experts.down_proj_blocks": ("U8", [4, 512, 8, 16]),
        f"{at}.mlp.experts.down_proj_scales": ("U8", [4, 512, 8]),
        f"{at}.mlp.experts.down_proj_bias": ("BF16", [4, 512]),
    }  # fmt: skip
    for name, rows in attention.items():
        entries |= plain(f"{at}.self_attn.{name}", rows, 512)
        entries[f"{at}.self_attn.{name}.bias"] = ("BF16", [rows])
    (tmp_path / "config.json").write_text(json.dumps(OSS), "utf-8")
    header(tmp_path / "model.safetensors", entries)
    config = ModelConfig.from_checkpoint(tmp_path)
    assert config.precision is not None
    assert (config.precision.weights, config.precision.experts) == ("bf16", "fp4")
    weights, biases = 4 * 3 * 256 * 512, 4 * 2 * 512
    mean = (4.25 * weights + 16 * biases) / (weights + biases)
    assert config.precision.bits("experts") == pytest.approx(mean)
    assert weight_bytes(config) == pytest.approx(held_bytes(entries), rel=1e-9)


GLM: dict[str, Any] = {
    "model_type": "glm4_moe", "vocab_size": 1024, "hidden_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 1024,
    "moe_intermediate_size": 256, "n_routed_experts": 4, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "first_k_dense_replace": 1, "num_nextn_predict_layers": 1,
    "use_qk_norm": False, "attention_bias": False,
    "quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4",
                            "ignore": ["lm_head", "model.layers.2*"]},
}  # fmt: skip


def glm(*, predicts: bool) -> Entries:
    entries: Entries = {"model.norm.weight": ("BF16", [512])}
    entries |= plain("model.embed_tokens", 1024, 512) | plain("lm_head", 1024, 512)
    for layer in range(3 if predicts else 2):
        at, format_ = f"model.layers.{layer}", nvfp4 if layer < 2 else plain
        for name in ("input_layernorm", "post_attention_layernorm"):
            entries[f"{at}.{name}.weight"] = ("BF16", [512])
        for name, (rows, columns) in MATRICES.items():
            if "attn" in name or layer == 0:
                entries |= format_(f"{at}.{name}", rows, columns)
        if layer:
            entries[f"{at}.mlp.gate.weight"] = ("BF16", [4, 512])
            entries[f"{at}.mlp.gate.e_score_correction_bias"] = ("F32", [4])
            for one in ("shared_experts", *(f"experts.{number}" for number in range(4))):
                for name in ("gate_proj", "up_proj"):
                    entries |= format_(f"{at}.mlp.{one}.{name}", 256, 512)
                entries |= format_(f"{at}.mlp.{one}.down_proj", 512, 256)
        if layer == 2:
            entries |= plain(f"{at}.eh_proj", 512, 1024)
            entries |= {f"{at}.{name}.weight": ("BF16", [512]) for name in ("enorm", "hnorm")}
            entries[f"{at}.shared_head.norm.weight"] = ("BF16", [512])
    return entries


@pytest.mark.parametrize("predicts", [True, False])
def test_modules_of_prediction_are_those_that_the_weights_have(
    tmp_path: Path, *, predicts: bool
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(GLM), "utf-8")
    header(tmp_path / "model.safetensors", glm(predicts=predicts))
    config = ModelConfig.from_checkpoint(tmp_path)
    assert config.mtp_layers == int(predicts)
    assert config.precision is not None
    assert config.precision.shared == config.precision.experts == "fp4"
    assert dict(config.precision.stored_bits).get("mtp") == (16 if predicts else None)
    held = held_bytes(glm(predicts=False))
    assert weight_bytes(config) == pytest.approx(held, rel=1e-3)


JUNK: list[Any] = [
    None, True, -1, 0, 1, 7, 2**31, 2**63, 10**30, 1e308, "x", "U8", "I32", "F8_E8M0", [], [0], [1],
    [2**62] * 9, [8] * 10_000, [[1]], [None], {}, {"dtype": "U8"},
]  # fmt: skip


def test_mutated_headers_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    whole = [tensors(lambda _name, _layer, own=one: own) for *_, one, _, _ in FORMATS]
    for seed in range(300):
        chance = random.Random(seed)  # noqa: S311 - mutations
        at = seed % len(FORMATS)
        held: dict[str, Any] = {name: {"dtype": kind, "shape": list(shape)}
                                for name, (kind, shape) in whole[at].items()}  # fmt: skip
        for _ in range(chance.choice((1, 1, 3))):
            name = chance.choice(list(held))
            entry = held[name] if isinstance(held[name], dict) else {}
            other = name.replace("layers.1", chance.choice(("layers.9", "layers.999999999999")))
            held[chance.choice((name, name, other, "x" * 5000))] = chance.choice((
                {**entry, "shape": chance.choice(JUNK)}, {**entry, "dtype": chance.choice(JUNK)},
                chance.choice(JUNK),
            ))  # fmt: skip
        (tmp_path / "config.json").write_text(
            json.dumps({**CONFIG, "quantization_config": FORMATS[at][1]}), "utf-8"
        )
        text = json.dumps(held).encode()
        (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
        began, message = time.process_time(), ""
        try:
            ModelConfig.from_checkpoint(tmp_path)
        except ValueError as error:
            message = str(error)
        assert len(message) < 400, seed
        assert time.process_time() - began < 0.5, seed
