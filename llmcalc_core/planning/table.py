"""The table of candidates: estimates of layouts spread over plans, one column per figure."""

from __future__ import annotations

from functools import cache, lru_cache, partial
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.bands import BASES, Band
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.times import KINDS
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import Memory, counting, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.columns import Column, Columns, Spread
from llmcalc_core.planning.cost import COST_COLUMNS, OF_ALL_REPLICAS, cost_figures
from llmcalc_core.planning.layouts import Plan, no_plan, plans
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.performance import (
    BAND_METRICS,
    LATENCY_COLUMNS,
    Performance,
    performance,
)
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques

REASONS = ("", "memory", "latency limit", "TTFT limit", "host memory")
"""Why a candidate is rejected; empty if it is not."""

TIME_COLUMNS = tuple(f"{kind}_traffic_s" if kind == "memory" else f"{kind}_s" for kind in KINDS)
MEMORY_COLUMNS = ("weights_bytes", "kv_cache_bytes", "activations_bytes", "reserve_bytes")

_PLAN_NUMBERS = {
    "devices": attrgetter("devices"),
    "tp": attrgetter("layout.tp"),
    "pp": attrgetter("layout.pp"),
    "ep": attrgetter("layout.ep"),
    "attention_dp": attrgetter("layout.attention_dp"),
    "cp": attrgetter("layout.cp"),
    "replicas": attrgetter("replicas"),
}


def candidates(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    techniques: Techniques,
    request: EvaluationRequest,
) -> Columns:
    """Estimate every plan and workload of one model, device, precision and way to serve.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    techniques : Techniques
        What the deployment does with its requests.
    request : EvaluationRequest
        Device counts, workloads and limits.

    Returns
    -------
    dict of str to function
        Each makes a column, all of equal length; categories as small integers.
    """
    found, layouts, index = _laid_out(model, request.devices, request.contexts)
    if not found:
        raise no_plan(model, request.devices, request.contexts)
    grid = make_grid(
        layouts,
        batches=request.batches,
        inputs=request.input_tokens,
        outputs=request.output_tokens,
        beams=request.beam_size,
        techniques=techniques,
        engine=request.engine,
    )
    usable = hardware.usable_bytes(request.memory_fraction)
    counted = counting(request.memory_fraction, request.engine)
    grid = offloaded(model, precision, grid, usable, counted=counted)
    spread = Spread(grid=grid, plans=found, index=index)
    efficiency = efficiency_for(hardware, precision, mixture=model.is_moe, engine=request.engine)
    times = performance(model, hardware, precision, grid, efficiency, stage=request.stage)
    basis = basis_of(model, hardware, efficiency, techniques)
    bands = {
        name: band_of(metric, basis, model) for name, metric in BAND_METRICS[request.stage].items()
    }
    memory = device_memory(model, precision, grid)
    columns = _plan_columns(spread, divided=request.contexts != (1,))
    columns |= _performance_columns(spread, times, bands)
    columns |= _cost_columns(spread, times, hardware)
    needed = counted(memory)
    columns |= _memory_columns(spread, memory, usable - needed)
    if any(one.offloads for one in request.techniques):
        columns["host_memory_bytes"] = spread.column(memory.host)
    lacking = (memory.host > hardware.host_memory_bytes, usable < needed)
    columns |= _judgement_columns(spread, times, lacking, request)
    columns["basis"] = spread.constant(BASES.index(basis))
    return columns


@lru_cache(maxsize=64)
def _laid_out(
    model: Model, devices: tuple[int, ...], contexts: tuple[int, ...]
) -> tuple[tuple[Plan, ...], tuple[Layout, ...], NDArray[np.intp]]:
    """Give the plans, the layouts that they have, and which of these each has."""
    found = tuple(plan for count in devices for plan in plans(model, count, contexts))
    position: dict[Layout, int] = {}
    places = [position.setdefault(plan.layout, len(position)) for plan in found]
    return found, tuple(position), np.array(places, dtype=np.intp)


def _plan_columns(spread: Spread, *, divided: bool) -> Columns:
    grid = spread.grid
    numbers = {
        name: spread.plan_column(number)
        for name, number in _PLAN_NUMBERS.items()
        if divided or name != "cp"
    }
    workloads = {
        "batch": grid.batch,
        "micro_batch": grid.micro,
        "input_tokens": grid.inputs,
        "output_tokens": grid.outputs,
    }
    return numbers | {name: spread.column(axis, np.int32) for name, axis in workloads.items()}


