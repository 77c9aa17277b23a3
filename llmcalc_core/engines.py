"""Serving engines: how each schedules, and what it counts and keeps in memory.

A new engine is one record of :data:`ENGINE_RECORDS`, and its own constants in
``calibration/constants.toml`` once runs of it are measured; until then its estimates have the
constants that all engines share, and say that they are assumed. A version that behaves otherwise
is a record of its own, made by :func:`dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from llmcalc_core.checks import one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a step of an engine may hold on some devices.

    Attributes
    ----------
    below_bytes : float
        Devices with less memory have these limits [bytes].
    devices : tuple of str
        So have those whose names contain one of these, in lower case.
    token_budget : int
        Most tokens that a step computes [tokens].
    max_num_seqs : int
        Most requests that run at once [1].
    """

    below_bytes: float
    token_budget: int
    max_num_seqs: int = 1024
    devices: tuple[str, ...] = ()


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
        Most tokens that it computes in one step, on large devices [tokens].
    memory_fraction_of : {'device', 'free'}
        Of what ``memory_fraction`` is a part: of the device's memory, which all that it keeps may
        fill, or of the memory that weights, buffers and runtime leave free, for the cache.
    profiles_sampler : bool
        Whether it keeps the peak of a dummy sampler of ``max_num_seqs`` requests free, and measures
        what lies outside; else ``runtime_reserve_bytes`` stand for both.
    groups_caches : bool
        Whether layers that keep different tokens share one pool of equal blocks, in groups.
    pads_experts : bool
        Whether it stores the slices of MXFP4 experts padded to the tiles of its kernels.
    runtime_reserve_bytes : float
        Kernels, workspaces and allocator slack of the runtime [bytes].
    reserves_answers : bool
        Whether a request is let in only if the cache has room for its whole answer, and those of
        all that run; else for what they hold.
    max_num_seqs : int
        Most requests that it runs at once, on large devices [1].
    limits : tuple of Limits
        Those on other devices, from the smallest on.
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
    # TensorRT-LLM (max_num_tokens) and LMDeploy (max_prefill_token_num), too; read 2026-11-23,
    # TensorRT-LLM's recalled.
    token_budget: int = 8192
    # TensorRT-LLM's max_batch_size is 2048, SGLang has no fixed number: assumed.
    max_num_seqs: int = 1024
    limits: tuple[Limits, ...] = ()
    reserves_answers: bool = False
    # vLLM: gpu_memory_utilization.
    memory_fraction_of: Literal["device", "free"] = "device"
    profiles_sampler: bool = False
    groups_caches: bool = False
    pads_experts: bool = False
    runtime_reserve_bytes: float = 2.0**30  # assumed
    kv_block_tokens: int = 16
    caches_whole_context: bool = False

    def on(self, device: str, memory_bytes: float) -> Engine:
        """Give the engine with the defaults that it has on a device.

        Parameters
        ----------
        device : str
            Name of the device.
        memory_bytes : float
            Its memory [bytes].

        Returns
        -------
        Engine
            With the token budget and the most requests of that device.

        Examples
        --------
        >>> vllm = find_engine("vllm")
        >>> vllm.on("H100_80GB", 85e9).token_budget, vllm.on("A100_80GB", 85e9).token_budget
        (8192, 2048)
        """
        for limit in self.limits:
            if memory_bytes < limit.below_bytes or _is_one_of(device, limit.devices):
                return replace(
                    self, token_budget=limit.token_budget, max_num_seqs=limit.max_num_seqs
                )
        return self


def _is_one_of(device: str, families: tuple[str, ...]) -> bool:
    return any(family in device.casefold() for family in families)


_RECORDS = (
    # Graphs: FULL_AND_PIECEWISE up to max_cudagraph_capture_size, 512 at the most (config/vllm.py,
    # 0.11 and later; in pieces since 0.8.5; read 2026-11-30). Limits: EngineArgs.get_batch_defaults
    # of its server (vllm/engine/arg_utils.py, 0.10 to 0.26; pull requests 12369 and 17885; read
    # 2026-11-30).
    Engine(
        name="vllm",
        label="vLLM",
        profiles_sampler=True,
        groups_caches=True,
        pads_experts=True,
        captured_tokens=512,
        limits=(
            Limits(
                below_bytes=70 * 2.0**30, devices=("a100",), token_budget=2048, max_num_seqs=256
            ),
        ),
    ),
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
    # overlap scheduler, too, but its measured times are those of host and devices in turn. Limits:
    # chunked_prefill_size by memory (server_args.py, 0.5; read 2026-11-30); from 160 GiB on 16,384.
    Engine(
        name="sglang",
        label="SGLang",
        prefill_first=True,
        token_budget=16384,
        limits=(
            Limits(below_bytes=35 * 2.0**30, token_budget=2048),
            Limits(below_bytes=60 * 2.0**30, token_budget=4096),
            Limits(below_bytes=160 * 2.0**30, token_budget=8192),
        ),
    ),
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


def find_engine(name: str | Engine) -> Engine:
    """Find a serving engine by name; one that is found already is given back.

    Raises
    ------
    ValueError
        For an engine that is not known, with the nearest one.

    Examples
    --------
    >>> find_engine("TensorRT-LLM").name, find_engine("sglang").label
    ('trtllm', 'SGLang')
    """
    if isinstance(name, Engine):
        return name
    if (found := ENGINE_RECORDS.get(str(name))) is not None:
        return found
    folded = str(name).strip().casefold()
    records = ENGINE_RECORDS.values()
    spelt = (one.name for one in records if folded in (one.name, *one.spellings))
    return ENGINE_RECORDS[one_of("engine", next(spelt, name), tuple(ENGINE_RECORDS))]
