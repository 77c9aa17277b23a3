"""Latencies in a closed loop: decode steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.serving import (
    burst_seconds,
    dispersed_queue_seconds,
    interference_seconds,
    steady_queue_seconds,
)
from llmcalc_core.workload.arrivals import DRAWN, ROUNDS, SHORTEST_SHARE, Arrivals

_SPREAD = 2 * (1 - SHORTEST_SHARE) / (1 + SHORTEST_SHARE)
"""Width of the range of drawn lengths over their mean [1]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedLoopTimes:
    """Latencies of a request in a closed loop; see :class:`ServingTimes`.

    Attributes
    ----------
    ttft, burst_ttft, steady_ttft : float or array
        Mean time to first token, of the first burst, and of arrivals at random [s].
    tpot : float or array
        Time per output token [s].
    interference : float or array
        The part of it that prefills of other requests add [s].
    """

    ttft: Values
    burst_ttft: Values
    steady_ttft: Values
    tpot: Values
    interference: Values


def closed_loop(
    *,
    decode: Values,
    prefill: Values,
    arriving_prefill: Values,
    packed_prefill: Values,
    packed_prompts: Values,
    later_chunks: Values = 0.0,
    requests: Values,
    attention_dp: Values,
    output_tokens: Values,
    step_tokens: Values = 1.0,
    arrivals: Arrivals = DRAWN,
    behaviour: Behaviour,
) -> ClosedLoopTimes:
    """Join a decode step and a prefill into the latencies of a request in a closed loop.

    All requests arrive at once; each one that ends is followed by another, ten times
    (:data:`ROUNDS`). Drawn lengths disperse them. Of one length, they stay a train: each waits for
    the one before it, or for all of them if the engine reads every prompt before it decodes.

    Parameters
    ----------
    decode, prefill : float or array
        Time of decoding a token, and of one prompt's prefill [s].
    arriving_prefill, packed_prefill : float or array
        Time for which each of the prompts that arrive in a step occupies the devices, and each of
        as many as a step has room for [s].
    packed_prompts : float or array
        Prompts that a step has room for [1].
    later_chunks : float or array
        Time of the decode steps that the chunks of a prompt but the first run in [s].
    requests : float or array
        Requests in flight on one attention replica [1].
    attention_dp : float or array
        Attention replicas: they take every step together, and after the burst turns in reading [1].
    output_tokens : float or array
        Tokens generated per request [tokens].
    step_tokens : float or array
        Tokens of a request that a decode step gives [tokens].
    arrivals : Arrivals, optional
        How requests come, and for how long the server holds them back.
    behaviour : Behaviour
        How the engine serves.

    Returns
    -------
    ClosedLoopTimes
        Times to the first token and per output token, and what prefills add to the latter.
    """
    each, at_once = packed_prefill + later_chunks, np.minimum(packed_prompts, requests)
    added = interference_seconds(
        requests=requests, prefill=arriving_prefill, output_tokens=output_tokens
    )
    in_step = arrivals.fixed_lengths * behaviour.prefill_first  # all decode at the same time
    # Prompts of the burst that are read after one's own.
    of_burst = (requests - at_once) / 2 * packed_prefill / output_tokens
    interference = in_step * of_burst + (1 - in_step) * (1 - 1 / (2 * ROUNDS)) * added
    tpot = decode + interference
    load = added / (added + decode)

    burst = burst_seconds(requests=requests, prefill=each, group=at_once)
    burst_queue = np.maximum(burst - prefill - later_chunks, 0.0)
    one_before = np.minimum(requests - 1, 1.0) * each
    dispersed_queue = dispersed_queue_seconds(
        requests=requests,
        prefill=each,
        decode=decode,
        output_tokens=output_tokens,
        spread=_SPREAD,
        rounds=ROUNDS,
    )
    ordered_queue = np.where(behaviour.prefill_first, burst_queue, one_before)
    later_queue = np.minimum(
        attention_dp * np.where(arrivals.fixed_lengths, ordered_queue, dispersed_queue),
        burst_queue,
    )
    queue = burst_queue / ROUNDS + (1 - 1 / ROUNDS) * later_queue
    steady_queue = steady_queue_seconds(load=load, prefill=arriving_prefill)
    next_step = np.where(arrivals.fixed_lengths, one_before, load * packed_prefill)
    unqueued = (
        behaviour.first_token_s
        + prefill
        + later_chunks
        + behaviour.overlaps * next_step
        + (behaviour.first_token_steps + arrivals.held_steps) * step_tokens * tpot
    )
    all_prompts = requests * packed_prefill  # read while one request is in flight, at the least
    return ClosedLoopTimes(
        ttft=np.maximum(unqueued + queue, all_prompts - (output_tokens - 1) * tpot),
        burst_ttft=unqueued + burst_queue,
        steady_ttft=unqueued + np.minimum(steady_queue, burst_queue),
        tpot=tpot,
        interference=interference,
    )
