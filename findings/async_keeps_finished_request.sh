#!/usr/bin/env bash
# The same requests under synchronous and under asynchronous scheduling (the default).
# Guess: asynchronous scheduling only hides the time of the host, so that with steps of equal
#   length each request ends in the same step; a finished one makes room for the next step.
# vLLM 0.33.0: the next step is scheduled while one runs (EngineCore.step_with_batch_queue in
#   vllm/v1/engine/core.py). A request whose last token is on its way is passed over in
#   Scheduler.schedule (vllm/v1/core/sched/scheduler.py) but stays in `running`, with its place of
#   max_num_seqs and its blocks, until Scheduler.update_from_output is given that token.
# It matters: where places or memory are short, each answer costs one step more; with short
#   answers that can be more than the time of the host that is hidden.
# Seen on 2026-11-30 (clock: number of steps that ran; all requests are there from the start):
#   4 places, 1000 blocks: 90 steps, asynchronous 106; of 64 requests 60 end later, 0 earlier
#   64 places, 8 blocks: 90 steps, asynchronous 106; of 64 requests 60 end later, 0 earlier
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder"
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.20.2 aiohttp==3.14.5 \
    cachetools==8.0.2 cbor2==6.3.0 cloudpickle==3.1.3 einops==0.8.2 fastapi==0.136.3 \
    llguidance==1.7.6 msgspec==0.23.0 numpy==2.4.6 openai==3.57.0 openai-harmony==0.0.8 \
    partial-json-parser==0.2.1.1.post7 pillow==13.0.0 prometheus_client==0.26.0 psutil==7.2.2 \
    py-cpuinfo==9.0.0 pybase64==1.5.1 pydantic==2.14.4 pyzmq==27.3.0 requests==2.34.2 \
    urllib3==2.8.0 uvloop==0.23.0 xgrammar==0.2.8
"$folder/env/bin/pip" install --quiet --no-deps vllm==0.33.0
export XDG_CACHE_HOME="$folder/cache" CUDA_VISIBLE_DEVICES="" VLLM_LOGGING_LEVEL=CRITICAL
export VLLM_NO_USAGE_STATS=1 VLLM_PLUGINS=""
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import sys
from collections import deque

from transformers import LlamaConfig
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.sampling_params import SamplingParams
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

LlamaConfig(architectures=["LlamaForCausalLM"]).save_pretrained(sys.argv[1])

def build_scheduler(blocks, **limits):
    model = ModelConfig(sys.argv[1], skip_tokenizer_init=True, max_model_len=2048)
    cache = CacheConfig(block_size=16, enable_prefix_caching=False)
    limits = SchedulerConfig.default_factory(max_model_len=2048, **limits)
    config = VllmConfig(model, cache, scheduler_config=limits, device_config=DeviceConfig("cpu"))
    cache.num_gpu_blocks = blocks + 1  # one is vLLM's null block
    spec = FullAttentionSpec(block_size=16, num_kv_heads=1, head_size=64, dtype=model.dtype)
    pool = KVCacheConfig(blocks + 1, [], [KVCacheGroupSpec(["layer"], spec)])
    return limits.get_scheduler_cls()(config, pool, StructuredOutputManager(config), 16, 16)

def run(answers, depth, blocks, **limits):
    """Return the step in which each request ends; depth is the number of batches in flight."""
    scheduler, flight, clock, ends = build_scheduler(blocks, **limits), deque(), 0, {}
    if scheduler.vllm_config.max_concurrent_batches != depth:
        sys.exit("CHANGED: other batches in flight, or asynchronous is not the default")
    for name, tokens in enumerate(answers):
        sampling = SamplingParams(max_tokens=tokens, ignore_eos=True)
        scheduler.add_request(Request(str(name), [name] * 24, sampling, None))
    while scheduler.has_unfinished_requests() or flight:
        if scheduler.has_unfinished_requests():
            flight.append(scheduler.schedule())
            if len(flight) < depth:
                continue
        step = flight.popleft()
        rows = {name: row for row, name in enumerate(step.num_scheduled_tokens)}
        scheduler.update_from_output(step, ModelRunnerOutput([*rows], rows, [[7] for _ in rows]))
        clock += bool(rows)
        ends |= dict.fromkeys(rows, clock)
    return [ends[str(name)] for name in range(len(answers))]

answers, seen = [2, 5, 8, 3, 7, 4, 6, 8] * 8, []
for blocks, places in ((1000, 4), (8, 64)):
    plain = run(answers, 1, blocks, max_num_seqs=places, async_scheduling=False)
    ahead = run(answers, 2, blocks, max_num_seqs=places)
    later = sum(b > a for a, b in zip(plain, ahead, strict=True))
    earlier = sum(b < a for a, b in zip(plain, ahead, strict=True))
    print(f"{places} places, {blocks} blocks: {max(plain)} steps, asynchronous {max(ahead)};",
          f"of 64 requests {later} end later, {earlier} earlier")
    seen.append((max(plain), max(ahead), later, earlier))
if seen != [(90, 106, 60, 0)] * 2:
    sys.exit("CHANGED: asynchronous scheduling costs another number of steps")
print("AS DESCRIBED: a finished request keeps its place and its blocks for one more step")
PYTHON
