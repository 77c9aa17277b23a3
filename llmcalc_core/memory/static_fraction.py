"""SGLang's share of a device for weights and pools, and how states and windows divide the pools.

``_handle_gpu_memory_settings`` of python/sglang/srt/server_args.py, and ``profile_max_num_token``,
``handle_max_mamba_cache`` and ``set_num_token_hybrid`` of its model runner (0.5; read 2026-11-30).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.precision import Precision
from llmcalc_core.workload.layout import Layout

CONTEXT_GIB = 0.6
"""What the context and the buffers of communication take before weights are read: H100 logs
``avail mem=78.6 GB`` then (assumed for other devices) [GiB]."""

_STATES_TO_TOKENS = 0.9
"""Bytes of the pool of states for each byte of that of tokens (``mamba_full_memory_ratio``)."""

_WINDOW_TOKENS = 0.8
"""Tokens of the pool of windows for each token of that of all (``swa_full_tokens_ratio``)."""

_WIDE = 4
"""Tensor parallel devices from which larger batches of graphs are captured."""

_GRAPH_SIZES = ((20, 8, 8), (35, 24, 80), (60, 32, 160), (90, 256, 512), (math.inf, 512, 512))
"""Largest batch of captured graphs below so many GiB, with fewer than four tensor parallel devices
and with more."""


def static_fraction(memory_bytes: float, chunk: float, *, devices: int, tp: int) -> float:
    """Give the share of a device that weights and pools may fill where none is asked for.

    Parameters
    ----------
    memory_bytes : float
        Of the device, as its driver reports it [bytes].
    chunk : float
        Tokens of a prompt that one step reads [tokens].
    devices, tp : int
        Devices of a replica, and tensor parallel width [1].

    Returns
    -------
    float
        Rounded to three digits, as SGLang does [1].

    Examples
    --------
    >>> static_fraction(81_559 * 2**20, 8192, devices=1, tp=1)
    0.835
    """
    memory = memory_bytes / 2**20
    narrow, wide = next(sizes for most, *sizes in _GRAPH_SIZES if memory < most * 1024)
    reserved = 512 + max(chunk, 2048) * 1.5 + 2 * (narrow if tp < _WIDE else wide) + devices * 128
    if memory > 60 * 1024:
        reserved = max(reserved, 10 * 1024)
    return round((memory - reserved) / memory, 3)


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


def pools(
    model: Model, precision: Precision, layout: Layout, room: float, *, share: float
) -> Pools:
    """Divide what weights leave into a pool of tokens and one of states.

    Parameters
    ----------
    model, precision, layout
        What is kept, in which types, on how many devices.
    room : float
        For both pools [bytes].
    share : float
        Of the layers, on the fullest stage [1].

    Returns
    -------
    Pools
        Of that stage's device.
    """
    tokens = state = 0.0
    for part, count in zip(model.parts, np.ravel(section_counts(model)).tolist(), strict=False):
        for page in part.cache_pages(precision.kv_bytes, layout.tp):
            each = count * share * page.token_bytes / page.entry_tokens
            if page.kept == "state":
                state += each
            else:
                tokens += each * (_WINDOW_TOKENS if page.kept == "window" else 1.0)
    for_states = max(room, 0.0) * _STATES_TO_TOKENS / (1 + _STATES_TO_TOKENS) if state else 0.0
    for_tokens = room - for_states
    return Pools(
        token_bytes=for_tokens,
        state_bytes=for_states,
        tokens=math.floor(max(for_tokens, 0.0) / tokens) if tokens else 0.0,
        states=math.floor(for_states / state) if state else math.inf,
    )
