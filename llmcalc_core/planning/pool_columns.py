"""Columns of deployments: widths, times with their bands, cost and energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.bands import BASES
from llmcalc_core.costmodel.utilisation import Load
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import COST_COLUMNS, OF_ALL_REPLICAS, cost_figures
from llmcalc_core.planning.service import Service
from llmcalc_core.workload.layout import Layout

Columns = dict[str, NDArray[Any]]

WIDTHS = {"tp": "tp", "pp": "pp", "ep": "ep", "attention_dp": "attention_dp", "cp": "cp"}


def width_columns(name: str, layouts: list[Layout]) -> Columns:
    """Give the widths of each row's workers in a pool."""
    return {
        f"{name}_{width}": np.array([getattr(one, field) for one in layouts], dtype=float)
        for width, field in WIDTHS.items()
    }


def time_columns(service: Service, ttft: NDArray[Any], tpot: NDArray[Any], basis: int) -> Columns:
    """Give times to the first token, per output token and to the last, with their bands [s]."""
    columns: Columns = {
        "ttft_s": ttft,
        "tpot_s": tpot,
        "e2e_latency_s": ttft + (service.output_tokens - 1) * tpot,
    }
    for metric in ("ttft", "tpot"):
        around = band_of(metric, BASES[basis], service.model)
        columns[f"{metric}_low_s"] = columns[f"{metric}_s"] * around.low
        columns[f"{metric}_high_s"] = columns[f"{metric}_s"] * around.high
    return columns


def pool_costs(
    service: Service,
    hardware: tuple[Hardware, Hardware],
    devices: tuple[NDArray[Any], NDArray[Any]],
    shares: tuple[NDArray[Any], NDArray[Any]],
    rate: NDArray[Any],
) -> Columns:
    """Add up what two pools cost and draw: the first for tokens read, the second generated."""
    pools = [
        cost_columns(service, own, used, _one_sided(share, reads), rate)
        for own, used, share, reads in zip(hardware, devices, shares, (1.0, 0.0), strict=True)
    ]
    joined = {name: pools[0][name] + pools[1][name] for name in OF_ALL_REPLICAS}
    return {name: joined.get(name, pools["output" in name][name]) for name in COST_COLUMNS}


def _one_sided(share: NDArray[Any], reads: float) -> Load:
    return Load(share=share, reading_time=reads, reading_energy=reads)


def cost_columns(
    service: Service, hardware: Hardware, devices: NDArray[Any], load: Load, rate: NDArray[Any]
) -> Columns:
    """Give what some devices cost and draw, by the names of ``COST_COLUMNS``."""
    figures = cost_figures(
        hardware,
        devices=devices,
        load=load,
        requests_per_s=rate,
        input_tokens=float(service.input_tokens),
        output_tokens=float(service.output_tokens),
    )
    return {name: np.broadcast_to(values, rate.shape) for name, values in figures.items()}


def basis_at(service: Service, hardware: Hardware) -> int:
    """Say what times on a device rest on, as a position in ``BASES``."""
    found = basis_of(service.model, hardware, service.efficiency(hardware), service.techniques)
    return BASES.index(found)
