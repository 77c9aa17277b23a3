"""A closed loop of round numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.simulation.closed_loop import ClosedLoopTimes, Steps, closed_loop
from llmcalc_core.simulation.load import Load, closed_loop_load
from llmcalc_core.workload.arrivals import Arrivals

BEHAVIOUR = Behaviour(
    first_token_s=0.05, first_token_steps=1.0, prefill_first=0.0, overlaps=0.0, captured_tokens=0.0
)
FIXED = Arrivals(fixed_lengths=True)

STEPS = Steps(decode=0.01, reading=0.05, compute_share=0.8, seconds_per_token=5e-5)
"""Of a step of 50 ms that reads prompts 40 grow with them; a thousand tokens take 50 ms too."""

LOAD = Load(
    requests=11.0, decoding=11.0, chunks=1.0, chunk_tokens=1000.0, room=5000.0, steps=100.0,
    own=1.1, arriving=0.1, share=0.1, read=1.0, waiting_steps=0.0, at_once=0.0,
)  # fmt: skip
"""Eleven requests of 1,000 and 101 tokens. While one decodes, in 100 steps, ten others are read, a
tenth of one in each; a step has room for five."""


def loop_of(load: Load = LOAD, steps: Steps = STEPS, **changes: Any) -> ClosedLoopTimes:
    """Join the steps of a load that is given."""
    given = {
        "computed": 1000.0, "output_tokens": 101.0, "mixes": 1.0, "arrivals": FIXED,
        "behaviour": BEHAVIOUR,
    }  # fmt: skip
    return closed_loop(load=load, steps=steps, **(given | changes))


def load_times(
    *, requests: Any, computed: Any = 1000.0, outputs: Any = 101.0, mixes: float = 1.0,
    arrivals: Arrivals = FIXED, token_budget: float = 5000.0, steps: Steps = STEPS, **changes: Any,
) -> tuple[Load, ClosedLoopTimes]:  # fmt: skip
    """Count what steps hold, and join them."""
    load = closed_loop_load(
        requests=requests, computed=computed, outputs=outputs, token_budget=token_budget,
        mixes=mixes, fixed_lengths=arrivals.fixed_lengths,
    )  # fmt: skip
    # Prompts that come together are read in one step, which takes longer by what they compute.
    more = steps.compute_share * steps.reading * (load.read * load.chunk_tokens / 1000 - 1)
    reading = replace(steps, reading=steps.reading + more)
    joined = {"computed": computed, "output_tokens": outputs, "mixes": mixes, "arrivals": arrivals}
    return load, loop_of(load, reading, **(joined | changes))
