"""The precision that the name of a checkpoint says."""

from __future__ import annotations

import pytest

from llmcalc_core import find_model

# (spelling, label of the precision)
STORED = [
    ("Qwen/Qwen3-32B", "none"),
    ("meta-llama/Llama-3.1-8B-Instruct", "none"),
    ("Qwen/Qwen3-32B-FP8", "w fp8, a fp8, kv bf16"),
    ("nvidia/Llama-3.1-70B-Instruct-FP8", "fp8"),  # with scales of the KV cache
    ("Qwen/Qwen2.5-72B-Instruct-AWQ", "int4"),
    ("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8", "w8a16"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "w8a8"),
    ("Qwen/Qwen3-30B-A3B-GPTQ-Int4", "bf16, experts w int4, a bf16"),
    # as their own files say
    ("deepseek-ai/DeepSeek-R1", "w fp8, a fp8, kv bf16"),
    ("openai/gpt-oss-20b", "bf16, experts w fp4, a bf16, 4.25 bits"),
    ("nvidia/DeepSeek-V3.1-NVFP4", "fp4, attention bf16, attention output fp4"),
    ("qwen3-235b-a22b-nvfp4", "fp4"),
    ("nvidia/MiniMax-M2.5-NVFP4", "w bf16, a bf16, kv fp8, experts w fp4, a fp4"),
]


@pytest.mark.parametrize(("spelling", "label"), STORED, ids=[case[0] for case in STORED])
def test_spelling_says_the_precision(spelling: str, label: str) -> None:
    precision = find_model(spelling).precision
    assert (precision.label if precision else "none") == label
