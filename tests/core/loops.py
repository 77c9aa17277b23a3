"""A closed loop of round numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from llmcalc_core.simulation.closed_loop import ClosedLoopTimes, Steps, closed_loop
from llmcalc_core.simulation.load import Load, closed_loop_load
from llmcalc_core.workload.requests import Arrivals

FIXED = Arrivals(fixed_lengths=True)

STEPS = Steps(decode=0.01, reading=0.05, through=0.05, compute_share=0.8, seconds_per_token=5e-5)
"""Of a step of 50 ms that reads prompts 40 grow with them; a thousand tokens take 50 ms too."""

LOAD = Load(
    requests=11.0, in_flight=11.0, micro_batches=1.0, most_decoding=11.0,
    decoding=11.0, beside=10.0, chunks=1.0,
    chunk_tokens=1000.0, room=5000.0, steps=100.0, own=1.1, arriving=0.1, share=0.1, read=1.0,
    waiting_steps=1.0, at_once=0.0,
)  # fmt: skip
"""Eleven requests of 1,000 and 101 tokens. While one decodes, in 100 steps, ten others are read, a
tenth of one in each; a step has room for five. A prompt waits for one step."""


def loop_of(load: Load = LOAD, steps: Steps = STEPS, **changes: Any) -> ClosedLoopTimes:
    """Join the steps of a load that is given."""
    given = {
        "computed": 1000.0, "output_tokens": 101.0, "mixes": 1.0, "arrivals": FIXED,
        "first_token_s": 0.05,
    }  # fmt: skip
    return closed_loop(load=load, steps=steps, **(given | changes))


def load_times(
    *, in_flight: Any, computed: Any = 1000.0, outputs: Any = 101.0, mixes: float = 1.0,
    arrivals: Arrivals = FIXED, token_budget: float = 5000.0, first_steps: float = 1.0,
    steps: Steps = STEPS,
) -> tuple[Load, ClosedLoopTimes]:  # fmt: skip
    """Count what steps hold, and join them."""
    load = closed_loop_load(
        in_flight=in_flight, computed=computed, outputs=outputs, token_budget=token_budget,
        first_steps=first_steps, mixes=mixes, fixed_lengths=arrivals.fixed_lengths,
    )  # fmt: skip
    # Prompts that come together are read in one step, which takes longer by what they compute.
    more = steps.compute_share * steps.reading * (load.read * load.chunk_tokens / 1000 - 1)
    reading = np.maximum(steps.reading + more, steps.decode)
    longer = replace(steps, reading=reading, through=reading)
    return load, loop_of(
        load, longer, computed=computed, output_tokens=outputs, mixes=mixes, arrivals=arrivals
    )
