"""Where the time per output token of continuous batching goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmcalc_core.costmodel.breakdown import BreakdownRow, breakdown_rows, number
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.simulation.serving import serving_loop, serving_steps, serving_times
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
        ('prefill'). Their ``time_s`` sum to the time per output token, and those of each kind to
        its part of it: the estimate takes steps that read from a table, rows are of the mean one.
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
        if number(seconds):
            rows += breakdown_rows(whole, parts, stage, number(seconds))
    return _scaled(rows, serving_times(*case, further=False).by_kind.numbers())


def _scaled(rows: list[BreakdownRow], by_kind: Mapping[str, float]) -> list[BreakdownRow]:
    """Give rows the time of their kind in proportion."""
    sums = dict.fromkeys(by_kind, 0.0)
    for row in rows:
        sums[row.kind] += row.time_s
    share = {kind: by_kind[kind] / total if total else 0.0 for kind, total in sums.items()}
    return [replace(row, time_s=row.time_s * share[row.kind]) for row in rows]
