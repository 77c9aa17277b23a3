"""What engines call what every launch says: one table of flags by engine.

Where they were read is said in the module of each engine; ``python -m tests.launch_flags`` holds
them beside the engines' own parsers.
"""

from __future__ import annotations

from collections.abc import Callable

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.server import (
    Flags,
    context_of,
    sequences_of,
    token_budget_of,
    types_of,
)

_QUANTITIES: dict[str, Callable[[SelectedPlan, int], int | float]] = {
    "context": lambda plan, _: context_of(plan),
    "sequences": lambda plan, groups: sequences_of(plan) * groups,
    "token budget": lambda plan, groups: token_budget_of(plan) * groups,
    "memory share": lambda plan, _: plan.memory_share,
}
"""What is said of a plan, where counts are of so many groups of devices together."""

_LIMITS = {
    "vllm": {
        "--max-model-len": "context", "--max-num-seqs": "sequences",
        "--max-num-batched-tokens": "token budget", "--gpu-memory-utilization": "memory share",
    },
    "sglang": {
        "--context-length": "context", "--max-running-requests": "sequences",
        "--chunked-prefill-size": "token budget", "--mem-fraction-static": "memory share",
    },
    "trtllm": {
        "--max_batch_size": "sequences", "--max_num_tokens": "token budget",
        "--max_seq_len": "context", "--kv_cache_free_gpu_memory_fraction": "memory share",
    },
}  # fmt: skip
"""Flags of each engine by what they say."""

_EIGHT_BIT_CACHE = {"vllm": "fp8", "sglang": "fp8_e4m3"}
_EAGER = {"vllm": "--enforce-eager", "sglang": "--disable-cuda-graph"}
_ADAPTERS = {"vllm": "--max-loras", "sglang": "--max-loras-per-batch"}


def wide_flags(between: str = "-", **widths: int) -> Flags:
    """Give the flags of widths other than 1, with what an engine writes between their words.

    Examples
    --------
    >>> wide_flags(tp_size=4, pp_size=1), wide_flags("_", tp_size=4)
    ({'--tp-size': 4}, {'--tp_size': 4})
    """
    written = {f"--{name.replace('_', between)}": width for name, width in widths.items()}
    return {flag: width for flag, width in written.items() if width != 1}


def limit_flags(plan: SelectedPlan, engine: str, *, groups: int = 1) -> Flags:
    """Give the flags of lengths, counts and memory.

    Parameters
    ----------
    plan : SelectedPlan
        What is started.
    engine : {'vllm', 'sglang', 'trtllm'}
        Whose flags.
    groups : int
        Groups of devices that the counts of the engine are of together [1].
    """
    return {flag: _QUANTITIES[what](plan, groups) for flag, what in _LIMITS[engine].items()}


def type_flags(plan: SelectedPlan, engine: str) -> tuple[Flags, tuple[str, ...]]:
    """Give the flags of types and of running without graphs, and what no flag says.

    Parameters
    ----------
    plan : SelectedPlan
        What is started.
    engine : {'vllm', 'sglang'}
        Whose flags.
    """
    dtype, quantisation, notes = types_of(plan)
    flags: Flags = {}
    if dtype is not None:
        flags["--dtype"] = dtype
    if quantisation is not None:
        flags["--quantization"] = quantisation
    if plan.precision.kv_cache == "fp8":
        flags["--kv-cache-dtype"] = _EIGHT_BIT_CACHE[engine]
    if plan.request.enforce_eager:
        flags[_EAGER[engine]] = None
    return flags, notes


def adapter_flags(plan: SelectedPlan, engine: str) -> Flags:
    """Give the flags of LoRA adapters, of 'vllm' or 'sglang'; none where there are none."""
    techniques = plan.techniques
    if not techniques.lora_adapters:
        return {}
    return {
        "--enable-lora": None, _ADAPTERS[engine]: techniques.lora_adapters,
        "--max-lora-rank": techniques.lora_rank,
    }  # fmt: skip


def unsaid_of_both(plan: SelectedPlan) -> dict[str, str | None]:
    """Give what neither vLLM nor SGLang has a flag for, as arguments of ``refuse``."""
    layout, techniques = plan.layout, plan.techniques
    return {
        "attention_replicas": None
        if layout.attention_dp == 1 or plan.model.is_moe
        else "replicas of a dense model's attention alone are not served",
        "kv_offload": None
        if not techniques.kv_offload
        else "no flag keeps a share of every sequence's cache with the host",
        "offload_to_fit": None
        if not techniques.offload_to_fit
        else "give weights_offload_gib, which --cpu-offload-gb says",
    }
