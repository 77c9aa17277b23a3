"""Steps that vLLM's scheduler forms for sets of requests: run by the Python that has vLLM.

``python -m tests.vllm_scheduler.recording SETS STEPS [SEED]`` draws so many sets and writes a line
of JSON for each:

- ``limits`` and ``requests``: fields of :class:`Limits`, and of :class:`Sent` for each request;
- ``steps``: when each starts [s], ``[request, tokens]`` in the order of scheduling, and requests
  preempted. Calls that scheduled nothing and preempted nobody are left out;
- ``finished``: when the last token of each request is known [s].

Scheduler, manager of the KV cache and requests are vLLM's; a clock stands for the model: a step
starts when the first stage is free and the tokens that it goes on from are there. Its loop
is that of ``EngineCore.step_with_batch_queue`` (vllm/v1/engine/core.py, 0.33.0), or of ``step``
where one batch at a time is under way.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

os.environ.update(
    CUDA_VISIBLE_DEVICES="",
    VLLM_LOGGING_LEVEL="ERROR",
    VLLM_NO_USAGE_STATS="1",
    VLLM_PLUGINS="",
    VLLM_USE_V2_MODEL_RUNNER="1",  # the default on a GPU
)

import torch
from vllm.config import (
    CacheConfig,
    DeviceConfig,
    ModelConfig,
    ParallelConfig,
    SchedulerConfig,
    VllmConfig,
)
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

from tests.vllm_scheduler.random_sets import Limits, Sent, draw_set

LONGEST = 32768
MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "head_dim": 64,
    "hidden_size": 64,
    "intermediate_size": 128,
    "max_position_embeddings": LONGEST,
    "model_type": "llama",
    "num_attention_heads": 1,
    "num_hidden_layers": 8,
    "num_key_value_heads": 1,
    "torch_dtype": "bfloat16",
    "vocab_size": 128,
}
"""A configuration that vLLM takes; the scheduler reads its length and little else."""

IDLE_CALLS = 10
"""Calls in a row that may schedule nothing."""


class Step(NamedTuple):
    """A batch under way: what was scheduled, who gets a token from it, and when it ends."""

    output: Any
    samples: dict[str, bool]
    end_s: float


def build_scheduler(limits: Limits, folder: str) -> tuple[Any, int]:
    """Build the scheduler that vLLM would use, and count the batches that may be under way."""
    model = ModelConfig(
        model=folder, skip_tokenizer_init=True, dtype="bfloat16", max_model_len=LONGEST
    )
    cache = CacheConfig(block_size=limits.block_tokens, enable_prefix_caching=limits.prefix_caching)
    scheduling = SchedulerConfig(
        max_num_batched_tokens=limits.max_num_batched_tokens,
        max_num_seqs=limits.max_num_seqs,
        max_model_len=LONGEST,
        is_encoder_decoder=False,
        enable_chunked_prefill=True,
        async_scheduling=bool(limits.steps_ahead),
    )
    config = VllmConfig(
        model_config=model,
        cache_config=cache,
        scheduler_config=scheduling,
        parallel_config=ParallelConfig(
            pipeline_parallel_size=limits.stages, distributed_executor_backend="mp"
        ),
        device_config=DeviceConfig(device="cpu"),
    )
    _check(config, limits)
    cache.num_gpu_blocks = limits.blocks + 1  # one is the null block
    layer = FullAttentionSpec(
        block_size=limits.block_tokens, num_kv_heads=1, head_size=64, dtype=torch.bfloat16
    )
    scheduler = scheduling.get_scheduler_cls()(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(
            num_blocks=limits.blocks + 1,
            kv_cache_tensors=[],
            kv_cache_groups=[KVCacheGroupSpec(["layer"], layer)],
        ),
        structured_output_manager=MagicMock(),
        block_size=limits.block_tokens,
        hash_block_size=limits.block_tokens,
    )
    return scheduler, config.max_concurrent_batches


def _check(config: VllmConfig, limits: Limits) -> None:
    """Refuse limits that vLLM changed on their way into its configuration."""
    had = config.scheduler_config
    found = (
        had.max_num_batched_tokens,
        had.max_num_seqs,
        had.async_scheduling,
        had.enable_chunked_prefill,
        config.cache_config.enable_prefix_caching,
        config.cache_config.block_size,
        config.max_concurrent_batches,
    )
    wanted = (
        limits.max_num_batched_tokens,
        limits.max_num_seqs,
        bool(limits.steps_ahead),
        True,
        limits.prefix_caching,
        limits.block_tokens,
        limits.stages + limits.steps_ahead,
    )
    if found != wanted:
        raise ValueError(f"vLLM must keep the limits {wanted}, got {found}")


class Recording:
    """The run of one set."""

    def __init__(self, limits: Limits, sent: list[Sent], folder: str) -> None:
        self.limits, self.sent = limits, sent
        self.scheduler, self.depth = build_scheduler(limits, folder)
        self.hasher: Callable[[Request], list[Any]] | None = None
        if limits.prefix_caching:
            function = get_hash_fn_by_name("sha256")
            init_none_hash(function)
            self.hasher = get_request_block_hasher(limits.block_tokens, function)
        self.now = 0.0
        self.stage_free_s = [0.0] * limits.stages
        self.known_s = [0.0] * len(sent)  # when the last token of each that was asked for is there
        self.to_come = list(range(len(sent)))
        self.said: list[list[int]] = [[] for _ in sent]
        self.sampled = [0] * len(sent)
        self.steps: list[tuple[float, list[tuple[int, int]], list[int]]] = []
        self.finished: list[float | None] = [None] * len(sent)

    def run(self) -> None:
        """Serve all requests."""
        flight: deque[Step] = deque()
        idle = 0
        while self.to_come or self.scheduler.has_requests() or flight:
            if not flight and not self.scheduler.has_requests():
                self.now = max(self.now, min(map(self._due_s, self.to_come)))
            self._arrive()
            if self.scheduler.has_requests():
                step = self._schedule()
                flight.append(step)
                idle = 0 if step.output.total_num_scheduled_tokens else idle + 1
                if idle > IDLE_CALLS * self.depth:
                    raise RuntimeError(f"nothing can be scheduled at {self.now} s")
                if len(flight) < self.depth:
                    continue
            if flight:
                self._give_back(flight.popleft())

    def _due_s(self, index: int) -> float:
        """When a request is sent; infinite while the one before it runs."""
        one = self.sent[index]
        if one.after < 0:
            return one.arrival_s
        before = self.finished[one.after]
        return float("inf") if before is None else max(one.arrival_s, before)

    def _arrive(self) -> None:
        """Hand over every request that has been sent by now, in the order of sending."""
        due = sorted((self._due_s(index), index) for index in self.to_come)
        for when, index in due:
            if when > self.now:
                return
            self.to_come.remove(index)
            one = self.sent[index]
            self.said[index] = self._prompt(index)
            params = SamplingParams(max_tokens=one.output_tokens, ignore_eos=True)
            self.scheduler.add_request(
                Request(
                    request_id=str(index),
                    prompt_token_ids=list(self.said[index]),
                    sampling_params=params,
                    pooling_params=None,
                    arrival_time=when,
                    block_hasher=self.hasher,
                )
            )

    def _prompt(self, index: int) -> list[int]:
        """Write a prompt: what was said before, or a shared beginning, then tokens of its own."""
        one = self.sent[index]
        begins = list(self.said[one.after]) if one.after >= 0 else []
        begins += [10**8 * (one.group + 1) + at for at in range(one.shared_tokens)]
        return begins + [10**5 * (index + 1) + at for at in range(len(begins), one.input_tokens)]

    def _schedule(self) -> Step:
        """Call the scheduler, and note what it did."""
        before = list(self.scheduler.running)
        output = self.scheduler.schedule()
        preempted = [
            int(one.request_id)
            for one in reversed(before)
            if one.request_id in output.preempted_req_ids
        ]
        tokens = [(int(name), count) for name, count in output.num_scheduled_tokens.items()]
        samples = {
            name: not self.scheduler.requests[name].is_prefill_chunk
            for name in output.num_scheduled_tokens
        }
        start = max(self.now, self.stage_free_s[0], *(self.known_s[index] for index, _ in tokens))
        if tokens or preempted:
            self.steps.append((start, tokens, preempted))
        if not tokens:
            return Step(output, samples, self.now)
        seconds = self.limits.base_s + self.limits.per_token_s * sum(new for _, new in tokens)
        end = max(self.now, *(self.known_s[index] for index, _ in tokens))
        for stage, free in enumerate(self.stage_free_s):
            end = max(end, free) + seconds
            self.stage_free_s[stage] = end
        for index, _ in tokens:
            if samples[str(index)]:
                self.known_s[index] = end
        return Step(output, samples, end)

    def _give_back(self, step: Step) -> None:
        """Wait for the end of a step, and give its tokens to the scheduler."""
        self.now = max(self.now, step.end_s)
        names = list(step.output.num_scheduled_tokens)
        tokens: list[list[int]] = []
        for name in names:
            index = int(name)
            new = []
            if step.samples[name]:
                new = [10**5 * (index + 1) + self.sent[index].input_tokens + self.sampled[index]]
                self.sampled[index] += 1
                self.said[index] += new
            tokens.append(new)
        given = ModelRunnerOutput(
            req_ids=names,
            req_id_to_index={name: at for at, name in enumerate(names)},
            sampled_token_ids=tokens,
        )
        self.scheduler.update_from_output(step.output, given)
        for name in names:
            if name not in self.scheduler.requests and self.finished[int(name)] is None:
                self.finished[int(name)] = self.now


def record(limits: Limits, sent: list[Sent], folder: str) -> dict[str, Any]:
    """Run one set through vLLM's scheduler, and give its line."""
    recording = Recording(limits, sent, folder)
    recording.run()
    if recording.sampled != [one.output_tokens for one in sent]:
        raise RuntimeError(f"requests were left unfinished: {recording.sampled}")
    return {
        "limits": limits._asdict(),
        "requests": sent,
        "steps": recording.steps,
        "finished": recording.finished,
    }


def main(count: int, output: Path, seed: int) -> None:
    """Draw sets, run them, and write their lines."""
    with tempfile.TemporaryDirectory() as folder, output.open("w", encoding="utf-8") as file:
        (Path(folder) / "config.json").write_text(json.dumps(MODEL), encoding="utf-8")
        for index in range(count):
            line = record(*draw_set(seed, index), folder)
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
