"""Steps that vLLM's own scheduler formed.

``vllm_0_33_steps.jsonl.xz`` holds 46 of 310 random sets of requests, given to the scheduler of the
wheel ``vllm`` 0.33.0 on a CPU, without a model: a step takes ``base_s``, and ``per_token_s`` for
each of its tokens. All 310 agreed on 2026-11-30. A line has

- ``settings``: limits, ``blocks`` that requests can use, switches, and the two times;
- ``requests``: arrival [s], tokens in and out, group that shares a beginning or -1, its tokens;
- ``steps``: start [s], then request and tokens in turn, then requests preempted;
- ``finished``: when each request ended [s].
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import FormedStep
from tests.core.simulated import LinearSteps, requests_of

RECORDED = Path(__file__).with_name("vllm_0_33_steps.jsonl.xz")
SETS = [json.loads(line) for line in lzma.decompress(RECORDED.read_bytes()).splitlines()]


def label(recorded: dict[str, Any]) -> str:
    had = recorded["settings"]
    kinds = {
        "prefix_caching": had["prefix_caching"],
        "a step ahead": had["async"],
        "preempts": any(preempted for *_, preempted in recorded["steps"]),
    }
    return ", ".join(name for name, holds in kinds.items() if holds) or "plain"


@pytest.mark.parametrize("leap", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize("recorded", SETS, ids=label)
def test_steps_are_those_of_vllm(recorded: dict[str, Any], *, leap: bool) -> None:
    had = recorded["settings"]
    arrival, inputs, outputs, group, shared = zip(*recorded["requests"], strict=True)
    requests = requests_of(
        zip(inputs, outputs, strict=True), arrival_s=arrival, prefix=group, prefix_tokens=shared
    )
    settings = Settings(
        policy="vllm",
        token_budget=had["max_num_batched_tokens"],
        max_num_seqs=had["max_num_seqs"],
        kv_blocks=had["blocks"],
        block_tokens=had["block_tokens"],
        prefix_caching=had["prefix_caching"],
        steps_ahead=int(had["async"]),
    )
    formed: list[FormedStep] = []
    clock = LinearSteps(base=had["base_s"], token=had["per_token_s"])
    outcome = run(requests, clock, settings, leap=leap, formed=formed)
    found = [
        sorted([*((one, 1) for one in step.decoding), *((one, new) for one, new, _ in step.chunks)])
        for step in formed
        for _ in range(step.steps)
    ]
    expected = [
        sorted(zip(tokens[::2], tokens[1::2], strict=True))
        for _, tokens, _ in recorded["steps"]
        if tokens
    ]
    assert found == expected
    lost = [tuple(preempted) for *_, preempted in recorded["steps"] if preempted]
    assert [step.preempted for step in formed if step.preempted] == lost
    np.testing.assert_allclose(outcome.finish_s, recorded["finished"], atol=1e-6)
