"""Steps that vLLM's own scheduler formed.

``vllm_0_33_steps.jsonl.xz`` holds 40 of the 400 random sets of requests of seed 1 that
``python -m tests.vllm_scheduler`` gives to the scheduler of the wheel ``vllm`` 0.33.0, on a CPU and
without a model. All 400 agreed on 2026-11-30. A line is as ``tests/vllm_scheduler/recording.py``
writes it, with the tokens of a step in turn: request, tokens, request, tokens; fields of requests
that have their default are left out.
"""

from __future__ import annotations

import copy
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from tests.vllm_scheduler.agreement import difference

RECORDED = Path(__file__).with_name("vllm_0_33_steps.jsonl.xz")


def unfolded(line: bytes) -> dict[str, Any]:
    """Read a line as the script compares it."""
    recorded: dict[str, Any] = json.loads(line)
    recorded["steps"] = [
        (start, list(zip(tokens[::2], tokens[1::2], strict=True)), preempted)
        for start, tokens, preempted in recorded["steps"]
    ]
    return recorded


SETS = [unfolded(line) for line in lzma.decompress(RECORDED.read_bytes()).splitlines()]


def label(recorded: dict[str, Any]) -> str:
    limits, requests = recorded["limits"], recorded["requests"]
    kinds = {
        "shared beginnings": any(len(one) > 3 and one[3] >= 0 for one in requests),
        "conversations": any(len(one) > 5 and one[5] >= 0 for one in requests),
        "a step ahead": limits["steps_ahead"],
        f"{limits['stages']} stages": limits["stages"] > 1,
        "preempts": any(preempted for *_, preempted in recorded["steps"]),
    }
    return ", ".join(name for name, holds in kinds.items() if holds) or "plain"


@pytest.mark.parametrize("fast_forward", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize("recorded", SETS, ids=label)
def test_steps_are_those_of_vllm(recorded: dict[str, Any], *, fast_forward: bool) -> None:
    assert not difference(recorded, fast_forward=fast_forward)


def test_a_difference_is_told_in_words() -> None:
    other = copy.deepcopy(SETS[0])
    start, tokens, preempted = other["steps"][3]
    other["steps"][3] = (start, [(tokens[0][0], tokens[0][1] + 1), *tokens[1:]], preempted)
    assert difference(other).startswith("step 3 holds [")
    other = copy.deepcopy(SETS[0])
    other["finished"][0] += 1.0
    assert difference(other).startswith("a request ends 1")
