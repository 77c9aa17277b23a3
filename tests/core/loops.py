"""A closed loop of round numbers."""

from __future__ import annotations

from typing import Any

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.simulation.closed_loop import ClosedLoopTimes, closed_loop

BEHAVIOUR = Behaviour(first_token_s=0.05, first_token_steps=1.0, prefill_first=0.0, overlaps=0.0)


def loop_times(**changes: Any) -> ClosedLoopTimes:
    given = {
        "decode": 0.01, "prefill": 0.1, "arriving_prefill": 0.1, "packed_prefill": 0.05,
        "packed_prompts": 1.0,
        "requests": 11.0, "attention_dp": 1.0, "output_tokens": 100.0, "behaviour": BEHAVIOUR,
    }  # fmt: skip
    return closed_loop(**(given | changes))
