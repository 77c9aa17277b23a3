"""Continuous batching in a closed loop: decode steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times
from llmcalc_core.costmodel.times import KINDS, TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation, phase_utilisation, serving_utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.serving import mixed_step_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.simulation.closed_loop import closed_loop
from llmcalc_core.simulation.prefills import (
    Prefills,
    arriving_prompts,
    packed_prompts,
    prefills,
)
from llmcalc_core.workload.arrivals import DRAWN, Arrivals
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServingTimes:
    """Latencies of a request when as many others as the batch has are always in flight.

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
    by_kind : TimeByKind
        Parts of the time per output token [s].
    bound : array of int
        Position in ``BOUNDS`` of what bounds the longer of decoding and the prefills beside it.
    utilisation : Utilisation
        What the devices are busy with.
    """

    ttft_s: Floats
    burst_ttft_s: Floats
    steady_ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    by_kind: TimeByKind
    bound: NDArray[np.int8]
    utilisation: Utilisation


def serving_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    chunked: bool = True,
    arrivals: Arrivals = DRAWN,
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
        Whether prefills run beside decode steps; else each interrupts decoding, and waits by itself
        for its kernels to be started.
    arrivals : Arrivals, optional
        How requests come, and for how long the server holds them back.

    Returns
    -------
    ServingTimes
        Arrays that broadcast to the grid.
    """
    decode = phase_times(model, hardware, precision, grid, efficiency, decode=True)
    counts = (1.0, arriving_prompts(grid), packed_prompts(grid))
    prefill, arriving, packed = prefills(
        model, hardware, precision, grid, efficiency, counts=counts
    )
    if chunked:
        added = mixed_prefill_seconds(
            decode_step=decode.latency_s * grid.gained,
            device=arriving.of(_device_seconds(arriving.times)),
            host=arriving.of(_host_seconds(arriving.times)),
            chunks=grid.pieces,
        )
    else:
        added = arriving.of(arriving.times.period_s)
    loop = closed_loop(
        decode=decode.latency_s,
        prefill=prefill.of(prefill.times.latency_s),
        arriving_prefill=added / counts[1],
        packed_prefill=packed.of(packed.times.period_s) / counts[2],
        packed_prompts=counts[2],
        later_chunks=_later_chunk_seconds(decode, grid),
        requests=np.maximum(grid.batch / grid.attention_dp, 1.0),
        attention_dp=grid.attention_dp,
        output_tokens=grid.outputs,
        step_tokens=grid.gained,
        arrivals=arrivals,
        behaviour=efficiency.behaviour,
    )
    e2e = np.asarray(loop.ttft + (grid.outputs - 1) * loop.tpot)
    reading = phase_utilisation(arriving.times, arriving.grid, decode=False)
    utilisation = serving_utilisation(
        phase_utilisation(decode, grid, decode=True),
        replace(reading, share=arriving.of(reading.share)),
        reading=added / counts[1] / grid.attention_dp,
        writing=decode.latency_s * grid.outputs / grid.batch,
        every=e2e / grid.batch,
    )
    return ServingTimes(
        ttft_s=np.asarray(loop.ttft),
        burst_ttft_s=np.asarray(loop.burst_ttft),
        steady_ttft_s=np.asarray(loop.steady_ttft),
        tpot_s=np.asarray(loop.tpot),
        e2e_s=e2e,
        by_kind=decode.by_kind + _interference_by_kind(arriving, added, loop.interference),
        bound=np.where(
            loop.interference > decode.latency_s, arriving.of(arriving.times.bound), decode.bound
        ),
        utilisation=utilisation,
    )


def mixed_prefill_seconds(
    *, decode_step: Values, device: Values, host: Values, chunks: Values = 1.0
) -> Values:
    """Time that prompts add to the decode steps in which they are read.

    Parameters
    ----------
    decode_step : float or array
        Time of a decode step alone [s].
    device, host : float or array
        Time that the prompts take on the devices, and that the host takes for them [s].
    chunks : float or array
        Steps that they are divided over [1].

    Returns
    -------
    float or array
        Time in all steps [s].

    Examples
    --------
    >>> round(float(mixed_prefill_seconds(decode_step=0.02, device=0.02, host=0.08, chunks=2.0)), 3)
    0.06
    """
    each = mixed_step_seconds(decode=decode_step, device=device / chunks, host=host / chunks)
    return chunks * each


def _later_chunk_seconds(decode: PhaseTimes, grid: Grid) -> Values:
    """Time of the decode steps that a prompt in chunks waits for [s]: none where nobody decodes."""
    if isinstance(grid.pieces, float) and grid.pieces == 1:
        return 0.0
    others = grid.batch > grid.attention_dp
    return (grid.pieces - 1) * others * decode.latency_s * grid.gained


def _device_seconds(prefill: PhaseTimes) -> Values:
    """Time for which a prefill occupies its devices, without waiting for the host [s]."""
    device: Values = prefill.period_s * (1 - prefill.by_kind.overhead / prefill.latency_s)
    return device


def _host_seconds(prefill: PhaseTimes) -> Values:
    """Time that the host takes for a prefill, beside which the devices run [s]."""
    host: Values = np.sqrt(np.maximum(prefill.period_s**2 - _device_seconds(prefill) ** 2, 0.0))
    return host


def _interference_by_kind(prefill: Prefills, added: Values, interference: Values) -> TimeByKind:
    """Split what prefills add to the time per output token.

    The devices' part is split as theirs is; waiting for the host is overhead.
    """
    times = prefill.times
    busy = interference * prefill.of(_device_seconds(times)) / added
    working = prefill.of(times.latency_s - times.by_kind.overhead)
    shares = {
        kind: busy * prefill.of(getattr(times.by_kind, kind)) / working
        for kind in KINDS
        if kind != "overhead"
    }
    return TimeByKind(**shares, overhead=interference - busy)
