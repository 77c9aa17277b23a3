"""Estimates of chosen layouts, one stage at a time: what single questions need."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import PhaseTimes, phase_times
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import Memory, counting, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.precision import Precision
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """One stage's times and the memory of some layouts and batches."""

    grid: Grid
    times: PhaseTimes
    memory: Memory
    efficiency: Efficiency


def estimate_layouts(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    layouts: tuple[Layout, ...],
    workload: Workload,
    *,
    stage: str,
    memory_fraction: float = 0.9,
    engine: str = DEFAULT_ENGINE,
    constants: Constants | None = None,
) -> Estimate:
    """Estimate one stage of every layout and batch.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    layouts : tuple of Layout
        Of one replica.
    workload : Workload
        Batches and lengths.
    stage : {'prefill', 'decode'}
        Which times to estimate.
    memory_fraction : float
        Part of a device's memory that may be used.
    engine : str
        The serving engine, one of ``ENGINES``.
    constants : Constants, optional
        In place of the fitted ones.

    Returns
    -------
    Estimate
        Arrays that broadcast to (layouts, batches, 1, 1).
    """
    grid = make_grid(
        layouts,
        batches=workload.batches,
        inputs=(workload.input_tokens,),
        outputs=(workload.output_tokens,),
        beams=workload.beam_size,
        techniques=workload.techniques,
        engine=engine,
    )
    if workload.techniques.offloads_by_plan:
        usable = hardware.usable_bytes(memory_fraction)
        grid = offloaded(
            model, precision, grid, usable,
            counted=counting(memory_fraction, engine),
        )  # fmt: skip
    efficiency = efficiency_for(
        hardware, precision, mixture=model.is_moe, engine=engine, constants=constants
    )
    return Estimate(
        grid=grid,
        times=phase_times(model, hardware, precision, grid, efficiency, decode=stage == "decode"),
        memory=device_memory(model, precision, grid),
        efficiency=efficiency,
    )
