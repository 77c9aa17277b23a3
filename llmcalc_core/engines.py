"""Serving engines: how each schedules, and what it counts and keeps in memory.

A new engine is one record of :data:`ENGINE_RECORDS`, and its own constants in
``calibration/constants.toml`` once runs of it are measured; until then its estimates have the
constants that all engines share, and say that they are assumed. A version that behaves otherwise
is a record of its own, made by :func:`dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmcalc_core.checks import one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A serving engine, with its defaults.

    Attributes
    ----------
    name : str
        What it is called in arguments.
    label : str
        Under which name people know it.
    spellings : tuple of str
        Other names, in lower case.
    offered : bool
        Whether forms list it; few still deploy the others, which are named by code.
    overlaps_host : bool
        Whether it prepares a decode step on the host while the devices still run the one before.
    prefill_first : bool
        Whether it reads every prompt that waits before it decodes again, unless told to mix them;
        others read prompts beside decode steps.
    captured_tokens : int
        Most tokens of a step with prompts whose kernels but attention's are captured graphs; the
        host starts those of a larger step one by one [tokens].
    chunks_prompts : bool
        Whether it reads prompts in chunks of ``token_budget``; else whole, with a buffer of its own
        for every operation.
    fills_steps : bool
        Whether it cuts the last prompt of a step where the budget ends; else prompts that fit into
        a step are read whole.
    token_budget : int
        Most tokens that it computes in one step [tokens].
    memory_fraction_of : {'device', 'free'}
        Of what ``memory_fraction`` is a part: of the device's memory, which all that it keeps may
        fill, or of the memory that weights, buffers and runtime leave free, for the cache.
    runtime_reserve_bytes : float
        Kernels, workspaces and allocator slack of the runtime [bytes].
    reserves_answers : bool
        Whether a request is let in only if the cache has room for its whole answer, and those of
        all that run; else for what they hold.
    max_num_seqs : int
        Most requests that it runs at once [1].
    kv_block_tokens : int
        Tokens of one block of its KV cache [tokens].
    caches_whole_context : bool
        Whether it keeps the keys and values of every token, unless told otherwise, in layers that
        see a window or a chunk of them alone.
    """

    name: str
    label: str
    spellings: tuple[str, ...] = ()
    offered: bool = True
    overlaps_host: bool = False
    prefill_first: bool = False
    captured_tokens: int = 0
    chunks_prompts: bool = True
    fills_steps: bool = True
    # vLLM's server on devices of 70 GB or more (max_num_batched_tokens,
    # EngineArgs.get_batch_defaults), SGLang on those of 80 to 160 GB (chunked_prefill_size,
    # server_args.py), TensorRT-LLM (max_num_tokens) and LMDeploy (max_prefill_token_num); read
    # 2026-11-23, TensorRT-LLM's recalled.
    token_budget: int = 8192
    # vLLM's server on such devices (max_num_seqs, EngineArgs.get_batch_defaults; read 2026-11-30);
    # TensorRT-LLM's max_batch_size is 2048, SGLang has no fixed number: assumed.
    max_num_seqs: int = 1024
    reserves_answers: bool = False
    # vLLM: gpu_memory_utilization.
    memory_fraction_of: Literal["device", "free"] = "device"
    runtime_reserve_bytes: float = 2.0**30  # assumed
    kv_block_tokens: int = 16
    caches_whole_context: bool = False


_RECORDS = (
    # Graphs: FULL_AND_PIECEWISE up to max_cudagraph_capture_size, 512 at the most (config/vllm.py,
    # 0.11 and later; in pieces since 0.8.5; read 2026-11-30).
    Engine(name="vllm", label="vLLM", captured_tokens=512),
    # Overlap scheduler: on by default (TensorRT-LLM documentation). Memory: cache's share of what
    # is free (kv_cache_free_gpu_mem_fraction, 0.9 unless given:
    # docs/source/performance/perf-overview.md, 00f37686, and bench/build/tuning.py, 04cba88; read
    # 2026-11-23). Caches: max_attention_window of KvCacheConfig is None and not read from the
    # model's configuration (pull request 5722 was not merged; read 2026-11-29). Scheduling: whole
    # prompts, GuaranteedNoEvict (_torch/pyexecutor/scheduler/scheduler.py, 002f3cc3; read
    # 2026-11-30).
    Engine(
        name="trtllm",
        label="TensorRT-LLM",
        spellings=("tensorrt-llm", "tensorrt_llm"),
        overlaps_host=True,
        fills_steps=False,
        memory_fraction_of="free",
        reserves_answers=True,
        caches_whole_context=True,
    ),
    # enable_mixed_chunk is off by default (server_args.py, read 2026-11-28). SGLang documents an
    # overlap scheduler, too, but its measured times are those of host and devices in turn.
    Engine(name="sglang", label="SGLang", prefill_first=True),
    # Reserve: what its smallest models use beyond weights and cache in the memory column of its
    # GPT guide, 2.9 to 3.1 GiB.
    Engine(
        name="fastertransformer",
        label="FasterTransformer",
        offered=False,
        chunks_prompts=False,
        runtime_reserve_bytes=3 * 2.0**30,
    ),
    Engine(name="lmdeploy", label="LMDeploy", spellings=("turbomind",), offered=False),
)

ENGINE_RECORDS = {one.name: one for one in _RECORDS}
"""The engines by name."""

ENGINES = tuple(ENGINE_RECORDS)
"""Their names."""

DEFAULT_ENGINE = "vllm"
"""What serves where nothing is said."""


def find_engine(name: str) -> Engine:
    """Find a serving engine by name.

    Raises
    ------
    ValueError
        For an engine that is not known, with the nearest one.

    Examples
    --------
    >>> find_engine("TensorRT-LLM").name, find_engine("sglang").label
    ('trtllm', 'SGLang')
    """
    if (found := ENGINE_RECORDS.get(str(name))) is not None:
        return found
    folded = str(name).strip().casefold()
    records = ENGINE_RECORDS.values()
    spelt = (one.name for one in records if folded in (one.name, *one.spellings))
    return ENGINE_RECORDS[one_of("engine", next(spelt, name), tuple(ENGINE_RECORDS))]
