"""Plans that an engine refuses as it has no kernels for them on the device."""

from __future__ import annotations

import numpy as np

from llmcalc_core.hardware.capability import BF16_CAPABILITY, compute_capability
from llmcalc_core.layers.latent import LatentAttention
from llmcalc_core.planning.asked import Asked, Mask

_LEAST_FOR_WEIGHTS = {
    "vllm": {"bf16": BF16_CAPABILITY, "fp8": 7.5, "int8": 7.5, "fp4": 7.5, "mxfp4": 8.0},
    "sglang": {"fp8": 8.0, "int8": 7.5, "fp4": 8.0, "mxfp4": 8.0},
}
"""The least compute capability with kernels for weights of a type, by engine: Marlin's kernels
unpack FP8 and FP4 where a device has none of its own, so that Ampere runs FP8 and Hopper FP4.
``get_min_capability`` of vLLM 0.33's fp8.py, modelopt.py, mxfp4.py and compressed_tensors_w8a8_int8
and of SGLang 0.5.23's fp8.py, modelopt_quant.py, mxfp4.py and w8a8_int8.py; 4 bits of GPTQ run on
all. SGLang computes in fp16 where bf16 is missing, whatever it is told."""

_LEAST_FOR_CACHE = {"vllm": {"fp8": 8.0}}
"""The same of a KV cache: before Ampere vLLM has its Triton kernels alone, which refuse FP8 below
8.9 (``TritonAttentionImpl`` of v1/attention/backends/triton_attn.py 0.33), later FlashInfer's."""

_OLDEST = 7.5
"""What SGLang starts on (``maybe_downgrade_dtype_for_legacy_gpu`` of 0.5.23)."""

_SPARSE_LATENT = 9.0
"""The least whose kernels read sparse latent attention: FlashMLA's and FlashInfer's of Hopper and
Blackwell (``supports_compute_capability`` of v1/attention/backends/mla/*_sparse.py, vLLM 0.33)."""

_MXFP4_SCALE_BITS = 8 / 32
"""Bits of scales beside each value of MXFP4; NVFP4 has twice as many."""


def lacks_kernels(asked: Asked) -> Mask:
    """Tell whether no kernel reads a type on the device."""
    precision, engine = asked.precision, asked.grid.engine.name
    weights, cache = _LEAST_FOR_WEIGHTS.get(engine, {}), _LEAST_FOR_CACHE.get(engine, {})
    experts = {precision.experts} if asked.model.mixtures else set()
    stored = {precision.weights, *experts}
    if precision.scale_bits == _MXFP4_SCALE_BITS:
        stored = {"mxfp4" if kind == "fp4" else kind for kind in stored}
    least = max(
        cache.get(precision.kv_cache, 0.0), *(weights.get(kind, 0.0) for kind in stored)
    )  # fmt: skip
    return _is_below(asked, least)


def _is_below(asked: Asked, capability: float) -> Mask:
    """Tell whether a device is one of NVIDIA's of a lower compute capability."""
    own = compute_capability(asked.hardware)
    return np.asarray(own is not None and own < capability)


def is_too_old(asked: Asked) -> Mask:
    """Tell whether SGLang does not start on the device."""
    return _is_below(asked, _OLDEST)


def lacks_sparse_attention(asked: Asked) -> Mask:
    """Tell whether no kernel reads the model's sparse latent attention on the device."""
    sparse = any(
        isinstance(one, LatentAttention) and one.indexer is not None
        for one in asked.model.token_mixers
    )
    return _is_below(asked, _SPARSE_LATENT if sparse else 0.0)
