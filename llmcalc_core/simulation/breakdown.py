"""Where the time per output token of continuous batching goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from llmcalc_core.costmodel.breakdown import BreakdownRow, breakdown_rows
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.formulas import Values
from llmcalc_core.simulation.serving import serving_loop, serving_steps
from llmcalc_core.workload.arrivals import DRAWN


def serving_breakdown(case: Case) -> list[BreakdownRow]:
    """Split the time per output token of continuous batching.

    Parameters
    ----------
    case : tuple
        As :func:`llmcalc_core.costmodel.breakdown.phase_breakdown` takes it.

    Returns
    -------
    list of BreakdownRow
        Of the steps that decode, and of those that read prompts, beside decoding ('mixed') or alone
        ('prefill'). Their ``time_s`` sum to the time per output token.
    """
    steps = serving_steps(case, chunked=True, arrivals=DRAWN, listed=True)
    loop = serving_loop(case, steps, DRAWN)
    beside = "mixed" if steps.mixes else "prefill"
    named = (
        ("decode", steps.decode_parts, loop.decoding * steps.decode.latency_s),
        (beside, steps.reading_parts, loop.reading * steps.reading.latency_s),
    )
    whole = (*case[:3], replace(steps.grid, gained=1.0), case[4])
    rows = []
    for stage, parts, seconds in named:
        if _number(seconds):
            rows += breakdown_rows(whole, parts, stage, _number(seconds))
    return rows


def _number(value: Values) -> float:
    return float(np.asarray(value).item())
