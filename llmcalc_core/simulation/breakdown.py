"""Where the time per output token of continuous batching goes."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.costmodel.breakdown import BreakdownRow, Case, number, overhead, phase_breakdown
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.costmodel.prefills import arriving_prompts, prompts
from llmcalc_core.simulation.serving import serving_times


def serving_breakdown(case: Case) -> list[BreakdownRow]:
    """Split the time per output token of continuous batching, prefills beside it included.

    Of what prefills add, the devices' part is split as theirs is; waiting for the host is one row.
    """
    model, hardware, precision, grid, efficiency = case
    decode = phase_times(*case, decode=True)
    times = serving_times(*case)
    added = (times.tpot_s - decode.latency_s).item()
    hosted = number(times.kinds[4]) - number(decode.kinds[4])
    spent = phase_breakdown(case, decode=True)
    if not added:
        return spent
    read = (model, hardware, precision, prompts(grid, arriving_prompts(grid)), efficiency)
    prefill = [one for one in phase_breakdown(read, decode=False) if one.kind != "overhead"]
    share = (added - hosted) / sum(one.time_s for one in prefill)
    spent += [replace(one, time_s=one.time_s * share) for one in prefill]
    waited = overhead("prefill", "starting kernels", hosted)
    return [*spent, replace(waited, time_s=hosted)]
