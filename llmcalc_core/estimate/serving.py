"""Continuous batching in a closed loop: decode steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.efficiency import Efficiency
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.precision import Precision
from llmcalc_core.estimate.grid import Grid
from llmcalc_core.estimate.step import StageTimes, stage_times
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.serving import (
    interference_seconds,
    queue_seconds,
    steady_queue_seconds,
    waiting_share,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServingTimes:
    """What a request meets when as many others as the batch has are always in flight.

    Attributes
    ----------
    ttft_s : array
        Mean time to first token of a closed-loop benchmark, its first burst included [s].
    burst_ttft_s : array
        The same when all requests arrive at once [s].
    steady_ttft_s : array
        The same when they arrive at random, evenly, at the rate they are served at [s].
    tpot_s : array
        Time per output token [s].
    e2e_s : array
        From arrival to the last token [s].
    kinds : list of arrays
        Time per output token by kind, in the order of ``KINDS`` [s].
    bound : array of int
        Position in ``BOUNDS`` of what bounds a decode step.
    """

    ttft_s: Floats
    burst_ttft_s: Floats
    steady_ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    kinds: list[Values]
    bound: NDArray[np.intp]


def serving_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    chunked: bool = True,
) -> ServingTimes:
    """Time requests under continuous batching.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    grid : Grid
        Plans and workloads; ``batch`` is the number of requests in flight.
    efficiency : Efficiency
        What the device reaches, and how the engine behaves.
    chunked : bool, default True
        Whether prefills run in chunks beside decode steps as far as the engine did when it was
        measured; else each interrupts decoding for its whole length.

    Returns
    -------
    ServingTimes
        Arrays that broadcast to the grid.
    """
    decode = stage_times(model, hardware, precision, grid, efficiency, decode=True)
    prefill = stage_times(model, hardware, precision, _one_prompt(grid), efficiency, decode=False)
    behaviour = efficiency.behaviour
    share = behaviour.prefill_share if chunked else 1.0
    requests = np.maximum(grid.batch / grid.attention_ranks, 1.0)
    delays = {"requests": requests, "prefill": prefill.period_s, "share": share}
    added = interference_seconds(**delays, waiting=0.0, output_tokens=grid.outputs)
    load = added / (added + decode.latency_s)
    waiting = waiting_share(
        together=behaviour.waiting_together, load=load, slope=behaviour.waiting_slope
    )
    interference = interference_seconds(**delays, waiting=waiting, output_tokens=grid.outputs)
    tpot = decode.latency_s + interference
    own = (
        behaviour.first_token_s
        + behaviour.first_token_prefills * prefill.latency_s
        + behaviour.first_token_steps * tpot
    )
    ttft = own + queue_seconds(**delays, waiting=waiting)
    burst = own + queue_seconds(requests=requests, prefill=prefill.period_s, share=1.0, waiting=1.0)
    steady = own + steady_queue_seconds(load=load, prefill=prefill.period_s)
    return ServingTimes(
        ttft_s=np.asarray(ttft),
        burst_ttft_s=np.asarray(burst),
        steady_ttft_s=np.minimum(steady, burst),
        tpot_s=np.asarray(tpot),
        e2e_s=np.asarray(ttft + (grid.outputs - 1) * tpot),
        kinds=_kinds(decode, prefill, interference),
        bound=decode.bound,
    )


def _one_prompt(grid: Grid) -> Grid:
    """Give every attention replica one prompt, which goes through the stages in one piece."""
    return replace(
        grid, batch=grid.attention_ranks, micro=grid.attention_ranks, micro_batches=np.float64(1.0)
    )


def _kinds(decode: StageTimes, prefill: StageTimes, interference: Values) -> list[Values]:
    """Split the time per output token by kind, that of the prefills in it included."""
    part = interference / prefill.latency_s
    return [own + part * read for own, read in zip(decode.kinds, prefill.kinds, strict=True)]
