"""Replicas that read and decode prompts both, as rows beside separate pools."""

from __future__ import annotations

import numpy as np

from llmcalc_core.costmodel.utilisation import Load
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.feasibility import fits
from llmcalc_core.planning.layouts import plans
from llmcalc_core.planning.pool_columns import (
    Columns,
    basis_at,
    cost_columns,
    time_columns,
    width_columns,
)
from llmcalc_core.planning.service import Service
from llmcalc_core.simulation.serving import serving_times


def together(service: Service, hardware: Hardware, at: int, devices: int) -> Columns:
    """Replicas under continuous batching, at random arrivals as in front of the pools."""
    found = plans(service.model, devices)
    layouts = tuple(dict.fromkeys(plan.layout for plan in found))
    place = {layout: index for index, layout in enumerate(layouts)}
    grid = service.grid(layouts, service.batches)
    times = serving_times(
        service.model, hardware, service.precision, grid, service.efficiency(hardware)
    )
    held = device_memory(service.model, service.precision, grid)
    enough = fits(held, hardware, service.memory_fraction, service.engine)
    index = [place[plan.layout] for plan in found]
    rows = np.flatnonzero(np.broadcast_to(enough, grid.shape)[index])
    figures = (
        times.steady_ttft_s, times.tpot_s, grid.batch / times.e2e_s, grid.batch, held.total,
        times.load.share, times.load.reading_time, times.load.reading_energy,
    )  # fmt: skip
    ttft, tpot, rate, batch, memory, *loads = (
        np.broadcast_to(values, grid.shape)[index].reshape(-1)[rows] for values in figures
    )
    load = Load(share=loads[0], reading_time=loads[1], reading_energy=loads[2])
    each = [plan for plan in found for _ in service.batches]
    own = [each[row] for row in rows]
    replicas = np.array([plan.replicas for plan in own], dtype=float)
    used = np.full(len(rows), float(devices))
    columns: Columns = {
        "serving": np.ones(len(rows), dtype=np.int8),
        "devices": used,
        **time_columns(service, ttft, tpot, basis_at(service, hardware)),
        **cost_columns(service, hardware, used, load, rate * replicas),
        "requests_per_s": rate * replicas,
        "transfer_bytes": np.zeros(len(rows)),
        "transfer_s": np.zeros(len(rows)),
        "basis": np.full(len(rows), basis_at(service, hardware), dtype=np.int8),
    }
    for name in ("prefill", "decode"):
        columns |= {
            f"{name}_hardware": np.full(len(rows), float(at)),
            f"{name}_workers": replicas,
            **width_columns(name, [plan.layout for plan in own]),
            f"{name}_batch": batch,
            f"{name}_load": np.full(len(rows), np.nan),
            f"{name}_memory_bytes": memory,
        }
    return columns