def _performance_columns(spread: Spread, times: Performance, bands: dict[str, Band]) -> Columns:
    @cache
    def requests() -> Floats:
        ended: Floats = spread.block(times.requests_per_s)
        ended *= spread.each(_PLAN_NUMBERS["replicas"], np.float64)
        return ended

    columns: Columns = {
        "ttft_s": spread.column(times.ttft_s),
        "tpot_s": spread.column(times.tpot_s),
        "e2e_latency_s": spread.column(times.e2e_s),
    }
    for name, around in bands.items():
        columns[f"{name}_low_s"] = partial(_scaled, columns[f"{name}_s"], around.low)
        columns[f"{name}_high_s"] = partial(_scaled, columns[f"{name}_s"], around.high)
    columns |= {
        "tokens_per_s": lambda: (requests() * times.tokens_per_request).reshape(-1),
        "tokens_per_s_per_device": spread.column(_rate_per_device(spread.grid, times)),
        "requests_per_s": lambda: requests().reshape(-1),
    }
    columns |= {
        name: spread.column(kind) for name, kind in zip(TIME_COLUMNS, times.kinds, strict=True)
    }
    columns["bound_by"] = spread.column(times.bound, np.int8)
    return columns


def _scaled(column: Column, factor: float) -> Floats:
    scaled: Floats = column() * factor
    return scaled


def _cost_columns(spread: Spread, times: Performance, hardware: Hardware) -> Columns:
    """Give cost, power and energy, in single precision: prices are known to few digits."""

    @cache
    def figures() -> dict[str, Values]:
        grid = spread.grid
        return cost_figures(
            hardware,
            devices=grid.group * grid.pp,
            load=times.load,
            requests_per_s=times.requests_per_s,
            input_tokens=grid.inputs,
            output_tokens=grid.outputs,
        )

    def column(name: str) -> NDArray[np.float32]:
        block = spread.block(figures()[name], np.float32)
        if name in OF_ALL_REPLICAS:
            block *= spread.each(_PLAN_NUMBERS["replicas"], np.float32)
        return block.reshape(-1)

    return {name: partial(column, name) for name in COST_COLUMNS}


def _memory_columns(spread: Spread, memory: Memory, headroom: Floats) -> Columns:
    parts = (memory.weights, memory.kv_cache, memory.activations, memory.reserve)
    columns = {name: spread.column(part) for name, part in zip(MEMORY_COLUMNS, parts, strict=True)}
    columns["device_memory_bytes"] = spread.column(memory.total)
    columns["memory_headroom_bytes"] = spread.column(headroom)
    return columns


def _judgement_columns(
    spread: Spread,
    times: Performance,
    lacking: tuple[NDArray[np.bool_] | bool, NDArray[np.bool_]],
    request: EvaluationRequest,
) -> Columns:
    """Judge layouts: replicas of one share its latency, memory and throughput per device.

    ``lacking`` says whether the host's memory is too small, and whether the device's is.
    """
    latency = spread.full(getattr(times, LATENCY_COLUMNS[request.stage])())
    reason = np.zeros(spread.grid.shape, dtype=np.int8)
    if request.ttft_limit_s is not None:
        reason[spread.full(times.ttft_s()) > request.ttft_limit_s] = REASONS.index("TTFT limit")
    if request.latency_limit_s is not None:
        reason[latency > request.latency_limit_s] = REASONS.index("latency limit")
    for name, short in zip(("host memory", "memory"), lacking, strict=True):
        if np.any(short):
            reason[spread.full(short, np.bool_)] = REASONS.index(name)
    layout_count, batches, inputs, outputs = spread.grid.shape
    lengths = inputs * outputs
    mask = pareto_mask(
        np.where(reason == 0, latency, np.nan).reshape(-1),
        spread.full(_rate_per_device(spread.grid, times)).reshape(-1),
        np.tile(np.arange(lengths), layout_count * batches) if lengths > 1 else None,
    )
    return {
        "rejected_for": spread.column(reason, np.int8),
        "on_front": spread.column(mask.reshape(spread.grid.shape), np.bool_),
    }


def _rate_per_device(grid: Grid, times: Performance) -> Floats:
    """Throughput of a layout per device [tokens/s]."""
    return times.requests_per_s * times.tokens_per_request / (grid.group * grid.pp)
