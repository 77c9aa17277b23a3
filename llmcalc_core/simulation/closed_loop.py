"""What a request of a closed loop meets: steps, the prefills between them, and the queue."""

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
    group: Values,
    beside: Values = 0.0,
    requests: Values,
    ranks: Values,
    output_tokens: Values,
    step_tokens: Values = 1.0,
    arrivals: Arrivals = DRAWN,
    behaviour: Behaviour,
) -> Met:
    """Join a decode step and a prefill into what a request of a closed loop meets.

    All requests arrive at once; each one that ends is followed by another, ten times
    (:data:`ROUNDS`). Drawn lengths disperse them. Of one length, they stay a train: each waits for
    the one before it, or for all of them if the engine reads every prompt before it decodes.

    Parameters
    ----------
    decode, prefill, occupied, together : float or array
        Time of decoding a token, of one prompt's prefill, for which each of those that arrive in a
        step occupies the devices, and for which each of as many as can be read at once does [s].
    group : float or array
        Prompts that can be read at once [1].
    beside : float or array
        Time of the decode steps that the parts of a prompt but the first run beside [s].
    requests : float or array
        Requests in flight on one attention replica [1].
    ranks : float or array
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
    Met
        Times to the first token and per output token, and what prefills add to the latter.
    """
    each, at_once = together + beside, np.minimum(group, requests)
    added = interference_seconds(requests=requests, prefill=occupied, output_tokens=output_tokens)
    in_step = arrivals.fixed_lengths * behaviour.prefill_first  # all decode at the same time
    of_burst = (requests - at_once) / 2 * together / output_tokens  # read after one's own prompt
    interference = in_step * of_burst + (1 - in_step) * (1 - 1 / (2 * ROUNDS)) * added
    tpot = decode + interference
    load = added / (added + decode)

    burst = burst_seconds(requests=requests, prefill=each, group=at_once)
    queue = np.maximum(burst - prefill - beside, 0.0)
    one_before = np.minimum(requests - 1, 1.0) * each
    dispersed = dispersed_queue_seconds(
        requests=requests,
        prefill=each,
        decode=decode,
        output_tokens=output_tokens,
        spread=_SPREAD,
        rounds=ROUNDS,
    )
    in_order = np.where(behaviour.prefill_first, queue, one_before)
    later = np.minimum(ranks * np.where(arrivals.fixed_lengths, in_order, dispersed), queue)
    waited = queue / ROUNDS + (1 - 1 / ROUNDS) * later
    next_step = np.where(arrivals.fixed_lengths, one_before, load * together)
    own = (
        behaviour.first_token_s
        + prefill
        + beside
        + behaviour.overlaps * next_step
        + (behaviour.first_token_steps + arrivals.held_steps) * step_tokens * tpot
    )
    all_prompts = requests * together  # read while one request is in flight, at the least
    return Met(
        ttft=np.maximum(own + waited, all_prompts - (output_tokens - 1) * tpot),
        burst_ttft=own + queue,
        steady_ttft=own + np.minimum(steady_queue_seconds(load=load, prefill=occupied), queue),
        tpot=tpot,
        interference=interference,
    )
