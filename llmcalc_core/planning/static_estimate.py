"""Static batches of chosen layouts, one phase at a time: what single questions need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times
from llmcalc_core.costmodel.times import BOUNDS
from llmcalc_core.costmodel.utilisation import phase_utilisation
from llmcalc_core.engines import DEFAULT_ENGINE, Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import cost_numbers
from llmcalc_core.planning.engine_rules import whether_it_starts
from llmcalc_core.precision import Precision
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the layouts have to serve, and how."""

    batches: tuple[int, ...]
    input_tokens: int
    output_tokens: int
    beam_size: int = 1
    techniques: Techniques = NO_TECHNIQUES
    graph_sizes: tuple[int, ...] = ()


@record()
class Estimate:
    """One phase's times and the memory of some layouts and batches."""

    grid: Grid
    times: PhaseTimes
    memory: Memory
    budget: MemoryBudget
    efficiency: Efficiency


def estimate_phases(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    layouts: tuple[Layout, ...],
    workload: Workload,
    *,
    phases: tuple[str, ...],
    memory_fraction: float | None = None,
    engine: str | Engine = DEFAULT_ENGINE,
    constants: Constants | None = None,
    bounds: bool = True,
) -> list[Estimate]:
    """Estimate some phases of every layout and batch, and the memory of all once.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    layouts : tuple of Layout
        Of one replica.
    workload : Workload
        Batches and lengths.
    phases : tuple of {'prefill', 'decode'}
        Which times to estimate.
    memory_fraction : float
        Part of a device's memory that may be used.
    engine : str or Engine
        The serving engine, one of ``ENGINES`` or a version of one.
    constants : Constants, optional
        In place of the fitted ones.
    bounds : bool, default True
        Whether to say what bounds the times, on which power depends.

    Returns
    -------
    list of Estimate
        Of each phase; arrays that broadcast to (layouts, batches, 1, 1).
    """
    grid = make_grid(
        layouts,
        batches=workload.batches,
        inputs=(workload.input_tokens,),
        outputs=(workload.output_tokens,),
        beams=workload.beam_size,
        techniques=workload.techniques,
        engine=hardware.engine(engine),
    )
    budget = memory_budget(model, hardware, memory_fraction, grid)
    grid = offloaded(model, precision, grid, budget)
    efficiency = efficiency_for(hardware, precision, engine=engine, constants=constants)
    memory = device_memory(model, precision, grid)
    case = (model, hardware, precision, grid, efficiency)
    return [
        Estimate(
            grid=grid,
            times=phase_times(*case, decode=phase == "decode", bounds=bounds),
            memory=memory,
            budget=budget,
            efficiency=efficiency,
        )
        for phase in phases
    ]


def static_figures(
    found: Estimate,
    model: Model,
    hardware: Hardware,
    workload: Workload,
    *,
    precision: Precision,
    phase: str,
) -> dict[str, Any]:
    """Describe the one layout and batch of an estimate, in plain numbers.

    Parameters
    ----------
    found : Estimate
        Of one layout and one batch.
    model, hardware
        What was estimated on what.
    workload : Workload
        Batch and lengths.
    precision : Precision
        In which types.
    phase : {'prefill', 'decode'}
        Which phase was estimated.

    Returns
    -------
    dict
        ``latency`` [ms] and ``throughput`` [tokens/s] as in the guide; ``latency_low`` and
        ``latency_high`` (80 % band); ``ttft_ms`` or ``tpot_ms``, ``tokens_per_s``,
        ``requests_per_s``, ``time_by_kind_ms``, ``bound_by``, ``memory_by_kind_bytes``,
        ``memory_bytes``, ``memory_capacity_bytes`` (what may be used), ``host_memory_bytes`` (what
        is offloaded), ``fits``, ``rejected_for`` (what the engine refuses, or
        'memory'), ``devices``, ``basis`` and in a
        sentence ``basis_reason``; cost, power and energy by the names of
        ``COST_COLUMNS``.
    """
    times, memory, budget = found.times, found.memory, found.budget
    decode = phase == "decode"
    latency = times.latency_s.item() * 1e3
    tokens = workload.batches[0] / times.period_s.item()
    if not decode:
        tokens *= workload.input_tokens
    requests = tokens / (workload.output_tokens if decode else workload.input_tokens)
    total = memory.total.item()
    asked = Asked(model=model, hardware=hardware, precision=precision, grid=found.grid)
    basis = basis_of(model, hardware, found.efficiency, workload.techniques)
    band = band_of("latency" if decode else "prefill", basis.name, model)
    result: dict[str, Any] = {
        "latency": latency,
        "latency_low": latency * band.low,
        "latency_high": latency * band.high,
        "throughput": tokens,
        "tpot_ms" if decode else "ttft_ms": latency,
        "tokens_per_s": tokens,
        "requests_per_s": requests,
        "time_by_kind_ms": {kind: part * 1e3 for kind, part in times.by_kind.numbers().items()},
        "bound_by": BOUNDS[times.bound.item()],
        "memory_by_kind_bytes": {
            "weights": memory.weights.item(),
            "kv_cache": memory.kv_cache.item(),
            "activations": memory.activations.item(),
            "reserve": memory.reserve,
        },
        "memory_bytes": total,
        "memory_capacity_bytes": budget.device_bytes + (total - budget.counted(memory).item()),
        "host_memory_bytes": float(memory.host),
        **whether_it_starts(asked, fits=bool(budget.fits(memory))),
        "devices": found.grid.layouts[0].devices,
        "basis": basis.name,
        "basis_reason": basis.reason,
        **cost_numbers(
            found.grid, hardware, phase_utilisation(times, found.grid, decode=decode), requests
        ),
    }
    if decode:
        result["total_latency_ms"] = latency * workload.output_tokens
    return result
