"""Continuous batching in a closed loop: decode steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Behaviour, Efficiency
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.precision import Precision
from llmcalc_core.estimate.grid import Grid
from llmcalc_core.estimate.load import Load, serving_load, stage_load
from llmcalc_core.estimate.step import StageTimes, stage_times
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.serving import (
    interference_seconds,
    mixed_step_seconds,
    queue_seconds,
    steady_queue_seconds,
    waiting_share,
)

_IN_TURN = 0.5
"""Attention replicas take every step together, so that a request also waits while another replica
reads prompts: not at all if they read in the same steps (0), as often as there are replicas if they
take turns (1). Assumed; measured times to the first token with 2 to 8 replicas lie between."""


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
    counts = (1.0, arriving_prompts(grid), packed_prompts(grid))
    prefill, arriving, packed = (
        stage_times(model, hardware, precision, prompts(grid, count), efficiency, decode=False)
        for count in counts
    )
    added = _added(decode, arriving, grid) if chunked else arriving.period_s
    met = closed_loop(
        decode=decode.latency_s,
        prefill=prefill.latency_s,
        occupied=added / counts[1],
        together=packed.period_s / counts[2],
        beside=_beside(decode, grid),
        requests=np.maximum(grid.batch / grid.attention_ranks, 1.0),
        ranks=grid.attention_ranks,
        output_tokens=grid.outputs,
        step_tokens=grid.gained,
        behaviour=efficiency.behaviour if chunked else interrupting(efficiency.behaviour),
    )
    e2e = np.asarray(met.ttft + (grid.outputs - 1) * met.tpot)
    load = serving_load(
        stage_load(decode, grid, decode=True),
        stage_load(arriving, prompts(grid, counts[1]), decode=False),
        reading=added / counts[1] / grid.attention_ranks,
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
        bound=np.where(met.interference > decode.latency_s, arriving.bound, decode.bound),
        load=load,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Met:
    """What a request of a closed loop meets [s]; see :class:`ServingTimes`."""

    ttft: Values
    burst_ttft: Values
    steady_ttft: Values
    tpot: Values
    interference: Values


def closed_loop(
    *,
    decode: Values,
    prefill: Values,
    occupied: Values,
    together: Values,
    beside: Values = 0.0,
    requests: Values,
    ranks: Values,
    output_tokens: Values,
    step_tokens: Values = 1.0,
    behaviour: Behaviour,
) -> Met:
    """Join a decode step and a prefill into what a request of a closed loop meets.

    Parameters
    ----------
    decode, prefill, occupied, together : float or array
        Time of decoding a token, of one prompt's prefill, for which each of those that arrive in a
        step occupies the devices, and for which each of as many as can be read at once does [s].
    beside : float or array
        Time of the decode steps that the parts of a prompt but the first run beside [s].
    requests : float or array
        Requests in flight on one attention replica [1].
    ranks : float or array
        Attention replicas, which take every step together [1].
    output_tokens : float or array
        Tokens generated per request [tokens].
    step_tokens : float or array
        Tokens of a request that a decode step gives [tokens].
    behaviour : Behaviour
        How the engine serves.

    Returns
    -------
    Met
        Times to the first token and per output token, and what prefills add to the latter.
    """
    share = behaviour.prefill_share
    added = interference_seconds(
        requests=requests, prefill=occupied, share=share, waiting=0.0, output_tokens=output_tokens
    )
    load = added / (added + decode)
    waiting = waiting_share(
        together=behaviour.waiting_together, load=load, slope=behaviour.waiting_slope
    )
    interference = added * (1 - waiting / 2)
    tpot = decode + interference
    own = (
        behaviour.first_token_s
        + np.maximum(behaviour.first_token_prefills, 1.0) * prefill
        + behaviour.first_token_steps * step_tokens * tpot
        + beside
    )
    each = together + beside
    ahead = np.minimum(waiting * ranks**_IN_TURN, 1.0)
    queue = queue_seconds(requests=requests, prefill=each, share=share, waiting=ahead)
    burst = own + queue_seconds(requests=requests, prefill=each, share=1.0, waiting=1.0)
    steady = own + steady_queue_seconds(load=load, prefill=occupied)
    all_prompts = requests * together  # read while one request is in flight, at the least
    return Met(
        ttft=np.maximum(own + queue, all_prompts - (output_tokens - 1) * tpot),
        burst_ttft=burst,
        steady_ttft=np.minimum(steady, burst),
        tpot=tpot,
        interference=interference,
    )


def interrupting(behaviour: Behaviour) -> Behaviour:
    """Give the behaviour of an engine whose prefills stop decoding for their whole length."""
    return replace(behaviour, prefill_share=1.0)


def _added(decode: StageTimes, prefill: StageTimes, grid: Grid) -> Values:
    """Time that the prefill adds to the decode steps in which it takes place [s]."""
    device = _on_device(prefill)
    host = np.sqrt(np.maximum(prefill.period_s**2 - device**2, 0.0))
    step, parts = decode.latency_s * grid.gained, grid.pieces
    return parts * mixed_step_seconds(decode=step, device=device / parts, host=host / parts)


def _beside(decode: StageTimes, grid: Grid) -> Values:
    """Time of the decode steps that a prompt in parts waits for [s]: none where nobody decodes."""
    if isinstance(grid.pieces, float) and grid.pieces == 1:
        return 0.0
    others = grid.batch > grid.attention_ranks
    return (grid.pieces - 1) * others * decode.latency_s * grid.gained


def _on_device(prefill: StageTimes) -> Values:
    """Time for which a prefill occupies its devices, without waiting for the host [s]."""
    device: Values = prefill.period_s * (1 - prefill.kinds[4] / prefill.latency_s)
    return device


def _kinds(
    decode: StageTimes, prefill: StageTimes, added: Values, interference: Values
) -> list[Values]:
    """Split the time per output token by kind.

    Of what prefills add, the devices' part is split as theirs is; waiting for the host is overhead.
    """
    busy = interference * _on_device(prefill) / added
    working = prefill.latency_s - prefill.kinds[4]
    shares = [busy * kind / working for kind in prefill.kinds[:4]] + [interference - busy]
    return [own + share for own, share in zip(decode.kinds, shares, strict=True)]


def packed_prompts(grid: Grid) -> Values:
    """Count the prompts that an attention replica reads in one step when many wait."""
    waiting = np.maximum(np.floor(grid.batch / grid.attention_ranks), 1.0)
    count: Values = np.clip(np.floor(grid.chunk_tokens / grid.computed), 1.0, waiting)
    return count


def arriving_prompts(grid: Grid) -> Values:
    """Count the prompts that an attention replica is given in one decode step, at least one."""
    ended = np.floor(grid.batch / grid.attention_ranks * grid.gained / grid.outputs)
    count: Values = np.clip(ended, 1.0, packed_prompts(grid))
    return count


def prompts(grid: Grid, count: Values) -> Grid:
    """Give every attention replica some prompts, which go through the stages in one piece."""
    batch = grid.attention_ranks * count
    return replace(grid, batch=batch, micro=batch, micro_batches=batch / batch)
