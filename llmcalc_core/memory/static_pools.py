"""How SGLang divides what weights leave into a pool of tokens and one of states.

``profile_max_num_token``, ``handle_max_mamba_cache`` and ``set_num_token_hybrid`` of its model
runner (0.5; read 2026-11-30).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmcalc_core.memory.pooled_cache import STATES_TO_TOKENS, KeptBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """The pools of tokens and of states.

    Attributes
    ----------
    token_bytes, state_bytes : float
        Of each pool [bytes].
    tokens : float
        That the first holds in layers that keep all [tokens].
    states : float
        Requests whose states the second holds; without end where there are none [1].
    """

    token_bytes: float
    state_bytes: float
    tokens: float
    states: float


def pools(kept: KeptBytes, room: float, *, states: float | None = None) -> Pools:
    """Divide what weights leave into a pool of tokens and one of states.

    Parameters
    ----------
    kept : KeptBytes
        What is kept on the device.
    room : float
        For both pools [bytes].
    states : float, optional
        States that the second pool was told to have (``max_mamba_cache_size``), one more of which
        pads it; as many as its share of the room holds where not given [1].

    Returns
    -------
    Pools
        Of that device.
    """
    for_states = 0.0
    if kept.state:
        share = STATES_TO_TOKENS / (1 + STATES_TO_TOKENS)
        for_states = max(room, 0.0) * share if states is None else (states + 1) * kept.state
    for_tokens = room - for_states
    return Pools(
        token_bytes=for_tokens,
        state_bytes=for_states,
        tokens=math.floor(max(for_tokens, 0.0) / kept.each) if kept.each else 0.0,
        states=math.floor(for_states / kept.state) if kept.state else math.inf,
    )
