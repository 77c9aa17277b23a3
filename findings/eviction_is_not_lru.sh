#!/usr/bin/env bash
# Which blocks of a prefix cache of 8 blocks (of 16 tokens) are lost when others need memory?
# Guess: least recently used first over all free blocks, and the oldest block of a prompt first.
#   So 100 short requests, one by one, walk over all free blocks and evict a document; and
#   a document that lost half of its blocks can't be hit at all, as a hit must start at its head.
# vLLM 0.33.0: BlockPool.free_blocks (vllm/v1/core/block_pool.py) puts blocks without a hash (not
#   full) at the FRONT of the free queue, last freed is first used, and only cached ones at its
#   end. SingleTypeKVCacheManager.free (vllm/v1/core/single_type_kv_cache_manager.py) frees the
#   blocks of a request from last to first.
# It matters: partly filled blocks are used again before anything cached is lost, and a cache that
#   is too small for a prompt still hits the head of it.
# Seen on 2026-11-30:
#   blocks used by 100 requests of 15 tokens: 1
#   hit of a document of 64 tokens afterwards: 64
#   hit of a document of 128 tokens that lost 4 of its 8 blocks: 64
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

def run_alone(scheduler, name, prompt):
    """Return the tokens hit and the first block."""
    sampling = SamplingParams(max_tokens=1)
    scheduler.add_request(Request(name, prompt, sampling, None, block_hasher=hasher))
    step = scheduler.schedule()
    scheduler.update_from_output(step, ModelRunnerOutput([name], {name: 0}, [[7]]))
    (request,) = step.scheduled_new_reqs
    return request.num_computed_tokens, request.block_ids[0][0]

limits = {"max_num_seqs": 4, "async_scheduling": False}
document = list(range(128))
scheduler = build_scheduler(8, **limits)
run_alone(scheduler, "document", document[:64])
blocks = {run_alone(scheduler, f"short {i}", [1000 + i] * 15)[1] for i in range(100)}
after_short, _ = run_alone(scheduler, "again", document[:65])
print("blocks used by 100 requests of 15 tokens:", len(blocks))
print("hit of a document of 64 tokens afterwards:", after_short)
scheduler = build_scheduler(8, **limits)
run_alone(scheduler, "document", document)
run_alone(scheduler, "other", [1000] * 64)
after_other, _ = run_alone(scheduler, "again", document)
print("hit of a document of 128 tokens that lost 4 of its 8 blocks:", after_other)
if (len(blocks), after_short, after_other) != (1, 64, 64):
    sys.exit("CHANGED: blocks are evicted in another order")
print("AS DESCRIBED: uncached blocks are used first, and a prompt is lost from its tail")
PYTHON
