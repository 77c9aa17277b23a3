"""GGUF files of a header alone, written as docs/gguf.md of github.com/ggml-org/ggml says."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmcalc_core.gguf import GGML_TYPES

TYPES = {kind.name: number for number, kind in GGML_TYPES.items()}
Shapes = Mapping[str, tuple[Sequence[int], str]]


def text(value: str, order: str = "<") -> bytes:
    coded = value.encode()
    return struct.pack(f"{order}Q", len(coded)) + coded


def value(given: object, order: str = "<") -> bytes:
    """A value with the number of its type: a text, a truth, a whole number, a number, a list."""
    if isinstance(given, str):
        return struct.pack(f"{order}I", 8) + text(given, order)
    if isinstance(given, bool):
        return struct.pack(f"{order}I?", 7, given)
    if isinstance(given, int):
        return struct.pack(f"{order}II", 4, given)
    if isinstance(given, float):
        return struct.pack(f"{order}If", 6, given)
    assert isinstance(given, list)
    kind, packed = 8, b"".join(text(one, order) for one in given if isinstance(one, str))
    if not given or not isinstance(given[0], str):
        kind = 7 if given and isinstance(given[0], bool) else 5
        packed = struct.pack(f"{order}{len(given)}{'?' if kind == 7 else 'i'}", *given)
    return struct.pack(f"{order}IIQ", 9, kind, len(given)) + packed


def content(
    metadata: Mapping[str, object], tensors: Shapes, *, version: int = 3, order: str = "<"
) -> bytes:
    """The bytes of a file; sides of tensors are given as in PyTorch, the outermost first."""
    pairs = b"".join(text(name, order) + value(given, order) for name, given in metadata.items())
    table = b"".join(
        text(name, order)
        + struct.pack(f"{order}I{len(shape)}Q", len(shape), *reversed(shape))
        + struct.pack(f"{order}IQ", TYPES[kind], 0)
        for name, (shape, kind) in tensors.items()
    )
    start = b"GGUF" + struct.pack(f"{order}IQQ", version, len(tensors), len(metadata))
    return start + pairs + table


def gguf(path: Path, metadata: Mapping[str, object], tensors: Shapes, **more: object) -> Path:
    path.write_bytes(content(metadata, tensors, **more))  # type: ignore[arg-type]
    return path


def llama(
    *, layers: int = 2, hidden: int = 512, inner: int = 1024, kind: str = "Q4_K", **more: object
) -> tuple[dict[str, object], dict[str, tuple[list[int], str]]]:
    """Metadata and tensors of a small Llama: 8 heads of 64, 2 of keys, a vocabulary of 1,000."""
    metadata: dict[str, object] = {
        "general.architecture": "llama", "general.type": "model", "llama.block_count": layers,
        "llama.context_length": 4096, "llama.embedding_length": hidden,
        "llama.feed_forward_length": inner, "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 2, "llama.rope.freq_base": 1e4,
        "tokenizer.ggml.tokens": [f"<{number}>" for number in range(1000)], **more,
    }  # fmt: skip
    shapes = {
        "attn_q": [hidden, hidden], "attn_k": [hidden // 4, hidden],
        "attn_v": [hidden // 4, hidden], "attn_output": [hidden, hidden],
        "ffn_gate": [inner, hidden], "ffn_up": [inner, hidden], "ffn_down": [hidden, inner],
        "attn_norm": [hidden], "ffn_norm": [hidden],
    }  # fmt: skip
    tensors = {
        f"blk.{layer}.{name}.weight": (shape, "F32" if "norm" in name else kind)
        for layer in range(layers)
        for name, shape in shapes.items()
    }
    outside = {
        "token_embd.weight": ([1000, hidden], kind), "output_norm.weight": ([hidden], "F32"),
        "output.weight": ([1000, hidden], "Q6_K"), "rope_freqs.weight": ([32], "F32"),
    }  # fmt: skip
    return metadata, {**outside, **tensors}
