#!/usr/bin/env bash
# Eight users send the same prefix of 1,024 tokens and 16 tokens of their own, all at once.
# Guess: a prefix can be hit once it has been computed, so requests that arrive together all
#   compute it: 8 x 1,040 = 8,320 tokens, five steps of at most 2,048, and 8 x 65 = 520 blocks.
# vLLM 0.33.0: blocks enter the prefix cache when they are scheduled: KVCacheManager.allocate_slots
#   (vllm/v1/core/kv_cache_manager.py) caches them right after it allocated them, so that a request
#   admitted later in the same call of Scheduler.schedule (vllm/v1/core/sched/scheduler.py) hits
#   what this very step is going to compute.
# It matters: a burst with a common prefix costs one prefill of it, and one copy in memory.
# Seen on 2026-11-30:
#   tokens in the first step: [1040, 16, 16, 16, 16, 16, 16, 16] = 1152
#   tokens hit: [0, 1024, 1024, 1024, 1024, 1024, 1024, 1024]
#   blocks in use: 72
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

prefix = list(range(1024))
scheduler = build_scheduler(600, max_num_seqs=8, max_num_batched_tokens=2048)
for user in range(8):
    prompt, sampling = prefix + [2000 + user] * 16, SamplingParams(max_tokens=10)
    scheduler.add_request(Request(str(user), prompt, sampling, None, block_hasher=hasher))
step = scheduler.schedule()
tokens = list(step.num_scheduled_tokens.values())
hits = [request.num_computed_tokens for request in step.scheduled_new_reqs]
used = 600 - scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
print("tokens in the first step:", tokens, "=", sum(tokens))
print("tokens hit:", hits)
print("blocks in use:", used)
if (tokens, hits, used) != ([1040] + [16] * 7, [0] + [1024] * 7, 65 + 7):
    sys.exit("CHANGED: requests of one call do not hit the blocks of each other as they did")
print("AS DESCRIBED: seven of eight hit blocks that nobody has computed yet")
PYTHON
