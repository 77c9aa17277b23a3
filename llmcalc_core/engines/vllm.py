"""vLLM, from the newest version to the oldest that is known."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.engines.engine import Engine, Limits

_SMALL = Limits(below_bytes=70 * 2.0**30, devices=("a100",), token_budget=2048, max_num_seqs=256)
"""What devices that are smaller than an H100, and the A100, have since 0.9 (pull request 17885)."""

_LARGE = Limits(
    devices=("b200", "b300", "gb200", "gb300", "mi300x", "mi325x", "mi355x"),
    token_budget=16384,
)
"""What devices of 160 GiB and more have since 0.28."""

_GRAPHS_OF_BLACKWELL = 1024
"""Most tokens of a captured step there (compute capability 10) since 0.28 [tokens]."""

# Read in the source distributions of 0.6.3, 0.7.3, 0.8.5, 0.9.2, 0.10.2, 0.11.0, 0.14.0, 0.19.0,
# 0.22.0, 0.27.0 to 0.33.0 on PyPI, 2026-11-30. Limits: EngineArgs.get_batch_defaults of the server,
# before EngineArgs._set_default_args_v1 (vllm/engine/arg_utils.py). Its one API server sends tokens
# (AsyncLLM): with it 10,000 chats of about 200 tokens took 131 s that came in 83 (pull request
# 17546, which adds more of them), 65 us a token; since then up to 16,700 tokens/s were measured
# that were no later than steps alone, 60 us at the most; 50 assumed, as of SGLang.
# Data parallel ranks have one each (api_server_count is data_parallel_size by default, recalled).
# Calls: a decode step of Qwen3-30B-A3B on four L20, compiled but in no graph, takes 22.6 ms more
# than in one (issue 45709 of vllm-project/vllm), 26 us for each of the 868 kernels counted here.
# Graphs:
# cudagraph_mode and max_cudagraph_capture_size (vllm/config/vllm.py and compilation.py):
# FULL_AND_PIECEWISE up to 512 tokens since 0.11, PIECEWISE of every step before, of decode steps
# too. Asynchronous scheduling: VllmConfig.__post_init__, with pull request 27614.
_V0_14 = Engine(
    name="vllm",
    label="vLLM",
    since="0.14",
    simulated=True,
    profiles_sampler=True,
    groups_caches=True,
    pads_experts=True,
    overlaps_host=True,
    captured_tokens=512,
    captured_sequences=512.0,
    calls_per_kernel=2.2,
    sparse_head_tile=64,
    stream_token_s=50e-6,
    streams_by_rank=True,
    limits=(_SMALL,),
)
_V0_28 = replace(
    _V0_14,
    since="0.28",
    limits=(
        replace(_LARGE, devices=_LARGE.devices[:4], captured_tokens=_GRAPHS_OF_BLACKWELL),
        replace(_LARGE, devices=_LARGE.devices[4:]),
        _SMALL,
    ),
)
# The DGX Spark has the memory of a large device, but not its arithmetic.
_V0_33 = replace(
    _V0_28,
    since="0.33",
    limits=(replace(_SMALL, below_bytes=0.0, devices=("spark",)), *_V0_28.limits),
)
_V0_11 = replace(_V0_14, since="0.11", overlaps_host=False)
_V0_9 = replace(_V0_11, since="0.9", whole_decode_graphs=False)
_V0_8_5 = replace(_V0_9, since="0.8.5", limits=(replace(_SMALL, devices=()),))
# As in the second engine of 0.7.3, whose fewest requests do not depend on the device.
_V0_8 = replace(_V0_8_5, since="0.8", limits=(replace(_SMALL, devices=(), max_num_seqs=1024),))
# Its first scheduler (Scheduler._schedule_default of vllm/core/scheduler.py): prompts first, whole
# up to max(max_model_len, 2048) tokens a step, of which 8,192 are assumed; chunks by default for
# models of more than 32,768 tokens alone. Graphs of decode steps up to max_num_seqs.
_V0_6 = replace(
    _V0_8,
    since="0.6",
    simulated=False,
    prefill_first=True,
    budget_by_length=True,
    whole_decode_graphs=True,
    captured_tokens=0,
    captured_sequences=256.0,
    max_num_seqs=256,
    limits=(),
)

VERSIONS = (_V0_33, _V0_28, _V0_14, _V0_11, _V0_9, _V0_8_5, _V0_8, _V0_6)
"""From the newest to the oldest."""

NEWEST = "0.33"
"""The newest release that was read."""
