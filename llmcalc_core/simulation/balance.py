"""Which attention replica a request goes to."""

from __future__ import annotations

from collections.abc import Sequence

from llmcalc_core.simulation.batch import Batch

_PRESSURE, _HALF = 6.0, 0.5
"""What a waiting request counts for each part of the cache in use above a half [1]."""


class Balance:
    """Rules by which engines spread requests over attention replicas.

    - vLLM 0.33.0: to the one with the fewest requests; those that wait count more the fuller its
      cache is, from a half on. Of equal ones to the first from where the last search began plus one
      (``DPLBAsyncMPClient.get_core_engine_for_request``, vllm/v1/engine/core_client.py). The
      engine's counts are up to 0.1 s old; these are not.
    - SGLang: to one after the other (``round_robin``, the default of ``DataParallelController``,
      python/sglang/srt/managers/data_parallel_controller.py, 000a3db1).
    - TensorRT-LLM: of those that come between two steps the longest prompt first, to the one with
      the fewest tokens of prompts among those with less than their share of the requests
      (``DefaultADPRouter``, tensorrt_llm/_torch/pyexecutor/scheduler/adp_router.py, 02385f29).

    All read 2026-11-30.

    Parameters
    ----------
    policy : {'vllm', 'sglang', 'trtllm'}
        Whose rules.
    batches : sequence of Batch
        The replicas.
    """

    def __init__(self, policy: str, batches: Sequence[Batch]) -> None:
        self._policy = policy
        self._batches = batches
        self._start = 0

    def spread(self, requests: Sequence[int]) -> None:
        """Let requests wait at replicas."""
        if self._policy == "trtllm":
            self._by_tokens(requests)
            return
        batches = self._batches
        count = len(batches)
        for request in requests:
            start = self._start
            self._start = (start + 1) % count
            if self._policy == "vllm":
                places = range(start, start + count)
                start = min(places, key=lambda at: _load(batches[at % count])) % count
            batches[start].waiting.append(request)

    def _by_tokens(self, requests: Sequence[int]) -> None:
        """Let requests wait where there are the fewest tokens of prompts."""
        batches = self._batches
        inputs = batches[0].inputs
        active = [[*batch.running, *batch.waiting] for batch in batches]
        loads = [
            (sum(inputs[one] for one in some), len(some), at) for at, some in enumerate(active)
        ]
        counts = [len(some) for some in active]
        most = max(-(-(sum(counts) + len(requests)) // len(counts)), *counts)
        for request in sorted(requests, key=lambda one: -inputs[one]):
            tokens, count, at = min(load for load in loads if load[1] < most)
            batches[at].waiting.append(request)
            loads[at] = (tokens + inputs[request], count + 1, at)


def _load(batch: Batch) -> float:
    """Count what a replica of vLLM has to do [requests]."""
    waiting = len(batch.waiting)
    used = 1 - batch.free / batch.kv_blocks
    return len(batch.running) + waiting + waiting * _PRESSURE * max(0.0, used - _HALF)
