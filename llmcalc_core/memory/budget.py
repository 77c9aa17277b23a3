"""What the devices of a plan may hold, as their engine counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import Memory
from llmcalc_core.memory.profiled import default_share
from llmcalc_core.memory.static_fraction import static_fraction
from llmcalc_core.workload.grid import Grid

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
    device_bytes : float or array
        Of the device's memory, where plans differ by layout [bytes].
    host_bytes : float
        Of the host's memory for a device [bytes].
    cache_fraction : float, optional
        Where the engine gives the KV cache a fraction of what weights, buffers and runtime leave
        free, that fraction [1].
    beside_bytes : float or array, optional
        Where the engine gives weights and cache a share of what is free, the rest of that, which
        buffers and runtime have to themselves [bytes].
    """

    device_bytes: Values = math.inf
    host_bytes: float = math.inf
    cache_fraction: float | None = None
    beside_bytes: Values | None = None

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
        left: Floats = self.device_bytes - self.counted(memory)
        return left

    def fits(self, memory: Memory) -> NDArray[np.bool_]:
        """Tell which plans fit on their devices, and in the memory of their hosts."""
        here = self.counted(memory) <= self.device_bytes
        return np.asarray(here & (memory.host <= self.host_bytes))


def memory_budget(
    model: Model, hardware: Hardware, memory_fraction: float | None, grid: Grid
) -> MemoryBudget:
    """Give what the engine of some plans may fill of a device.

    Parameters
    ----------
    model : Model
        What is served.
    hardware : Hardware
        The device.
    memory_fraction : float or None
        Part of its memory that may be used; with an engine that shares what is free, the cache's
        part of that (TensorRT-LLM), or that of weights and cache (SGLang); of no account with one
        that has no such share (llama.cpp); None: the engine's own default [1].
    grid : Grid
        Their engine, layouts and techniques, of which SGLang's default makes a share for each.

    Returns
    -------
    MemoryBudget
        For these plans.

    Examples
    --------
    >>> from llmcalc_core.architecture.model import architecture
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> from llmcalc_core.hub.models import find_model
    >>> from llmcalc_core.workload.grid import make_grid
    >>> from llmcalc_core.workload.layout import Layout
    >>> model, device = architecture(find_model("llama3_8b")), find_hardware("A100_80GB")
    >>> for engine in ("vllm", "sglang", "trtllm", "llama.cpp"):
    ...     grid = make_grid((Layout(),), batches=(1,), inputs=(9,), outputs=(9,),
    ...                      engine=device.engine(engine))
    ...     stated, own = (memory_budget(model, device, one, grid) for one in (0.8, None))
    ...     print(round(stated.device_bytes / 1e9, 1), round(own.device_bytes / 1e9, 1))
    68.0 78.2
    67.5 70.0
    68.0 76.5
    85.0 85.0
    """
    kind, visible = grid.engine.memory_fraction_of, hardware.visible_bytes
    host = hardware.host_memory_bytes
    if kind == "nothing":
        return MemoryBudget(device_bytes=visible, host_bytes=host)
    share = memory_share(model, hardware, memory_fraction, grid)
    if kind == "static":
        before = max(visible - held_before(hardware), 0.0)
        own = before * share
        return MemoryBudget(device_bytes=own, host_bytes=host, beside_bytes=before - own)
    return MemoryBudget(
        device_bytes=visible * share,
        host_bytes=host,
        cache_fraction=float(share) if kind == "free" else None,
    )


def memory_share(
    model: Model, hardware: Hardware, memory_fraction: float | None, grid: Grid
) -> Values:
    """Give the share that the engine of some plans takes: what it is told, or its own default.

    Parameters
    ----------
    model, hardware, memory_fraction, grid
        As of :func:`memory_budget`.

    Returns
    -------
    float or array of shape (layouts, 1, 1, 1)
        Of what, depends on the engine [1].
    """
    if memory_fraction is not None:
        return memory_fraction
    if grid.engine.memory_fraction_of == "static":
        return static_fraction(model, hardware, grid)
    return default_share(grid.engine)
