"""Models whose published FP8 checkpoint is in blocks, which asking for FP8 then means."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from llmcalc_core.hardware.capability import lacks_bf16
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import PLAIN, Precision

PUBLISHED_IN_BLOCKS = {
    "Qwen/Qwen3": "Qwen/Qwen3-235B-A22B-FP8, Qwen/Qwen3-32B-FP8",
    "deepseek-ai/DeepSeek-V3": "deepseek-ai/DeepSeek-V3",
    "deepseek-ai/DeepSeek-V4": "deepseek-ai/DeepSeek-V4-Flash",
    "deepseek-ai/DeepSeek-R1": "deepseek-ai/DeepSeek-R1",
    "MiniMaxAI/MiniMax-M2": "MiniMaxAI/MiniMax-M2.5",
    "XiaomiMiMo/MiMo-V2": "XiaomiMiMo/MiMo-V2-Flash",
    "zai-org/GLM-5": "zai-org/GLM-5-FP8",
    "moonshotai/Kimi-K2": "moonshotai/Kimi-K2-Instruct",
}
"""Checkpoints whose config.json has ``weight_block_size`` [128, 128], by how the ids of their
models start; read 2026-11-30, DeepSeek-V4's and R1's recalled. Those of others, such as Llama's,
have a scale for a column or a matrix, as has what an engine makes of 16 bits when it starts (vLLM's
``--quantization fp8``)."""


def is_published_in_blocks(model: str) -> bool:
    """Whether the published FP8 checkpoint of a model is in blocks of 128 by 128.

    Parameters
    ----------
    model : str
        Its id.

    Examples
    --------
    >>> is_published_in_blocks("Qwen/Qwen3-8B"), is_published_in_blocks("meta-llama/Llama-3.1-8B")
    (True, False)
    """
    return model.startswith(_STARTS)


_STARTS = tuple(PUBLISHED_IN_BLOCKS)


@lru_cache(maxsize=4096)
def as_published(asked: Precision, model: str) -> Precision:
    """Give FP8 the layout of the model's published checkpoint, where none was said.

    Parameters
    ----------
    asked : Precision
        With ``fp8_blocks`` True or False it stays as it is, and with ``scale_bits``.
    model : str
        The id of what is served.

    Examples
    --------
    >>> fp8 = Precision(weights="fp8", activations="fp8")
    >>> as_published(fp8, "Qwen/Qwen3-8B").label, as_published(fp8, "llama").label
    ('w fp8_block, a fp8, kv bf16', 'w fp8, a fp8, kv bf16')
    """
    stated = asked.fp8_blocks is not None or asked.scale_bits is not None
    if stated or not asked.has_fp8 or not is_published_in_blocks(model):
        return asked
    return replace(asked, fp8_blocks=True)


def served_precision(
    asked: Precision | None, config: ModelConfig, hardware: Hardware | None = None
) -> Precision:
    """Give the types that a model is served in.

    Parameters
    ----------
    asked : Precision or None
        What was asked for; None for those of the model's own checkpoint, which stay as they are.
    config : ModelConfig
        The model.
    hardware : Hardware, optional
        The device. On one that has no bf16 engines take fp16 for a checkpoint in it, where they are
        told no type (``_resolve_auto_dtype`` of vllm/config/model.py 0.33,
        ``maybe_downgrade_dtype_for_legacy_gpu`` of SGLang 0.5.23; read 2026-12-01).

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> from llmcalc_core.hub.models import find_model
    >>> model, device = find_model("Qwen/Qwen3-8B"), find_hardware("T4")
    >>> served_precision(None, model).label, served_precision(None, model, device).label
    ('bf16', 'fp16')
    """
    if asked is not None:
        return as_published(asked, config.model)
    own = config.precision or PLAIN
    return own if hardware is None or not lacks_bf16(hardware) else _in_fp16(own)


@lru_cache(maxsize=1024)
def _in_fp16(own: Precision) -> Precision:
    """Give the same types with fp16 in the place of bf16."""
    narrow = [field.name for field in fields(own) if getattr(own, field.name) == "bf16"]
    changes: dict[str, Any] = dict.fromkeys(narrow, "fp16")
    return replace(own, **changes)
