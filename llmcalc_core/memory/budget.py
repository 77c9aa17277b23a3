"""What the devices of a plan may hold, as their engine counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import Memory

_CONTEXT_GIB, _HELD_GIB = 0.6, {"DGX_Spark": 7.4}
"""What the context and the buffers of communication take before SGLang reads weights, H100 log
``avail mem=78.6 GB`` then (assumed for other devices); with memory that the host has as well, what
the system holds of it (from what two logs of SGLang had left) [GiB]."""

_PEER_GIB = 0.3
"""Buffers for a peer: between what a second H100 adds with vLLM, 0.41, and each of eight [GiB]."""


def held_before(hardware: Hardware, *, peers: int = 0) -> float:
    """Count what is not free of what is visible, before SGLang reads weights [bytes].

    Parameters
    ----------
    hardware : Hardware
        The device.
    peers : int, default 0
        Others that it exchanges results with, for each of which NCCL has buffers then [1].
    """
    name = hardware.name.removesuffix(" (edited)")
    return (_HELD_GIB.get(name, _CONTEXT_GIB) + _PEER_GIB * peers) * 2.0**30


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """What a device and its host may hold.

    Attributes
    ----------
    device_bytes : float
        Of the device's memory [bytes].
    host_bytes : float
        Of the host's memory for a device [bytes].
    cache_fraction : float, optional
        Where the engine gives the KV cache a fraction of what weights, buffers and runtime leave
        free, that fraction [1].
    beside_bytes : float, optional
        Where the engine gives weights and cache a share of what is free, the rest of that, which
        buffers and runtime have to themselves [bytes].
    """

    device_bytes: float = math.inf
    host_bytes: float = math.inf
    cache_fraction: float | None = None
    beside_bytes: float | None = None

    def counted(self, memory: Memory) -> Floats:
        """Count what must be at most ``device_bytes`` for a plan to fit.

        Where the cache gets a fraction f of what the rest r leaves free of a memory M, that is
        c <= f (M - r), or f r + c <= f M.

        Parameters
        ----------
        memory : Memory
            Of plans.

        Returns
        -------
        array
            Bytes [bytes]: all that a device holds, or less.
        """
        rest = memory.total - memory.kv_cache
        if self.beside_bytes is not None:
            more = np.maximum(rest - memory.weights - self.beside_bytes, 0.0)
            counted: Floats = memory.weights + memory.kv_cache + more
            return counted
        if self.cache_fraction is None:
            return memory.total
        return self.cache_fraction * rest + memory.kv_cache

    def headroom(self, memory: Memory) -> Floats:
        """Give what is left of the device's memory, or (negative) what is missing [bytes]."""
        return self.device_bytes - self.counted(memory)

    def fits(self, memory: Memory) -> NDArray[np.bool_]:
        """Tell which plans fit on their devices, and in the memory of their hosts."""
        here = self.counted(memory) <= self.device_bytes
        return np.asarray(here & (memory.host <= self.host_bytes))


def memory_budget(hardware: Hardware, memory_fraction: float, engine: str | Engine) -> MemoryBudget:
    """Give what an engine may fill of a device.

    Parameters
    ----------
    hardware : Hardware
        The device.
    memory_fraction : float
        Part of its memory that may be used; with an engine that shares what is free, the cache's
        part of that (TensorRT-LLM), or that of weights and cache (SGLang); of no account with one
        that has no such share (llama.cpp) [1].
    engine : str or Engine
        The serving engine.

    Returns
    -------
    MemoryBudget
        For its plans.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> memory_budget(find_hardware("A100_80GB"), 0.9, "trtllm").cache_fraction
    0.9
    >>> for engine in ("vllm", "sglang", "llama.cpp"):
    ...     budget = memory_budget(find_hardware("A100_80GB"), 0.9, engine)
    ...     print(round(budget.device_bytes / 1e9, 1))
    76.5
    75.9
    85.0
    """
    kind = find_engine(engine).memory_fraction_of
    usable, visible = hardware.usable_bytes(memory_fraction), hardware.visible_bytes
    host = hardware.host_memory_bytes
    if kind == "nothing":
        return MemoryBudget(device_bytes=visible, host_bytes=host)
    if kind == "static":
        before = max(visible - held_before(hardware), 0.0)
        share = before * memory_fraction
        return MemoryBudget(device_bytes=share, host_bytes=host, beside_bytes=before - share)
    return MemoryBudget(
        device_bytes=usable,
        host_bytes=host,
        cache_fraction=memory_fraction if kind == "free" else None,
    )
