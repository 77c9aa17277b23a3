#!/usr/bin/env bash
# What `vllm bench serve` says of 40 requests, one after the other, four to the second. Each gets 12
# tokens in 4 messages of 3, as with speculative decoding.
# Guess: at most one request is there at a time; no second has fewer tokens than the mean has, so
#   that the peak is at least the throughput; and the time between tokens is the time per token.
# vLLM 0.33.0: calculate_metrics (vllm/benchmarks/serve.py) sorts by whole seconds. A second's
#   concurrent requests are all that touched it; its tokens are its messages, one each, whatever
#   they hold. The throughput and TPOT count real tokens; ITL is the time between two messages.
# It matters: "Peak concurrent requests" is 4 with a limit of 1, and grows as requests get shorter;
#   "Peak output token throughput" is a third of the mean where a message has three tokens, and
#   ITL is nearly four times TPOT, so that a target for one is no target for the other.
# Seen on 2026-11-30:
#   most requests at a time: 1, said: 4
#   output tokens/s: 48, peak said: 16
#   TPOT: 10.91 ms, ITL said: 40.00 ms
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" XDG_CACHE_HOME="$folder/cache" CUDA_VISIBLE_DEVICES=""
export VLLM_LOGGING_LEVEL=CRITICAL VLLM_NO_USAGE_STATS=1 VLLM_PLUGINS=""
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.20.2 numpy==2.4.6 \
    {aiohttp==3.14.5,pillow==13.0.0,pyzmq==27.3.0,pybase64==1.5.1,psutil==7.2.2,msgspec==0.23.0} \
    {cbor2==6.3.0,cachetools==8.0.2,cloudpickle==3.1.3,einops==0.8.2,py-cpuinfo==9.0.0} \
    {pydantic==2.14.4,prometheus_client==0.26.0,requests==2.34.2,uvloop==0.23.0,fastapi==0.136.3} \
    {openai==3.57.0,openai-harmony==0.0.8,xgrammar==0.2.8,llguidance==1.7.6} \
    partial-json-parser==0.2.1.1.post7
"$folder/env/bin/pip" install --quiet --no-deps vllm==0.33.0
"$folder/env/bin/python" - <<'PYTHON'
import sys
from itertools import pairwise

from vllm.benchmarks.lib.endpoint_request_func import RequestFuncOutput
from vllm.benchmarks.serve import calculate_metrics

requests, messages, per_message, first, gap = 40, 4, 3, 0.1, 0.04
outputs = [
    RequestFuncOutput(
        success=True, prompt_len=16, output_tokens=messages * per_message, start_time=number / 4,
        ttft=first, itl=[gap] * (messages - 1), latency=first + gap * (messages - 1),
    )
    for number in range(requests)
]
if any(a.start_time + a.latency > b.start_time for a, b in pairwise(outputs)):
    sys.exit("the requests were to follow each other")
said, _ = calculate_metrics([], outputs, requests / 4, None, [99.0], {})
print(f"most requests at a time: 1, said: {said.max_concurrent_requests}")
mean, peak = said.output_throughput, said.max_output_tokens_per_s
print(f"output tokens/s: {mean:.0f}, peak said: {peak:.0f}")
print(f"TPOT: {said.mean_tpot_ms:.2f} ms, ITL said: {said.mean_itl_ms:.2f} ms")
if (
    said.max_concurrent_requests != 4
    or abs(mean - 48) > 1e-9
    or peak != 16
    or abs(said.mean_tpot_ms - 120 / 11) > 1e-9
    or abs(said.mean_itl_ms - 40) > 1e-9
):
    sys.exit("CHANGED: peaks and gaps are counted in another way")
print("AS DESCRIBED: four at a time where there was one, and a peak below the mean")
PYTHON
