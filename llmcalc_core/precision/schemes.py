"""Names of precisions: types, schemes of quantisation, and mixes of GGUF."""

from __future__ import annotations

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.gguf import GGUF_TYPES

SCHEMES = {
    "w4a16": ("int4", "bf16", "bf16"),
    "w8a16": ("int8", "bf16", "bf16"),
    "w8a8": ("int8", "int8", "bf16"),
    "w4a8": ("int4", "int8", "bf16"),
    "w4afp8": ("int4", "fp8", "bf16"),
    "w4a4": ("fp4", "fp4", "bf16"),
    "w16a16": ("bf16", "bf16", "bf16"),
    "fp8_block": ("fp8", "fp8", "fp8"),
}
"""Schemes of quantisation: types of weights, activations and KV cache.

Names and meanings are those of vLLM and compressed-tensors (presets W4A16, W8A16, W8A8, W4A8 and
W4AFP8 of quant_scheme.py; "INT8 W4A8" in vLLM's documentation, QServe's W4A8, arXiv:2405.04532):
activations of ``w4a8`` are integers. SGLang calls those in FP8 w4afp8, too; NVIDIA Model Optimizer
and TensorRT-LLM call them W4A8_AWQ. ``fp8_block`` is FP8 with a scale for each block of 128 by 128
weights (FP8_BLOCK of quant_scheme.py). Read 2026-11-30.
"""

BLOCK_SCHEME = "fp8_block"
"""The name of FP8 in blocks, among ``PRECISIONS`` and in labels."""

SCHEME_SPELLINGS = {
    "awq": "w4a16", "gptq": "w4a16", "int4_wo": "w4a16", "int8_wo": "w8a16",
    "w4a8_int8": "w4a8", "w4a8_fp8": "w4afp8", "w4a8_awq": "w4afp8",
}  # fmt: skip

PRECISIONS = (*DATA_TYPES, *SCHEMES, *GGUF_TYPES)
"""The names that :func:`parse_precision` knows, in their canonical spelling."""

CHECKPOINT = "checkpoint"
"""In place of a precision: the types that each model's own checkpoint is stored in."""


def types_of(name: str) -> tuple[str, str, str]:
    """Give what a name of ``PRECISIONS`` means for weights, activations and KV cache."""
    if name in SCHEMES:
        return SCHEMES[name]
    return name, DATA_TYPES[name].computes_in, DATA_TYPES[name].kv_cache
