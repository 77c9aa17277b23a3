#!/usr/bin/env bash
# Memory runs out under a and b, c (of one block) waits; then under twins a and b, with 8 blocks.
# Guess: a preempted request goes to the end of the queue and samples its answer anew, and the
#   blocks it gave up go at once to whoever waits and fits.
# vLLM 0.33.0: Scheduler._preempt_request (vllm/v1/core/sched/scheduler.py) puts it at the FRONT of
#   the queue and keeps its answer so far, which is read again with the prompt, less what is still
#   in the prefix cache. Scheduler.schedule admits nobody in a call that preempted, and ends at
#   the first waiting request without room for all its tokens.
# It matters: c waits for 15 steps beside free blocks; the twin b has room but is out for a step.
# Seen on 2026-11-30:
#   step, tokens, preempted, queue with answers so far, free blocks
#   10 {'a': 1} {'b'} {'b': 9, 'c': 0} 5
#   24 {'a': 1} set() {'b': 9, 'c': 0} 4
#   25 {'b': 17, 'c': 16} set() {} 3
#   18 {'a': 1} {'b'} {'b': 17} 2
#   19 {'a': 1, 'b': 1} set() {} 1
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

from transformers import LlamaConfig
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

init_none_hash(sha256)
hasher = get_request_block_hasher(16, sha256)
LlamaConfig(architectures=["LlamaForCausalLM"]).save_pretrained(sys.argv[1])

def build_scheduler(blocks, **limits):
    model = ModelConfig(sys.argv[1], skip_tokenizer_init=True, max_model_len=2048)
    cache = CacheConfig(block_size=16, enable_prefix_caching=True)
    limits = SchedulerConfig.default_factory(max_model_len=2048, **limits)
    config = VllmConfig(model, cache, scheduler_config=limits, device_config=DeviceConfig("cpu"))
    cache.num_gpu_blocks = blocks + 1  # one is vLLM's null block
    spec = FullAttentionSpec(block_size=16, num_kv_heads=1, head_size=64, dtype=model.dtype)
    pool = KVCacheConfig(blocks + 1, [], [KVCacheGroupSpec(["layer"], spec)])
    return limits.get_scheduler_cls()(config, pool, StructuredOutputManager(config), 16, 16)

def add(scheduler, name, prompt, tokens):
    sampling = SamplingParams(max_tokens=tokens, ignore_eos=True)
    scheduler.add_request(Request(name, prompt, sampling, None, block_hasher=hasher))

def run(blocks, prompt_b, answer_b, shown):
    scheduler, seen = build_scheduler(blocks, max_num_seqs=4, async_scheduling=False), []
    add(scheduler, "a", [1] * 64, 24)
    add(scheduler, "b", prompt_b, answer_b)
    for number in range(1, shown[-1] + 1):
        if number == 3:
            add(scheduler, "c", [3] * 16, 1)
        step = scheduler.schedule()
        queue = {one.request_id: one.num_output_tokens for one in scheduler.waiting}
        free = scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
        rows = {name: row for row, name in enumerate(step.num_scheduled_tokens)}
        scheduler.update_from_output(step, ModelRunnerOutput([*rows], rows, [[7] for _ in rows]))
        if number in shown:
            seen.append((step.num_scheduled_tokens, step.preempted_req_ids, queue, free))
            print(number, *seen[-1])
    return seen

print("step, tokens, preempted, queue with answers so far, free blocks")
seen = run(10, [2] * 72, 12, (10, 24, 25)) + run(8, [1] * 64, 24, (18, 19))
if seen != [
    ({"a": 1}, {"b"}, {"b": 9, "c": 0}, 5),
    ({"a": 1}, set(), {"b": 9, "c": 0}, 4),
    ({"b": 17, "c": 16}, set(), {}, 3),
    ({"a": 1}, {"b"}, {"b": 17}, 2),
    ({"a": 1, "b": 1}, set(), {}, 1),
]:
    sys.exit("CHANGED: a preempted request is treated in another way")
print("AS DESCRIBED: to the front of the queue, answer kept, nobody admitted in that call")
PYTHON
