"""Continuous batching in a closed loop: decode steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times
from llmcalc_core.costmodel.prefills import Prefills, arriving_prompts, packed_prompts, prefills
from llmcalc_core.costmodel.utilisation import Load, phase_utilisation, serving_utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.serving import mixed_step_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.simulation.closed_loop import closed_loop
from llmcalc_core.workload.arrivals import DRAWN, Arrivals
from llmcalc_core.workload.grid import Grid


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
        Position in ``BOUNDS`` of what bounds the longer of decoding and the prefills beside it.
    load : Load
        What the devices are busy with.
    """

    ttft_s: Floats
    burst_ttft_s: Floats
    steady_ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    kinds: list[Values]
    bound: NDArray[np.intp]
    load: Load


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
    added = _added(decode, arriving, grid) if chunked else arriving.of(arriving.times.period_s)
    met = closed_loop(
        decode=decode.latency_s,
        prefill=prefill.of(prefill.times.latency_s),
        occupied=added / counts[1],
        together=packed.of(packed.times.period_s) / counts[2],
        group=counts[2],
        beside=_beside(decode, grid),
        requests=np.maximum(grid.batch / grid.attention_dp, 1.0),
        ranks=grid.attention_dp,
        output_tokens=grid.outputs,
        step_tokens=grid.gained,
        arrivals=arrivals,
        behaviour=efficiency.behaviour,
    )
    e2e = np.asarray(met.ttft + (grid.outputs - 1) * met.tpot)
    reading = phase_utilisation(arriving.times, arriving.grid, decode=False)
    load = serving_utilisation(
        phase_utilisation(decode, grid, decode=True),
        replace(reading, share=arriving.of(reading.share)),
        reading=added / counts[1] / grid.attention_dp,
        writing=decode.latency_s * grid.outputs / grid.batch,
        every=e2e / grid.batch,
    )
    return ServingTimes(
        ttft_s=np.asarray(met.ttft),
        burst_ttft_s=np.asarray(met.burst_ttft),
        steady_ttft_s=np.asarray(met.steady_ttft),
        tpot_s=np.asarray(met.tpot),
        e2e_s=e2e,
        kinds=_kinds(decode, arriving, added, met.interference),
        bound=np.where(
            met.interference > decode.latency_s, arriving.of(arriving.times.bound), decode.bound
        ),
        load=load,
    )


def _added(decode: PhaseTimes, prefill: Prefills, grid: Grid) -> Values:
    """Time that the prefill adds to the decode steps in which it takes place [s]."""
    busy = _on_device(prefill.times)
    device = prefill.of(busy)
    host = prefill.of(np.sqrt(np.maximum(prefill.times.period_s**2 - busy**2, 0.0)))
    step, parts = decode.latency_s * grid.gained, grid.pieces
    return parts * mixed_step_seconds(decode=step, device=device / parts, host=host / parts)


def _beside(decode: PhaseTimes, grid: Grid) -> Values:
    """Time of the decode steps that a prompt in parts waits for [s]: none where nobody decodes."""
    if isinstance(grid.pieces, float) and grid.pieces == 1:
        return 0.0
    others = grid.batch > grid.attention_dp
    return (grid.pieces - 1) * others * decode.latency_s * grid.gained


def _on_device(prefill: PhaseTimes) -> Values:
    """Time for which a prefill occupies its devices, without waiting for the host [s]."""
    device: Values = prefill.period_s * (1 - prefill.kinds[4] / prefill.latency_s)
    return device


def _kinds(
    decode: PhaseTimes, prefill: Prefills, added: Values, interference: Values
) -> list[Values]:
    """Split the time per output token by kind.

    Of what prefills add, the devices' part is split as theirs is; waiting for the host is overhead.
    """
    times = prefill.times
    busy = interference * prefill.of(_on_device(times)) / added
    working = prefill.of(times.latency_s - times.kinds[4])
    shares = [busy * prefill.of(kind) / working for kind in times.kinds[:4]]
    shares.append(interference - busy)
    return [own + share for own, share in zip(decode.kinds, shares, strict=True)]
