"""SGLang's share of a device for weights and pools, and how states and windows divide the pools.

``_handle_gpu_memory_settings`` of python/sglang/srt/server_args.py, and ``profile_max_num_token``,
``handle_max_mamba_cache`` and ``set_num_token_hybrid`` of its model runner (0.5; read 2026-11-30).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmcalc_core.memory.pooled_cache import STATES_TO_TOKENS, KeptBytes
from llmcalc_core.model.vision import VisionTower

_WIDE = 4
"""Tensor parallel devices from which larger batches of graphs are captured."""

_GRAPH_SIZES = ((20, 8, 8), (35, 24, 80), (60, 32, 160), (90, 256, 512), (math.inf, 512, 512))
"""Largest batch of captured graphs below so many GiB, with fewer than four tensor parallel devices
and with more."""


_IMAGES, _MORE, _FACTORS = 0.95, 0.1, (0.8, 1.05)
"""Factor for a model that reads images, what an encoder of twice the size of ViT-L/14 lowers it by,
and the least and the most that this comes to (``adjust_mem_fraction_for_vlm``)."""

_COMMON_TOWER = 24 * 1024**2
"""Layers times squared width of ViT-L/14."""


def static_fraction(
    memory_bytes: float, chunk: float, *, devices: int, tp: int, tower: VisionTower | None = None
) -> float:
    """Give the share of a device that weights and pools may fill where none is asked for.

    Parameters
    ----------
    memory_bytes : float
        Of the device, as its driver reports it [bytes].
    chunk : float
        Tokens of a prompt that one step reads [tokens].
    devices, tp : int
        Devices of a replica, and tensor parallel width [1].
    tower : VisionTower, optional
        The encoder of images, beside which less is left for weights and pools.

    Returns
    -------
    float
        Rounded to three digits before images are allowed for, as SGLang does [1].

    Examples
    --------
    >>> static_fraction(81_559 * 2**20, 8192, devices=1, tp=1)
    0.835
    >>> from llmcalc_core.hub.models import find_model
    >>> tower = find_model("google/gemma-3-27b-pt").vision
    >>> round(static_fraction(81_559 * 2**20, 8192, devices=1, tp=1, tower=tower), 3)
    0.76
    """
    memory = memory_bytes / 2**20
    narrow, wide = next(sizes for most, *sizes in _GRAPH_SIZES if memory < most * 1024)
    reserved = 512 + max(chunk, 2048) * 1.5 + 2 * (narrow if tp < _WIDE else wide) + devices * 128
    if memory > 60 * 1024:
        reserved = max(reserved, 10 * 1024)
    share = round((memory - reserved) / memory, 3)
    return share if tower is None else share * _beside_images(tower)


def _beside_images(tower: VisionTower) -> float:
    """Give what an encoder of images leaves of the share [1]."""
    size = tower.layers * tower.hidden_size**2 / _COMMON_TOWER
    least, most = _FACTORS
    return _IMAGES * max(least, min(most, 1 - _MORE * (size - 1)))


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
