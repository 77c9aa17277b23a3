"""One replica under continuous batching: what a request meets, and how many run at once."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.times import BOUNDS
from llmcalc_core.defaults import CONCURRENCY
from llmcalc_core.engines import Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.concurrency import max_concurrency
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import cost_numbers
from llmcalc_core.planning.engine_rules import whether_it_starts
from llmcalc_core.planning.open_loop import open_loop_at, performance_at
from llmcalc_core.planning.regimes import WiderBand, regime_reason, widened
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.precision import Precision
from llmcalc_core.records import record
from llmcalc_core.simulation.open_loop import OfferedLoad, OpenLoop
from llmcalc_core.simulation.records import single
from llmcalc_core.simulation.serving import ServingTimes, serving_times
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import Arrivals

_LATENCIES = ("ttft_s", "tpot_s", "e2e_s")


def serving_figures(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    layout: Layout,
    workload: Workload,
    *,
    engine: Engine,
    memory_fraction: float | None,
    chunked: bool,
    arrivals: Arrivals,
    constants: Constants | None,
    request_rate: float | None = None,
    num_prompts: int | None = None,
    percentile: float | None = None,
) -> dict[str, Any]:
    """Estimate one replica under a closed loop of requests.

    Parameters
    ----------
    model, hardware, precision, layout
        What runs on what, in which types, how split.
    workload : Workload
        Its one batch is the concurrency.
    engine : Engine
        The serving engine, as it is told to run.
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
    percentile : float, optional
        At a rate, the share of requests that are no slower than the times [1].

    Returns
    -------
    dict
        See :func:`llmcalc_core.estimate_serving_performance`.
    """
    efficiency = efficiency_for(hardware, precision, engine=engine, constants=constants)
    concurrency = workload.batches[0]
    serves = hardware.engine(engine)
    budget = memory_budget(
        model, hardware, memory_fraction, _grid(layout, workload, 1, serves)
    )  # fmt: skip

    alone = replace(workload, batches=(1,))
    held = _Held(model, precision, layout, alone, serves, budget)
    most = _most_at_once(held)
    if request_rate is None:
        let_in = min(concurrency, serves.max_num_seqs * layout.attention_dp)
        running = min(let_in, most) if most else let_in
        memory, grid = _memory_of(held, let_in)[0], _memory_of(held, math.ceil(running))[1]
        times = serving_times(
            model, hardware, precision, grid, efficiency, chunked=chunked, arrivals=arrivals
        )
        served = _closed(times, running, let_in, concurrency)
    else:
        one = (model, hardware, precision, _grid(layout, workload, 1, serves), efficiency)
        load = OfferedLoad(
            rates=np.full((1, 1, 1, 1), request_rate), chunked=chunked, percentile=percentile,
            held_steps=float(np.asarray(arrivals.held_steps)), further=True,
        )  # fmt: skip
        loop = single(open_loop_at(one, budget, load))
        served = _at_rate(loop, request_rate, num_prompts, percentile)
        times = served.times
        memory, grid = _memory_of(held, served.let_in)
    basis = basis_of(model, hardware, efficiency, workload.techniques)
    regime = {"outputs": float(workload.output_tokens), "stages": float(layout.pp)}
    bands = {
        name: widened(band_of(name, basis.name, model), name, **regime) for name in ("ttft", "tpot")
    }
    per_second = served.requests_per_s
    asked = Asked(model=model, hardware=hardware, precision=precision, grid=grid)
    return {
        **_banded("ttft_ms", served.ttft_s * 1e3, bands["ttft"]),
        "ttft_burst_ms": (times.burst_ttft_s.item() + served.late_s) * 1e3,
        "ttft_steady_ms": times.steady_ttft_s.item() * 1e3,
        **_banded("tpot_ms", served.tpot_s * 1e3, bands["tpot"]),
        "e2e_latency_ms": served.e2e_s * 1e3,
        "tokens_per_s": per_second * workload.output_tokens,
        "tokens_per_s_per_device": per_second * workload.output_tokens / layout.devices,
        "tokens_per_s_per_user": 1 / served.tpot_s,
        "requests_per_s": per_second,
        "time_by_kind_ms": {kind: part * 1e3 for kind, part in times.by_kind.numbers().items()},
        "bound_by": BOUNDS[times.bound.item()],
        "running": min(served.running, most),
        "max_concurrency": most,
        **whether_it_starts(asked, fits=bool(most >= served.let_in)),
        "memory_bytes": memory.total.item(),
        "memory_capacity_bytes": (
            budget.device_bytes + (memory.total.item() - budget.counted(memory).item())
        ),
        "host_memory_bytes": float(memory.host),
        "devices": layout.devices,
        "engine": engine.name,
        "engine_version": engine.version,
        "basis": basis.name,
        "basis_reason": basis.reason + regime_reason(**regime),
        **served.asked,
        **cost_numbers(grid, hardware, times.utilisation, per_second),
    }


class _Held(NamedTuple):
    """What a replica holds, whatever is in flight."""

    model: Model
    precision: Precision
    layout: Layout
    workload: Workload
    engine: Engine
    budget: MemoryBudget


@lru_cache(maxsize=1024)
def _memory_of(held: _Held, batch: int) -> tuple[Memory, Grid]:
    """Give the memory of so many requests, and their grid."""
    grid = _grid(held.layout, held.workload, batch, held.engine)
    grid = offloaded(held.model, held.precision, grid, held.budget)
    return device_memory(held.model, held.precision, grid), grid


@lru_cache(maxsize=1024)
def _most_at_once(held: _Held) -> int:
    return max_concurrency(partial(_memory_of, held), CONCURRENCY, held.budget)


@record()
class _Served:
    """What a replica does, as plain numbers; times of a request [s], some of them percentiles."""

    running: float
    let_in: int
    requests_per_s: float
    times: ServingTimes
    late_s: float
    ttft_s: float
    tpot_s: float
    e2e_s: float
    asked: dict[str, Any]


def _closed(times: ServingTimes, running: int, let_in: int, concurrency: int) -> _Served:
    """Read what a closed loop gives; what has no room waits."""
    e2e = times.e2e_s.item()
    late = (concurrency - running) / running * e2e
    return _Served(
        running=running,
        let_in=let_in,
        requests_per_s=running / e2e,
        times=times,
        late_s=late,
        ttft_s=times.ttft_s.item() + late,
        tpot_s=times.tpot_s.item(),
        e2e_s=e2e + late,
        asked={},
    )


def _at_rate(
    found: OpenLoop, rate: float, num_prompts: int | None, percentile: float | None
) -> _Served:
    """Read what a rate gives; what comes too fast waits."""
    times, late = found.times, found.waiting_s(rate, num_prompts).item()
    asked: dict[str, Any] = {"request_rate": rate, "overloaded": found.overloaded.item()}
    shown = (times.ttft_s.item() + late, times.tpot_s.item(), times.e2e_s.item() + late)
    if percentile is not None:
        asked |= {
            "percentile": percentile,
            "ttft_mean_ms": shown[0] * 1e3,
            "tpot_mean_ms": shown[1] * 1e3,
        }
        levels = performance_at(found, np.asarray(np.nan))
        shown = tuple(np.asarray(getattr(levels, name)).item() for name in _LATENCIES)
    return _Served(
        running=found.in_flight.item(),
        let_in=int(found.places.item()),
        requests_per_s=found.requests_per_s.item(),
        times=times,
        late_s=late,
        ttft_s=shown[0],
        tpot_s=shown[1],
        e2e_s=shown[2],
        asked=asked,
    )


def _grid(layout: Layout, workload: Workload, batch: int, engine: Engine) -> Grid:
    return make_grid(
        (layout,),
        batches=(batch,),
        inputs=(workload.input_tokens,),
        outputs=(workload.output_tokens,),
        techniques=workload.techniques,
        graph_sizes=workload.graph_sizes,
        engine=engine,
    )


def _banded(name: str, value: float, around: WiderBand) -> dict[str, float]:
    return {
        name: value,
        f"{name}_low": value * float(around.low),
        f"{name}_high": value * float(around.high),
    }
