"""How NVIDIA Model Optimizer writes the quantisation of a checkpoint.

Sources: its export (modelopt/torch/export/model_config.py), the modes of TensorRT-LLM
(tensorrt_llm/quantization/mode.py; read 2026-11-30), and the files of published checkpoints.
"""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.quantisation.scheme import (
    WIDE,
    Modules,
    Quantisation,
    Scheme,
    excluded_modules,
    numeric_type,
)

ALGORITHMS = {
    "FP8": Scheme(weights="fp8", activations="fp8"),
    "FP8_PER_CHANNEL_PER_TOKEN": Scheme(weights="fp8", activations="fp8"),
    "FP8_PB_WO": Scheme(weights="fp8", activations="bf16"),
    "MXFP8": Scheme(weights="fp8", activations="fp8", scale_bits=8 / 32),
    "NVFP4": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 16),
    "NVFP4_AWQ": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 16),
    "W4A16_NVFP4": Scheme(weights="fp4", activations="bf16", scale_bits=8 / 16),
    "MXFP4": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 32),
    "W4A8_MXFP4_FP8": Scheme(weights="fp4", activations="fp8", scale_bits=8 / 32),
    "W4A16_AWQ": Scheme(weights="int4", activations="bf16", scale_bits=16 / 128),
    "W4A8_AWQ": Scheme(weights="int4", activations="fp8", scale_bits=16 / 128),
    "W8A16": Scheme(weights="int8", activations="bf16"),
    "W8A8_SQ_PER_CHANNEL": Scheme(weights="int8", activations="int8"),
    "INT8_SQ": Scheme(weights="int8", activations="int8"),
}
"""Schemes by ``quant_algo``."""

_KV_CACHE = {"FP8": "fp8", "INT8": "int8", "NVFP4": "fp4", "NVFP4_AFFINE": "fp4"}
"""Types of the KV cache by ``kv_cache_quant_algo``."""


def model_optimizer(fields: Fields) -> Quantisation:
    """Read what Model Optimizer writes, here or into ``hf_quant_config.json``."""
    mixed = fields.value("quant_algo") == "MIXED_PRECISION"
    found = Quantisation(
        default=WIDE if mixed else _algorithm(fields),
        excluded=excluded_modules(fields),
        schemes=schemes_by_layer(fields) if mixed else (),
        kv_cache=kv_cache_type(fields),
    )
    return replace(found, head=found.scheme_of("lm_head")) if mixed else found


def schemes_by_layer(fields: Fields) -> tuple[tuple[Modules, Scheme], ...]:
    """Read ``quantized_layers``, which gives modules an algorithm each."""
    layers = fields.section("quantized_layers")
    by_scheme: dict[Scheme, list[str]] = {}
    for name in layers.names():
        by_scheme.setdefault(_algorithm(layers.section(name)), []).append(name)
    return tuple((Modules.of(names), scheme) for scheme, names in by_scheme.items())


def kv_cache_type(fields: Fields) -> str:
    """Read the type of the KV cache, by its algorithm or as a scheme; 16 bits where it has none.

    Raises
    ------
    ValueError
        For an algorithm or a scheme that cannot be described.

    Examples
    --------
    >>> kv_cache_type(Fields({"kv_cache_quant_algo": "INT8"}, "x"))
    'int8'
    """
    name = fields.given("kv_cache_quant_algo", "kv_cache_scheme")
    stated = fields.value(name)
    if stated is None:
        return "bf16"
    if isinstance(stated, str):
        rule = f"can only be described as {', '.join(_KV_CACHE)}"
        return _KV_CACHE.get(stated) or fields.refuse(name, rule)
    return numeric_type(fields.section(name))


def _algorithm(fields: Fields) -> Scheme:
    known = ALGORITHMS.get(str(fields.value("quant_algo")))
    return known or fields.refuse("quant_algo", f"must be one of {', '.join(ALGORITHMS)}")
