"""Continuous batching in a closed loop: decode steps, those that read prompts, and the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.breakdown import BreakdownRow, breakdown_rows, number
from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, timed, times_of_pass
from llmcalc_core.costmodel.phases import PhaseTimes, mean_by_kind, phase_times_of
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.times import TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation, phase_utilisation, serving_utilisation
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed, record
from llmcalc_core.simulation.closed_loop import ClosedLoopTimes, Steps, closed_loop
from llmcalc_core.simulation.load import Load, load_of
from llmcalc_core.simulation.prefill_steps import (
    listed_prefill_step,
    mixes_prompts,
    prefill_step,
    prefill_times,
    seconds_per_token,
)
from llmcalc_core.simulation.step_passes import decode_pass, in_micro_batches
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.requests import DRAWN, Arrivals


@record()
class ServingTimes:
    """Latencies of a request when as many others as the batch has are always in flight.

    Attributes
    ----------
    ttft_s : array
        Mean time to first token of a closed-loop benchmark, its first burst included [s].
    burst_ttft_s : array
        The same when all requests arrive at once; NaN where not asked for [s].
    steady_ttft_s : array
        The same when they arrive at random, evenly, at the rate they are served at [s].
    tpot_s : array
        Time per output token [s].
    e2e_s : array
        From arrival to the last token [s].
    by_kind : TimeByKind
        Parts of the time per output token [s].
    bound : array of int
        Position in ``BOUNDS`` of what bounds the steps that take most of the time.
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


@record()
class ServingSteps:
    """The steps of continuous batching: what they hold and what they take.

    Attributes
    ----------
    grid : Grid
        Plans and workloads, divided over pipeline stages evenly.
    load : Load
        What they hold.
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.
    decode_parts, prefill_parts : MicroBatch
        A micro batch of a step that decodes, and of one that reads prompts, beside decoding or
        alone.
    decode, reading : PhaseTimes
        The times of these steps; ``period_s`` of the latter is that of its way through all stages.
    decode_in_reading : float or array
        Steps that decode, of which the latter has the time beside what its ``by_kind`` says [1].
    """

    grid: Grid
    load: Load
    mixes: float
    decode_parts: MicroBatch
    prefill_parts: MicroBatch
    decode: PhaseTimes
    reading: PhaseTimes
    decode_in_reading: Values


