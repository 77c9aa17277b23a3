"""What a request of a closed loop meets: steps, the prefills between them, and the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.serving import (
    interference_seconds,
    queue_seconds,
    steady_queue_seconds,
)

_IN_TURN = 0.5
"""Attention replicas take every step together, so that a request also waits while another replica
reads prompts: not at all if they read in the same steps (0), as often as there are replicas if they
take turns (1). Assumed; measured times to the first token with 2 to 8 replicas lie between."""


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
    waiting = behaviour.waiting_together
    added = interference_seconds(
        requests=requests, prefill=occupied, waiting=0.0, output_tokens=output_tokens
    )
    load = added / (added + decode)
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
    queue = queue_seconds(requests=requests, prefill=each, waiting=ahead)
    burst = own + queue_seconds(requests=requests, prefill=each, waiting=1.0)
    steady = own + steady_queue_seconds(load=load, prefill=occupied)
    all_prompts = requests * together  # read while one request is in flight, at the least
    return Met(
        ttft=np.maximum(own + queue, all_prompts - (output_tokens - 1) * tpot),
        burst_ttft=burst,
        steady_ttft=np.minimum(steady, burst),
        tpot=tpot,
        interference=interference,
    )
