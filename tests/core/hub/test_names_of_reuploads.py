"""Names of checkpoints that others made of a model: the model, and the types that endings say."""

from __future__ import annotations

import pytest

from llmcalc_core.hub.models import find_model

# name, model, precision by its label: owners' naming as on their pages, recalled
NAMES = [
    ("unsloth/Llama-3.2-1B-Instruct", "meta-llama/Llama-3.2-1B", None),
    ("unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", "q4_k_m"),  # llama.cpp -hf takes Q4_K_M
    ("unsloth/Qwen3-8B-GGUF:Q8_0", "Qwen/Qwen3-8B", "q8_0"),
    ("bartowski/Qwen3-8B-Q4_K_M", "Qwen/Qwen3-8B", "q4_k_m"),
    ("lmstudio-community/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", "q4_k_m"),
    ("unsloth/Qwen3-8B-unsloth-bnb-4bit", "Qwen/Qwen3-8B", "int4"),
    ("mlx-community/Qwen3-8B-4bit", "Qwen/Qwen3-8B", "int4"),
    ("TheBloke/Llama-2-7B-Chat-GGUF", "meta-llama/Llama-2-7b-hf", "q4_k_m"),
    ("TheBloke/Llama-2-7B-GPTQ", "meta-llama/Llama-2-7b-hf", "int4"),
    ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "meta-llama/Llama-3.1-8B", "int4"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "meta-llama/Llama-3.1-8B",
     "w fp8, a fp8, kv bf16"),
    ("RedHatAI/Qwen3-8B-FP8-block", "Qwen/Qwen3-8B", "w fp8_block, a fp8, kv bf16"),
    ("RedHatAI/Qwen3-8B-FP8-dynamic", "Qwen/Qwen3-8B", "w fp8, a fp8, kv bf16"),
    ("nvidia/Qwen3-8B-NVFP4", "Qwen/Qwen3-8B", "fp4"),
    ("amd/Meta-Llama-3.1-8B-Instruct-FP8-KV", "meta-llama/Llama-3.1-8B", "fp8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "model", "label"), NAMES, ids=[row[0] for row in NAMES])
def test_a_reupload_is_its_model_in_the_types_it_names(
    name: str, model: str, label: str | None
) -> None:
    found = find_model(name)
    assert found.model == model
    assert (found.precision.label if found.precision else None) == label


def test_a_model_says_its_size() -> None:
    llama = find_model("llama3_8b")
    # safetensors total of meta-llama/Llama-3.1-8B; 32 layers x 2 x 8 heads x 128 x 2 bytes
    assert (llama.parameters, llama.active_parameters) == (8_030_261_248, 8_030_261_248)
    assert llama.bytes_per_token == 131_072
    assert "# 8,030,261,248 parameters, " in repr(llama)
    assert repr(llama).endswith("131,072 bytes of cache a token")
    mixtral = find_model("mixtral_8x7b")
    # 2 of 8 experts of 3 x 4,096 x 14,336 in 32 layers are used
    assert mixtral.parameters - mixtral.active_parameters == 32 * 6 * 3 * 4096 * 14336
