#!/usr/bin/env bash
# `vllm bench serve --request-rate 10`, which says that requests come as a Poisson process: 300 runs
# of 100 requests (on a clock that jumps) beside sums of independent gaps.
# Guess: gaps are drawn independently of each other, so that the last of 100 requests comes after
#   10 s give or take 1 s, by the seed, and the number in the first half scatters as it does in a
#   Poisson process, with a variance near its mean.
# vLLM 0.33.0: get_request (vllm/benchmarks/serve.py) draws the gaps and then stretches them all by
#   one factor, so that the last request comes at requests / rate to the microsecond, whatever the
#   seed and `--burstiness`.
# It matters: that fixes the load to come to what is planned for and takes half of the scatter out
#   of it. Near saturation the queue is shorter than a Poisson process makes it, so that a capacity
#   found by it is too high, and a simulation or a queueing formula fitted to it is wrong.
# Seen on 2026-11-30 (last request in s; variance / mean of the number in the first half; mean wait
# in s at one server of exponential service times with a load of 95 %):
#   burstiness 1: last 10.00 to 10.00, independent 7.41 to 12.93
#   burstiness 1: variance / mean 0.51, independent 0.97; wait 0.48, independent 0.53
#   burstiness 0.1: last 10.00 to 10.00, independent 3.28 to 19.38
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" HOME="$folder" CUDA_VISIBLE_DEVICES=""
export VLLM_LOGGING_LEVEL=CRITICAL VLLM_NO_USAGE_STATS=1 VLLM_PLUGINS=""
python3.11 -m venv "$folder/env"
cat >"$folder/import.txt" <<'LIST'
torch==2.13.0
numpy==2.4.6
transformers==5.20.2
aiohttp==3.14.5
cachetools==8.0.2
cbor2==6.3.0
cloudpickle==3.1.3
einops==0.8.2
fastapi==0.136.3
llguidance==1.7.6
msgspec==0.23.0
openai==3.57.0
openai-harmony==0.0.8
partial-json-parser==0.2.1.1.post7
pillow==13.0.0
prometheus_client==0.26.0
psutil==7.2.2
py-cpuinfo==9.0.0
pybase64==1.5.1
pyzmq==27.3.0
requests==2.34.2
uvloop==0.23.0
xgrammar==0.2.8
LIST
"$folder/env/bin/pip" install --quiet -r "$folder/import.txt"
"$folder/env/bin/pip" install --quiet --no-deps vllm==0.33.0
"$folder/env/bin/python" - <<'PYTHON'
import asyncio
import sys
from unittest.mock import patch

import numpy as np
from vllm.benchmarks.serve import get_request

runs, requests, rate = 300, 100, 10.0

async def arrive(burstiness):
    """Return when each request is sent [s], without waiting for it."""
    now, times = 0.0, []

    async def jump(seconds):
        nonlocal now
        now += seconds

    with patch("asyncio.sleep", jump), patch("time.time", lambda: now):
        async for _ in get_request([None] * requests, rate, burstiness):
            times.append(now)
    return times

def mean_wait(times, service):
    wait, total = np.zeros(runs), 0.0
    for gap, busy in zip(np.diff(times).T, service.T, strict=False):
        wait = np.maximum(wait + busy - gap, 0.0)
        total += wait.mean()
    return total / (requests - 1)

seen = {}
for burstiness in (1.0, 0.1):
    np.random.seed(0)
    sent = np.array([asyncio.run(arrive(burstiness)) for _ in range(runs)])
    np.random.seed(0)
    scale = 1 / (rate * burstiness)
    independent = np.random.gamma(burstiness, scale, (runs, requests)).cumsum(axis=1)
    ends = [(times[:, -1].min(), times[:, -1].max()) for times in (sent, independent)]
    half = [(times < requests / rate / 2).sum(axis=1) for times in (sent, independent)]
    scatter = [number.var() / (requests / 2) for number in half]
    service = np.random.exponential(0.95 / rate, (runs, requests))
    waits = [mean_wait(times, service) for times in (sent, independent)]
    seen[burstiness] = ends, scatter, waits
    print(f"burstiness {burstiness:g}: last {ends[0][0]:.2f} to {ends[0][1]:.2f},",
          f"independent {ends[1][0]:.2f} to {ends[1][1]:.2f}")
    if burstiness == 1:
        print(f"burstiness 1: variance / mean {scatter[0]:.2f}, independent {scatter[1]:.2f};",
              f"wait {waits[0]:.2f}, independent {waits[1]:.2f}")
on_time = all(abs(end - requests / rate) < 1e-6 for ends, *_ in seen.values() for end in ends[0])
_, scatter, waits = seen[1.0]
if not on_time or not 0.4 < scatter[0] < 0.6 < 0.8 < scatter[1] or not waits[0] < waits[1]:
    sys.exit("CHANGED: requests are sent at other times")
print("AS DESCRIBED: the last request comes on time in every run, with half of the scatter")
PYTHON
