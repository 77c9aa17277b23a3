"""TensorRT-LLM, from the newest version to the oldest that is known."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.engines.engine import Engine

# Overlap scheduler: on by default (TensorRT-LLM documentation). Memory: cache's share of what is
# free (kv_cache_free_gpu_mem_fraction, 0.9 unless given:
# docs/source/performance/perf-overview.md, 00f37686, and bench/build/tuning.py, 04cba88; read
# 2026-11-23). Caches: max_attention_window of KvCacheConfig is None and not read from the model's
# configuration (pull request 5722 was not merged; read 2026-11-29). Scheduling: whole prompts,
# GuaranteedNoEvict (_torch/pyexecutor/scheduler/scheduler.py, 002f3cc3; read 2026-11-30). The
# PyTorch back end of 1.0 (release notes of 1.0, read 2026-11-30) schedules as the one in C++
# before, which had no Python to overlap; it starts steps that read prompts from Python (no
# torch_compile_config by default), of which attention and experts (torch.ops.trtllm.fused_moe) are
# one operation each: 1.5 calls for a kernel are assumed, between the one in C++ and SGLang's 3.
_EVERY = Engine(
    name="trtllm",
    label="TensorRT-LLM",
    spellings=("tensorrt-llm", "tensorrt_llm"),
    since="0.5",
    simulated=True,
    overlaps_host=True,
    fills_steps=False,
    memory_fraction_of="free",
    reserves_answers=True,
    caches_whole_context=True,
    joins_experts=True,
)
_V1_0 = replace(_EVERY, since="1.0", calls_per_kernel=1.5)

VERSIONS = (_V1_0, _EVERY)
"""From the newest to the oldest."""

NEWEST = "1.3"
"""The newest release that was read."""
