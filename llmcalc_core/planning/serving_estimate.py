"""One replica under continuous batching: what a request meets, and how many run at once."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.bands import Band
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.times import BOUNDS
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import memory_budget
from llmcalc_core.memory.concurrency import max_concurrency
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import cost_numbers
from llmcalc_core.planning.open_loop import open_loop_at
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.precision import Precision
from llmcalc_core.simulation.records import single
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.workload.arrivals import Arrivals
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout


def serving_figures(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    layout: Layout,
    workload: Workload,
    *,
    engine: str,
    memory_fraction: float,
    chunked: bool,
    arrivals: Arrivals,
    constants: Constants | None,
    request_rate: float | None = None,
    num_prompts: int | None = None,
) -> dict[str, Any]:
    """Estimate one replica under a closed loop of requests.

    Parameters
    ----------
    model, hardware, precision, layout
        What runs on what, in which types, how split.
    workload : Workload
        Its one batch is the concurrency.
    engine : str
        The serving engine.
    memory_fraction : float
        Part of a device's memory that may be used.
    chunked : bool
        Whether prefills run in chunks beside decode steps.
    arrivals : Arrivals
        How requests come.
    constants : Constants, optional
        In place of the fitted ones.
    request_rate : float, optional
        Requests per second that come at random [1/s], in place of a fixed concurrency.
    num_prompts : int, optional
        Requests of the run.

    Returns
    -------
    dict
        See :func:`llmcalc_core.estimate_serving_performance`.
    """
    efficiency = efficiency_for(hardware, precision, engine=engine, constants=constants)
    concurrency = workload.batches[0]
    budget = memory_budget(hardware, memory_fraction, engine)

    @cache
    def memory_of(batch: int) -> tuple[Memory, Grid]:
        grid = _grid(layout, workload, batch, engine)
        grid = offloaded(model, precision, grid, budget)
        return device_memory(model, precision, grid), grid

    most = max_concurrency(memory_of, concurrency, budget)
    running: float = min(concurrency, most) if most else concurrency
    asked: dict[str, Any] = {}
    if request_rate is None:
        memory, grid = memory_of(concurrency)[0], memory_of(math.ceil(running))[1]
        times = serving_times(
            model, hardware, precision, grid, efficiency, chunked=chunked, arrivals=arrivals
        )
        late = (concurrency - running) / running * times.e2e_s.item()
        per_second = running / times.e2e_s.item()
    else:
        one = (model, hardware, precision, _grid(layout, workload, 1, engine), efficiency)
        loop = open_loop_at(
            one, budget, np.full((1, 1, 1, 1), request_rate), np.zeros(1, np.intp),
            chunked=chunked, held_steps=float(np.asarray(arrivals.held_steps)), further=True,
        )  # fmt: skip
        found = single(loop)
        running, times = found.in_flight.item(), found.times
        per_second = found.requests_per_s.item()
        late = found.waiting_s(request_rate, num_prompts).item()
        concurrency = int(found.places.item())
        memory, grid = memory_of(concurrency)
        asked = {"request_rate": request_rate, "overloaded": found.overloaded.item()}
    basis = basis_of(model, hardware, efficiency, workload.techniques)
    e2e, tpot = times.e2e_s.item(), times.tpot_s.item()
    bands = {name: band_of(name, basis, model) for name in ("ttft", "tpot")}
    ttft = times.ttft_s.item() + late
    return {
        **_banded("ttft_ms", ttft * 1e3, bands["ttft"]),
        "ttft_burst_ms": (times.burst_ttft_s.item() + late) * 1e3,
        "ttft_steady_ms": times.steady_ttft_s.item() * 1e3,
        **_banded("tpot_ms", tpot * 1e3, bands["tpot"]),
        "e2e_latency_ms": (e2e + late) * 1e3,
        "tokens_per_s": per_second * workload.output_tokens,
        "tokens_per_s_per_device": per_second * workload.output_tokens / layout.devices,
        "tokens_per_s_per_user": 1 / tpot,
        "requests_per_s": per_second,
        "time_by_kind_ms": {kind: part * 1e3 for kind, part in times.by_kind.numbers().items()},
        "bound_by": BOUNDS[times.bound.item()],
        "running": min(running, most),
        "max_concurrency": most,
        "fits": most >= concurrency,
        "memory_bytes": memory.total.item(),
        "memory_capacity_bytes": (
            budget.device_bytes + (memory.total.item() - budget.counted(memory).item())
        ),
        "host_memory_bytes": float(memory.host),
        "devices": layout.devices,
        "engine": engine,
        "basis": basis,
        **asked,
        **cost_numbers(grid, hardware, times.utilisation, per_second),
    }


def _grid(layout: Layout, workload: Workload, batch: int, engine: str) -> Grid:
    return make_grid(
        (layout,),
        batches=(batch,),
        inputs=(workload.input_tokens,),
        outputs=(workload.output_tokens,),
        techniques=workload.techniques,
        graph_sizes=workload.graph_sizes,
        engine=engine,
    )


def _banded(name: str, value: float, around: Band) -> dict[str, float]:
    return {
        name: value,
        f"{name}_low": value * around.low,
        f"{name}_high": value * around.high,
    }
