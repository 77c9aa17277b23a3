"""Where the time per output token of continuous batching goes."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core.costmodel.breakdown import BreakdownRow, number, overhead_row, phase_breakdown
from llmcalc_core.costmodel.phases import Case, phase_times
from llmcalc_core.simulation.prefills import arriving_prompts, prompts
from llmcalc_core.simulation.serving import serving_times


def serving_breakdown(case: Case) -> list[BreakdownRow]:
    """Split the time per output token of continuous batching, other requests' prefills included.

    Of what prefills add, the devices' part is split as theirs is; waiting for the host is one row.

    Parameters
    ----------
    case : tuple
        As :func:`llmcalc_core.costmodel.breakdown.phase_breakdown` takes it.

    Returns
    -------
    list of BreakdownRow
        Their ``time_s`` sum to the time per output token.
    """
    model, hardware, precision, grid, efficiency = case
    times, decode = serving_times(*case), phase_times(*case, decode=True)
    rows = phase_breakdown(case, decode=True)
    added = (times.tpot_s - decode.latency_s).item()
    if not added:
        return rows
    host = number(times.by_kind.overhead) - number(decode.by_kind.overhead)
    arriving = (model, hardware, precision, prompts(grid, arriving_prompts(grid)), efficiency)
    prefill = [row for row in phase_breakdown(arriving, decode=False) if row.kind != "overhead"]
    share = (added - host) / sum(row.time_s for row in prefill)
    rows += [replace(row, time_s=row.time_s * share) for row in prefill]
    return [*rows, overhead_row("prefill", "starting kernels", host)]
