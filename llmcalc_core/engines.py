"""The serving engines that were measured, and how people spell them."""

from __future__ import annotations

from llmcalc_core.checks import one_of

ENGINES = ("vllm", "trtllm", "sglang", "fastertransformer", "lmdeploy")
"""The serving engines that were measured."""

DEFAULT_ENGINE = ENGINES[0]
"""What serves where nothing is said."""

PREFILL_CHUNK_TOKENS = 8192
"""Most tokens that an engine reads in one step unless told otherwise.

vLLM's server on devices of 70 GB or more (max_num_batched_tokens, EngineArgs.get_batch_defaults),
SGLang on those of 80 to 160 GB (chunked_prefill_size, server_args.py), TensorRT-LLM
(max_num_tokens) and LMDeploy (max_prefill_token_num); read 2026-11-23, TensorRT-LLM's recalled.
"""

OVERLAPPING = ("trtllm",)
"""Engines that prepare a decode step on the host while the devices still run the one before
(TensorRT-LLM documentation, Overlap Scheduler, which is on by default). SGLang documents the same,
but its measured times are those of host and devices in turn."""

PREFILL_FIRST = ("sglang",)
"""Engines that read every prompt that waits before they decode again, unless told to mix them
(SGLang, server_args.py: enable_mixed_chunk is off by default; read 2026-11-28). Others read prompts
beside decode steps."""

SHARING_WHAT_IS_FREE = ("trtllm",)
"""Engines of whose memory ``memory_fraction`` is the cache's share of what weights, buffers and
runtime leave free (TensorRT-LLM, kv_cache_free_gpu_mem_fraction, 0.9 unless given:
docs/source/performance/perf-overview.md, 00f37686, and bench/build/tuning.py, 04cba88; read
2026-11-23), and not the part of the whole that all of it may fill (vLLM,
gpu_memory_utilization)."""

HOLDING_WHOLE_CACHES = ("trtllm",)
"""Engines that keep the keys and values of every token, unless told otherwise, in layers that see
a window or a chunk of them alone (TensorRT-LLM: ``max_attention_window`` of KvCacheConfig is None
and not read from the model's configuration, pull request 5722 was not merged; read 2026-11-29)."""

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
