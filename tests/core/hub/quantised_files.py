"""Headers of a small Llama in the formats of quantisers, which tests write themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from llmcalc_core.hub.headers import TYPE_BITS

CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 1024, "hidden_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 1024,
}  # fmt: skip
MATRICES = {
    "self_attn.q_proj": (512, 512), "self_attn.k_proj": (128, 512),
    "self_attn.v_proj": (128, 512), "self_attn.o_proj": (512, 512), "mlp.gate_proj": (1024, 512),
    "mlp.up_proj": (1024, 512), "mlp.down_proj": (512, 1024),
}  # fmt: skip
PARAMETERS = 2 * (2_228_224 + 1024) + 2 * 524_288 + 512

Entries = dict[str, tuple[str, list[int]]]
Format = Callable[[str, int, int], Entries]


def awq(group: int, bits: int = 4) -> Format:
    """AutoAWQ: weights and zeros packed along the columns."""
    return lambda name, rows, columns: {
        f"{name}.qweight": ("I32", [columns, rows * bits // 32]),
        f"{name}.qzeros": ("I32", [columns // group, rows * bits // 32]),
        f"{name}.scales": ("F16", [columns // group, rows]),
    }


def gptq(group: int, bits: int = 4) -> Format:
    """GPTQModel: weights packed along the rows, and the group of each row."""
    return lambda name, rows, columns: {
        f"{name}.qweight": ("I32", [columns * bits // 32, rows]),
        f"{name}.qzeros": ("I32", [columns // group, rows * bits // 32]),
        f"{name}.scales": ("F16", [columns // group, rows]),
        f"{name}.g_idx": ("I32", [columns]),
    }


def packed(name: str, rows: int, columns: int) -> Entries:
    """compressed-tensors, pack-quantized: W4A16 of groups of 128, symmetric."""
    return {f"{name}.weight_packed": ("I32", [rows, columns // 8]),
            f"{name}.weight_scale": ("BF16", [rows, columns // 128]),
            f"{name}.weight_shape": ("I64", [2])}  # fmt: skip


def nvfp4_packed(name: str, rows: int, columns: int) -> Entries:
    """compressed-tensors, nvfp4-pack-quantized."""
    return {f"{name}.weight_packed": ("U8", [rows, columns // 2]),
            f"{name}.weight_scale": ("F8_E4M3", [rows, columns // 16]),
            f"{name}.weight_global_scale": ("F32", [1]),
            f"{name}.input_global_scale": ("F32", [1])}  # fmt: skip


def nvfp4(name: str, rows: int, columns: int) -> Entries:
    """Model Optimizer."""
    return {f"{name}.weight": ("U8", [rows, columns // 2]),
            f"{name}.weight_scale": ("F8_E4M3", [rows, columns // 16]),
            f"{name}.weight_scale_2": ("F32", []), f"{name}.input_scale": ("F32", [])}  # fmt: skip


def fp8_blocks(name: str, rows: int, columns: int) -> Entries:
    return {f"{name}.weight": ("F8_E4M3", [rows, columns]),
            f"{name}.weight_scale_inv": ("F32", [rows // 128, columns // 128])}  # fmt: skip


def fp8(name: str, rows: int, columns: int) -> Entries:
    """Model Optimizer, with scales of the cache beside keys and values."""
    cached = name.rpartition(".")[2]
    kv = {f"{name}.{cached[0]}_scale": ("F32", [1])} if cached in ("k_proj", "v_proj") else {}
    return {f"{name}.weight": ("F8_E4M3", [rows, columns]), f"{name}.weight_scale": ("F32", []),
            f"{name}.input_scale": ("F32", []), **kv}  # fmt: skip


def nf4(name: str, rows: int, columns: int) -> Entries:
    """bitsandbytes, with scales quantised once more."""
    weights = rows * columns
    return {f"{name}.weight": ("U8", [weights // 2, 1]),
            f"{name}.weight.absmax": ("U8", [weights // 64]),
            f"{name}.weight.quant_map": ("F32", [16]),
            f"{name}.weight.nested_absmax": ("F32", [weights // 64 // 256]),
            f"{name}.weight.nested_quant_map": ("F32", [256]),
            f"{name}.weight.quant_state.bitsandbytes__nf4": ("U8", [95])}  # fmt: skip


def int8_rows(name: str, rows: int, columns: int) -> Entries:
    """bitsandbytes, LLM.int8()."""
    return {f"{name}.weight": ("I8", [rows, columns]), f"{name}.SCB": ("F32", [rows]),
            f"{name}.weight_format": ("U8", [])}  # fmt: skip


def mlx(bits: int) -> Format:
    return lambda name, rows, columns: {
        f"{name}.weight": ("U32", [rows, columns * bits // 32]),
        f"{name}.scales": ("BF16", [rows, columns // 64]),
        f"{name}.biases": ("BF16", [rows, columns // 64]),
    }


def plain(name: str, rows: int, columns: int) -> Entries:
    return {f"{name}.weight": ("BF16", [rows, columns])}


def groups(**weights: Any) -> dict[str, Any]:
    """Groups of compressed-tensors: targets, joined by spaces, and weights."""
    own = {name: {"targets": [target], "weights": one} for name, (target, one) in weights.items()}
    return {"quant_method": "compressed-tensors", "config_groups": own, "ignore": ["lm_head"]}


W4 = {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True, "strategy": "group"}
NV = {"num_bits": 4, "type": "float", "group_size": 16, "strategy": "tensor_group"}
F8 = {"num_bits": 8, "type": "float", "strategy": "tensor"}


def header(path: Path, entries: Mapping[str, tuple[str, list[int]]]) -> None:
    own = {name: {"dtype": kind, "shape": shape, "data_offsets": [0, 0]}
           for name, (kind, shape) in entries.items()}  # fmt: skip
    text = json.dumps(own).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


def tensors(choose: Callable[[str, int], Format], *, outside: Format = plain) -> Entries:
    """Tensors of the model, each matrix in a format by its name and its layer."""
    entries: Entries = {"model.norm.weight": ("BF16", [512])}
    entries |= outside("model.embed_tokens", 1024, 512) | outside("lm_head", 1024, 512)
    for layer in range(2):
        for name, (rows, columns) in MATRICES.items():
            entries |= choose(name, layer)(f"model.layers.{layer}.{name}", rows, columns)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            entries[f"model.layers.{layer}.{norm}.weight"] = ("BF16", [512])
    return entries


def written(folder: Path, entries: Entries, **more: Any) -> Path:
    (folder / "config.json").write_text(json.dumps({**CONFIG, **more}), "utf-8")
    header(folder / "model.safetensors", entries)
    return folder


def held_bytes(entries: Entries) -> float:
    return sum(TYPE_BITS[kind] * prod(shape) / 8 for kind, shape in entries.values())