def serving_times(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    grid: Grid,
    efficiency: Efficiency,
    *,
    chunked: bool = True,
    arrivals: Arrivals = DRAWN,
    further: bool = True,
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
        Whether prompts are read beside decode steps; else in steps of their own, as engines do that
        read prompts first.
    arrivals : Arrivals, optional
        How requests come, and for how long the server holds them back.
    further : bool, default True
        Whether to give the times to first token of a burst and of even arrivals, too.

    Returns
    -------
    ServingTimes
        Arrays that broadcast to the grid.

    Notes
    -----
    Beside the simulator of the same steps, 276 random loops of drawn lengths with up to 400 in
    flight: of one pipeline stage and answers of 16 tokens or more TPOT is off by 3 % at the median
    and 16 % at p90, TTFT by 5 and 27 %. Drawn lengths of fewer tokens are nearly all the same, and
    simulated clients stay together: end to end 6 and 13 %, but which part of it is TPOT by 20 and
    65 %. Micro batches of a pipeline are taken as equal, which simulated ones are not: end to end
    9 and 37 %.
    """
    case = (model, hardware, precision, grid, efficiency)
    steps = serving_steps(case, chunked=chunked, arrivals=arrivals)
    loop = serving_loop(case, steps, arrivals, further=further)
    decode, reading = steps.decode, steps.reading
    e2e = np.asarray(loop.e2e)
    return ServingTimes(
        ttft_s=np.asarray(loop.ttft),
        burst_ttft_s=_array(loop.burst_ttft),
        steady_ttft_s=_array(loop.steady_ttft),
        tpot_s=np.asarray(loop.tpot),
        e2e_s=e2e,
        by_kind=mean_by_kind(
            (decode, loop.decoding + steps.decode_in_reading * loop.reading),
            (reading, loop.reading),
        )
        + TimeByKind(overhead=loop.sending),
        bound=np.where(
            loop.reading * reading.latency_s > loop.decoding * decode.latency_s,
            reading.bound,
            decode.bound,
        ),
        utilisation=_utilisation(steps, loop, e2e),
    )


def serving_loop(
    case: Case, steps: ServingSteps, arrivals: Arrivals, *, further: bool = False
) -> ClosedLoopTimes:
    """Join the steps of continuous batching into the latencies of a request."""
    model, hardware, precision, grid, efficiency = case
    reading = steps.reading
    even = (model, hardware, precision, steps.grid, efficiency)
    return closed_loop(
        load=steps.load,
        steps=Steps(
            decode=steps.decode.latency_s,
            reading=reading.latency_s,
            through=_way_of_own_step(steps),
            compute_share=reading.by_bound.compute / reading.traversal_s,
            seconds_per_token=seconds_per_token(even),
        ),
        computed=grid.prefill_tokens,
        output_tokens=grid.outputs,
        step_tokens=grid.acceptance_length,
        mixes=steps.mixes,
        arrivals=arrivals,
        first_token_s=efficiency.behaviour.first_token_s,
        stream_token_s=stream_seconds(efficiency.behaviour.stream_token_s, grid),
        further=further,
    )


def stream_seconds(token_s: Values, grid: Grid) -> Values:
    """Time in which a token of any attention replica is sent to its client [s]."""
    return token_s / grid.attention_dp if grid.engine.streams_by_rank else token_s


def _way_of_own_step(steps: ServingSteps) -> Values:
    """Time in which the step that reads a prompt goes through all stages [s].

    What is read while every sequence decodes a token may be more than one micro batch has room for:
    the others follow, a stage behind.
    """
    way, load, grid = steps.reading.period_s, steps.load, steps.grid
    if not grid.is_pipelined:
        return way
    room = load.room / load.micro_batches
    own = np.minimum(room / np.maximum(load.read * load.chunk_tokens, room), 1.0)
    return way * ((1 + (grid.pp - 1) * own) / grid.pp)


def serving_steps(
    case: Case, *, chunked: bool, arrivals: Arrivals, listed: bool = False
) -> ServingSteps:
    """Time the steps of continuous batching: those that decode, and those that read prompts."""
    model, hardware, precision, whole, efficiency = case
    mixes = mixes_prompts(efficiency, chunked=chunked)
    grid = in_micro_batches(whole)
    load = load_of(grid, mixes=mixes, arrivals=arrivals, behaviour=efficiency.behaviour)
    even = (model, hardware, precision, grid, efficiency)
    decodes = decode_pass(even, load, load.most_decoding)
    if listed:
        decoding = timed(even, decodes, sections(model, decodes), None, listed=True)
        reading = listed_prefill_step(even, load, mixes=mixes)
    else:
        decoding = times_of_pass(even, decodes)
        reading = prefill_step(even, load, (decoding.one, decodes), mixes=mixes)
    # A step gives a token whatever it verifies: what drafts gain is counted with the steps.
    single = grid if grid.acceptance_length == 1 else changed(grid, acceptance_length=1.0)
    once = (model, hardware, precision, single, efficiency)
    decode = phase_times_of(once, decoding, decode=True)
    reads, decode_in_reading = prefill_times(even, reading, decode, mixes)
    return ServingSteps(
        grid=grid,
        load=load,
        mixes=mixes,
        decode_parts=decoding,
        prefill_parts=reading,
        decode=decode,
        reading=reads,
        decode_in_reading=decode_in_reading,
    )


def _utilisation(steps: ServingSteps, loop: ClosedLoopTimes, e2e: Floats) -> Utilisation:
    """Utilisation of the devices; what a step that reads prompts takes longer is their reading."""
    grid, decode, reading = steps.grid, steps.decode, steps.reading
    alone = decode.latency_s if steps.mixes else 0.0
    for_prompts = loop.reading * (reading.latency_s - alone)
    return serving_utilisation(
        phase_utilisation(decode, grid, decode=True),
        phase_utilisation(reading, grid, decode=False),
        reading=for_prompts,
        working=loop.tpot,
        every=e2e / grid.outputs,
    )


def _array(values: Values | None) -> Floats:
    """Give an array; NaN of what was not asked for."""
    return np.asarray(np.nan if values is None else values)


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
        (beside, steps.prefill_parts, loop.reading * steps.reading.latency_s),
    )
    whole = (*case[:3], changed(steps.grid, acceptance_length=1.0), case[4])
    rows = []
    for phase, parts, seconds in named:
        if number(seconds):
            rows += breakdown_rows(whole, parts, phase, number(seconds))
    return _scaled(rows, serving_times(*case, further=False).by_kind.numbers())


def _scaled(rows: list[BreakdownRow], by_kind: Mapping[str, float]) -> list[BreakdownRow]:
    """Give rows the time of their kind in proportion."""
    sums = dict.fromkeys(by_kind, 0.0)
    for row in rows:
        sums[row.kind] += row.time_s
    share = {kind: by_kind[kind] / total if total else 0.0 for kind, total in sums.items()}
    return [replace(row, time_s=row.time_s * share[row.kind]) for row in rows]
