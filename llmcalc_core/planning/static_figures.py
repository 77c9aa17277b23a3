"""One estimate in full, as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.times import BOUNDS, KINDS
from llmcalc_core.costmodel.utilisation import phase_utilisation
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import cost_numbers
from llmcalc_core.planning.estimate_layouts import Estimate, Workload
from llmcalc_core.planning.feasibility import fits


def figures(
    found: Estimate,
    model: Model,
    hardware: Hardware,
    workload: Workload,
    *,
    stage: str,
    memory_fraction: float,
    engine: str,
) -> dict[str, Any]:
    """Describe the one layout and batch of an estimate.

    Parameters
    ----------
    found : Estimate
        Of one layout and one batch.
    model, hardware
        What was estimated on what; the device's memory is what the
        plan has to fit.
    workload : Workload
        Batch and lengths.
    stage : {'prefill', 'decode'}
        Which stage was estimated.
    memory_fraction : float
        Part of the device's memory that may be used.
    engine : str
        The serving engine.

    Returns
    -------
    dict
        ``latency`` [ms] and ``throughput`` [tokens/s] as in the guide; ``latency_low`` and
        ``latency_high`` (80 % band); ``ttft_ms`` or ``tpot_ms``, ``tokens_per_s``,
        ``requests_per_s``, ``time_by_kind_ms``, ``bound_by``, ``memory_by_kind_bytes``,
        ``memory_bytes``, ``memory_capacity_bytes`` (what may be used), ``host_memory_bytes`` (what
        is offloaded), ``fits``, ``devices``, ``basis``; cost, power and energy by the names of
        ``COST_COLUMNS``.
    """
    times, memory = found.times, found.memory
    latency, period = times.latency_s.item(), times.period_s.item()
    batch, decoding = workload.batches[0], stage == "decode"
    tokens = batch / period * (1 if decoding else workload.input_tokens)
    per_request = workload.output_tokens if decoding else workload.input_tokens
    total = memory.total.item()
    counted = memory.counted(memory_fraction=memory_fraction, engine=engine)
    capacity = hardware.usable_bytes(memory_fraction) + (total - counted.item())
    basis = basis_of(model, hardware, found.efficiency, workload.techniques)
    around = band_of("latency" if decoding else "prefill", basis, model)
    result: dict[str, Any] = {
        "latency": latency * 1e3,
        "latency_low": latency * 1e3 * around.low,
        "latency_high": latency * 1e3 * around.high,
        "throughput": tokens,
        "tpot_ms" if decoding else "ttft_ms": latency * 1e3,
        "tokens_per_s": tokens,
        "requests_per_s": tokens / per_request,
        "time_by_kind_ms": {
            kind: float(np.asarray(part).item()) * 1e3
            for kind, part in zip(KINDS, times.by_kind.parts(), strict=True)
        },
        "bound_by": BOUNDS[times.bound.item()],
        "memory_by_kind_bytes": {
            "weights": memory.weights.item(),
            "kv_cache": memory.kv_cache.item(),
            "activations": memory.activations.item(),
            "reserve": memory.reserve,
        },
        "memory_bytes": total,
        "memory_capacity_bytes": capacity,
        "host_memory_bytes": float(memory.host),
        "fits": bool(fits(memory, hardware, memory_fraction, engine)),
        "devices": found.grid.layouts[0].devices,
        "basis": basis,
        **cost_numbers(
            found.grid,
            hardware,
            phase_utilisation(times, found.grid, decode=decoding),
            tokens / per_request,
        ),
    }
    if decoding:
        result["total_latency_ms"] = latency * 1e3 * workload.output_tokens
    return result
