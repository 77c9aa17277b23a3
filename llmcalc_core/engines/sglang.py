"""SGLang, from the newest version to the oldest that is known."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.engines.engine import Engine, Limits

# Read in the distributions of 0.5.5, 0.5.6, 0.5.9 to 0.5.12, 0.5.14, 0.5.18 and 0.5.20 to 0.5.23
# on PyPI, 2026-12-01 (sglang/srt/server_args.py, arg_groups/memory_hook.py). enable_mixed_chunk
# is off by default. Limits: chunked_prefill_size by memory; from 160 GiB on 16,384; below 35 and
# from 20 on 2,048 in 0.5.18 and 4,096 in 0.5.20. Graphs of steps that read prompts:
# enable_piecewise_cuda_graph, off by default, up to 0.5.9; since 0.5.10
# disable_piecewise_cuda_graph and, of 0.5.14, cuda_graph_config (prefill: tc_piecewise), up to
# the size of a chunk; of latent attention up to 2,048 tokens, and not with attention replicas,
# pipelines or adapters, which is not told apart here. Graphs of decode steps: cuda_graph_max_bs,
# 512 at the most; less on small devices and below four of them (memory/static_fraction.py), of
# which times know nothing. SGLang documents an overlap scheduler (disable_overlap_schedule is off
# in all of these), too, but its measured times are those of host and devices in turn. States of a
# request: MAMBA_CACHE_SIZE_MAX_RUNNING_REQUESTS_RATIO, 3, and two buffers more where prefixes are
# kept beside overlapped steps (_calculate_mamba_ratio of mem_cache/kv_cache_configurator.py,
# 0.5.23; not in 0.5.9). Its tokens go through one process that makes text of them and one that
# sends them (DetokenizerManager, TokenizerManager; issue 6553 of sgl-project/sglang calls the
# latter's core the bottleneck): runs of Llama 3.1 8B on two to eight H200 end at 17,000 to 19,600
# tokens/s whatever the devices, a request of 500 tokens more takes 25 ms more of it, 50 us each.
# Calls: eager steps that read 129 to 513 tokens of Qwen3-4B on one device take 16.4 to 16.6 ms
# whatever their length (pull request 46 of wejoncy/sfllm, a small engine with its layers), 35 us
# for each of the kernels counted here.
_V0_5_20 = Engine(
    name="sglang",
    label="SGLang",
    since="0.5.20",
    simulated=True,
    prefill_first=True,
    captured_tokens=16384,
    captured_sequences=512.0,
    token_budget=16384,
    memory_fraction_of="static",
    pools_caches=True,
    states_per_request=5,
    calls_per_kernel=3.0,
    sparse_head_tile=64,
    stream_token_s=50e-6,
    limits=(
        Limits(below_bytes=20 * 2.0**30, token_budget=2048, captured_tokens=2048),
        Limits(below_bytes=60 * 2.0**30, token_budget=4096, captured_tokens=4096),
        Limits(below_bytes=160 * 2.0**30, token_budget=8192, captured_tokens=8192),
    ),
)
_V0_5_10 = replace(
    _V0_5_20,
    since="0.5.10",
    limits=(
        Limits(below_bytes=35 * 2.0**30, token_budget=2048, captured_tokens=2048),
        *_V0_5_20.limits[1:],
    ),
)
_V0_5 = replace(
    _V0_5_10,
    since="0.5",
    captured_tokens=0,
    states_per_request=3,
    limits=tuple(replace(one, captured_tokens=None) for one in _V0_5_10.limits),
)

VERSIONS = (_V0_5_20, _V0_5_10, _V0_5)
"""From the newest to the oldest."""

NEWEST = "0.5.23"
"""The newest release that was read."""
