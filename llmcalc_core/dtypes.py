"""Types of numbers: their spellings, their bits, and what a bare name means for a model."""

from __future__ import annotations

from llmcalc_core.checks import one_of

STORED_BITS = {
    "fp32": 32.0,
    "tf32": 32.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    # NVFP4: 4 bits and an FP8 scale for every 16 values (NVIDIA TensorRT documentation).
    "fp4": 4.5,
    # AWQ and GPTQ: 4 bits, a 16-bit scale and a 4-bit zero for every 128 values.
    "int4": 4.0 + 20.0 / 128.0,
}
"""Bits that a stored value takes, its share of the quantisation scales included."""

VALUE_BITS = {"fp8": 8.0, "int8": 8.0, "fp4": 4.0, "int4": 4.0}
"""The same of the types that have scales, without them."""

_SPELLINGS = {
    "float32": "fp32", "f32": "fp32", "single": "fp32", "tfloat32": "tf32",
    "bfloat16": "bf16", "float16": "fp16", "f16": "fp16", "half": "fp16",
    "float8": "fp8", "f8": "fp8", "fp8_e4m3": "fp8", "e4m3": "fp8", "fp8_block": "fp8",
    "i8": "int8", "int8_wo": "w8a16", "i4": "int4", "int4_wo": "w4a16", "awq": "w4a16",
    "gptq": "w4a16", "float4": "fp4", "f4": "fp4", "nvfp4": "fp4", "mxfp4": "fp4", "e2m1": "fp4",
}  # fmt: skip

# What a bare name means for (weights, activations, KV cache), as serving engines do it: 4-bit
# integer weights are unpacked to 16 bits for the multiplication; 8-bit and FP4 checkpoints
# compute in their own type; an FP4 checkpoint keeps an FP8 cache.
MEANINGS = {
    "fp32": ("fp32", "fp32", "fp32"),
    "tf32": ("tf32", "tf32", "tf32"),
    "bf16": ("bf16", "bf16", "bf16"),
    "fp16": ("fp16", "fp16", "fp16"),
    "fp8": ("fp8", "fp8", "fp8"),
    "int8": ("int8", "int8", "int8"),
    "fp4": ("fp4", "fp4", "fp8"),
    "int4": ("int4", "bf16", "bf16"),
    "w4a16": ("int4", "bf16", "bf16"),
    "w8a16": ("int8", "bf16", "bf16"),
    "w8a8": ("int8", "int8", "bf16"),
    "w4a8": ("int4", "int8", "bf16"),
    "w4a4": ("fp4", "fp4", "bf16"),
    "w16a16": ("bf16", "bf16", "bf16"),
}

PRECISIONS = tuple(MEANINGS)
"""The names that :func:`parse_precision` knows, in their canonical spelling."""


def canonical(name: object) -> object:
    """Give the usual spelling of a type or a precision; what is no name comes back as it is."""
    folded = name.strip().casefold().replace("-", "_") if isinstance(name, str) else name
    return _SPELLINGS.get(folded, folded) if isinstance(folded, str) else name


def data_type(name: str, value: object) -> str:
    """Give the canonical spelling of a type.

    Raises
    ------
    ValueError
        For one that is not known, with the nearest.
    """
    return one_of(name, canonical(value), tuple(STORED_BITS))
