"""Serving engines under the names that people know."""

from __future__ import annotations

ENGINE_NAMES = {
    "vllm": "vLLM",
    "trtllm": "TensorRT-LLM",
    "sglang": "SGLang",
    "fastertransformer": "FasterTransformer",
    "lmdeploy": "LMDeploy",
}

OFFERED_ENGINES = ("vllm", "trtllm", "sglang")
"""Those in the form's list; the others, which few still deploy, are set by code."""
