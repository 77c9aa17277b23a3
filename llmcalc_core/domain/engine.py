"""The serving engines that were measured, and how people spell them."""

from __future__ import annotations

from llmcalc_core.domain.checks import one_of

ENGINES = ("vllm", "trtllm", "sglang", "fastertransformer", "lmdeploy")
"""The serving engines that were measured."""

_SPELLINGS = {"tensorrt-llm": "trtllm", "tensorrt_llm": "trtllm", "turbomind": "lmdeploy"}


def find_engine(name: str) -> str:
    """Find a serving engine by name.

    Raises
    ------
    ValueError
        For an engine that is not known, with the nearest one.

    Examples
    --------
    >>> find_engine("TensorRT-LLM")
    'trtllm'
    """
    folded = str(name).strip().casefold()
    return one_of("engine", _SPELLINGS.get(folded, folded), ENGINES)
