"""Latency and throughput of one replica in each stage, in one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.costmodel.utilisation import Load, phase_utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.workload.grid import Grid

LATENCY_COLUMNS = {"prefill": "ttft_s", "decode": "tpot_s", "serving": "tpot_s"}
"""Column of each stage's latency, which its limit and its Pareto front are about."""

_TOGETHER = {"ttft": "prefill", "tpot": "latency"}
BAND_METRICS = {
    "prefill": _TOGETHER,
    "decode": _TOGETHER,
    "serving": {"ttft": "ttft", "tpot": "tpot"},
}
"""Whose band the times of each stage have: a batch that starts together its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """What one replica does in a stage; arrays that broadcast to the grid.

    Attributes
    ----------
    ttft_s, tpot_s, e2e_s : function that gives an array
        Time to the first token, per output token, and from end to end [s]. Those that need another
        stage than the one asked about take long the first time.
    requests_per_s : array
        Requests that one replica ends [1/s].
    tokens_per_request : array
        What its throughput counts: prompt tokens in prefill, else generated ones [tokens].
    kinds : tuple of arrays
        The stage's latency by kind, in the order of ``KINDS`` [s].
    bound : array of int
        Position in ``BOUNDS`` of what bounds it.
    load : Load
        What its devices are busy with.
    """

    ttft_s: Callable[[], Floats]
    tpot_s: Callable[[], Floats]
    e2e_s: Callable[[], Floats]
    requests_per_s: Floats
    tokens_per_request: Floats
    kinds: tuple[Values, ...]
    bound: NDArray[np.int8]
    load: Load


def performance(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    stage: str,
) -> Performance:
    """Estimate what one replica does in a stage.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    grid : Grid
        Plans and workloads.
    efficiency : Efficiency
        What the device reaches, and how the engine behaves.
    stage : {'prefill', 'decode', 'serving'}
        A static batch's prefill or decoding, or continuous batching.

    Returns
    -------
    Performance
        Arrays that broadcast to the grid.
    """
    case = (model, hardware, precision, grid, efficiency)
    if stage == "serving":
        return _serving(*case)
    decode, prefill = (cache(partial(phase_times, *case, decode=one)) for one in (True, False))
    decoding = stage == "decode"
    times = decode() if decoding else prefill()
    batches_per_s = 1 / (times.period_s * grid.outputs if decoding else times.period_s)
    return Performance(
        ttft_s=lambda: prefill().latency_s,
        tpot_s=lambda: decode().latency_s,
        e2e_s=lambda: prefill().latency_s + (grid.outputs - 1) * decode().latency_s,
        requests_per_s=grid.batch * batches_per_s,
        tokens_per_request=grid.outputs if decoding else grid.inputs,
        kinds=times.by_kind.parts(),
        bound=times.bound,
        load=phase_utilisation(times, grid, decode=decoding),
    )


def _serving(
    model: Model, hardware: Hardware, precision: Precision, grid: Grid, efficiency: Efficiency
) -> Performance:
    times = serving_times(model, hardware, precision, grid, efficiency)
    return Performance(
        ttft_s=lambda: times.ttft_s,
        tpot_s=lambda: times.tpot_s,
        e2e_s=lambda: times.e2e_s,
        requests_per_s=grid.batch / times.e2e_s,
        tokens_per_request=grid.outputs,
        kinds=times.by_kind.parts(),
        bound=times.bound,
        load=times.load,
    )
