"""The table of deployments: separate pools beside replicas that read and decode prompts both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.band_tables import BASES
from llmcalc_core.costmodel.utilisation import Utilisation
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.basis import band_of, basis_of
from llmcalc_core.planning.cost import COST_COLUMNS, OF_ALL_REPLICAS, cost_figures
from llmcalc_core.planning.engine_rules import starts
from llmcalc_core.planning.layouts import plans
from llmcalc_core.planning.legality import can_lay_out
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.pool_pairs import DeviceBudget, matched_pairs
from llmcalc_core.planning.pools import Pool, Service, decode_pool, prefill_pool, worker_sizes
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.workload.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, NDArray[Any]]

WIDTHS = ("tp", "pp", "ep", "attention_dp", "cp")
SERVINGS = ("disaggregated", "colocated")
REASONS = ("", "TTFT limit", "TPOT limit")
_WHOLE = ("devices", "_workers", "_batch", *(f"_{width}" for width in WIDTHS))
_POOL = ("hardware", "workers", *WIDTHS, "batch", "load")
_ORDER = (
    "serving", "devices",
    *(f"{pool}_{name}" for pool in ("prefill", "decode") for name in _POOL),
    "ttft_s", "ttft_low_s", "ttft_high_s", "tpot_s", "tpot_low_s", "tpot_high_s", "e2e_latency_s",
    "tokens_per_s", "tokens_per_s_per_device", "requests_per_s", *COST_COLUMNS,
    "transfer_bytes", "transfer_s",
    "prefill_memory_bytes", "decode_memory_bytes", "rejected_for", "on_front", "basis",
)  # fmt: skip


def deployments(
    service: Service,
    hardware: tuple[Hardware, Hardware],
    budgets: tuple[DeviceBudget, ...],
    *,
    ttft_limit_s: float | None,
    tpot_limit_s: float | None,
) -> pd.DataFrame:
    """Estimate separate pools of every size, and colocated serving on the same devices.

    Parameters
    ----------
    service : Service
        What is served.
    hardware : (Hardware, Hardware)
        Of the prefill pool, and of the decode pool.
    budgets : tuple of DeviceBudget
        Devices to plan for.
    ttft_limit_s, tpot_limit_s : float or None
        Longest times [s].

    Returns
    -------
    DataFrame
        See :func:`llmcalc_core.explore_disaggregated`.

    Raises
    ------
    DoesNotFitError
        If no worker of a pool holds the model.
    """
    sizes = worker_sizes(tuple(sorted({budget.devices for budget in budgets})))
    prefill = prefill_pool(service, hardware[0], sizes)
    decode = decode_pool(service, hardware[1], sizes)
    parts = [_disaggregated(service, prefill, decode, budget) for budget in budgets]
    kinds = tuple(dict.fromkeys(hardware))
    parts += [
        _colocated(service, one, at, count)
        for at, one in enumerate(kinds)
        for count in sorted({budget.of_one(at, alike=len(kinds) == 1) for budget in budgets})
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _frame(service, columns, hardware, (ttft_limit_s, tpot_limit_s))


def _disaggregated(service: Service, prefill: Pool, decode: Pool, budget: DeviceBudget) -> Columns:
    """Deployments of two pools."""
    pairs = matched_pairs(service, prefill, decode, budget)
    reader, writer = pairs.prefill, pairs.decode
    basis = max(_basis_at(service, pool.hardware) for pool in (prefill, decode))
    used = (
        pairs.prefill_workers * prefill.devices[reader],
        pairs.decode_workers * decode.devices[writer],
    )
    loads = (pairs.prefill_load * prefill.share[reader], pairs.decode_load * decode.share[writer])
    return {
        "serving": np.zeros(len(reader), dtype=np.int8),
        "devices": used[0] + used[1],
        **_workers("prefill", prefill, reader, (pairs.prefill_workers, pairs.prefill_load)),
        **_workers("decode", decode, writer, (pairs.decode_workers, pairs.decode_load)),
        **_time_columns(service, pairs.ttft_s, pairs.tpot_s, basis),
        **_pool_costs(
            service, (prefill.hardware, decode.hardware), used, loads, pairs.requests_per_s
        ),
        "requests_per_s": pairs.requests_per_s,
        "transfer_bytes": pairs.transfer_bytes,
        "transfer_s": pairs.transfer_s,
        "basis": np.full(len(reader), basis, dtype=np.int8),
    }


def _colocated(service: Service, hardware: Hardware, at: int, devices: int) -> Columns:
    """Replicas under continuous batching, at random arrivals as in front of the pools."""
    found = tuple(
        plan for plan in plans(service.model, devices) if can_lay_out(service.engine, plan.layout)
    )
    layouts = tuple(dict.fromkeys(plan.layout for plan in found))
    place = {layout: index for index, layout in enumerate(layouts)}
    grid = service.grid(hardware, layouts, service.batches)
    times = serving_times(
        service.model, hardware, service.precision, grid, service.efficiency(hardware)
    )
    memory = device_memory(service.model, service.precision, grid)
    fits = service.budget(hardware, grid).fits(memory) & starts(
        Asked(model=service.model, hardware=hardware, precision=service.precision, grid=grid)
    )
    fits = fits & (grid.batch <= grid.engine.max_num_seqs * grid.attention_dp)
    index = [place[plan.layout] for plan in found]
    rows = np.flatnonzero(np.broadcast_to(fits, grid.shape)[index])
    figures = (
        times.steady_ttft_s, times.tpot_s, grid.batch / times.e2e_s, grid.batch, memory.total,
        times.utilisation.share, times.utilisation.prefill_time_share,
        times.utilisation.prefill_energy_share,
    )  # fmt: skip
    ttft, tpot, rate, batch, total, *loads = (
        np.broadcast_to(values, grid.shape)[index].reshape(-1)[rows] for values in figures
    )
    utilisation = Utilisation(
        share=loads[0], prefill_time_share=loads[1], prefill_energy_share=loads[2]
    )
    each = [plan for plan in found for _ in service.batches]
    own = [each[row] for row in rows]
    replicas = np.array([plan.replicas for plan in own], dtype=float)
    used = np.full(len(rows), float(devices))
    columns: Columns = {
        "serving": np.ones(len(rows), dtype=np.int8),
        "devices": used,
        **_time_columns(service, ttft, tpot, _basis_at(service, hardware)),
        **_cost_columns(service, hardware, used, utilisation, rate * replicas),
        "requests_per_s": rate * replicas,
        "transfer_bytes": np.zeros(len(rows)),
        "transfer_s": np.zeros(len(rows)),
        "basis": np.full(len(rows), _basis_at(service, hardware), dtype=np.int8),
    }
    for name in ("prefill", "decode"):
        columns |= {
            f"{name}_hardware": np.full(len(rows), float(at)),
            f"{name}_workers": replicas,
            **_width_columns(name, [plan.layout for plan in own]),
            f"{name}_batch": batch,
            f"{name}_load": np.full(len(rows), np.nan),
            f"{name}_memory_bytes": total,
        }
    return columns


def _workers(
    name: str, pool: Pool, own: NDArray[np.intp], used: tuple[NDArray[Any], NDArray[Any]]
) -> Columns:
    return {
        f"{name}_hardware": np.full(len(own), float(name == "decode")),
        f"{name}_workers": used[0],
        **_width_columns(name, [pool.layouts[at] for at in pool.layout[own]]),
        f"{name}_batch": pool.requests[own],
        f"{name}_load": used[1],
        f"{name}_memory_bytes": pool.memory[own],
    }


def _width_columns(name: str, layouts: list[Layout]) -> Columns:
    """Give the widths of each row's workers in a pool."""
    return {
        f"{name}_{width}": np.array([getattr(one, width) for one in layouts], dtype=float)
        for width in WIDTHS
    }


def _time_columns(service: Service, ttft: NDArray[Any], tpot: NDArray[Any], basis: int) -> Columns:
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


def _pool_costs(
    service: Service,
    hardware: tuple[Hardware, Hardware],
    devices: tuple[NDArray[Any], NDArray[Any]],
    shares: tuple[NDArray[Any], NDArray[Any]],
    rate: NDArray[Any],
) -> Columns:
    """Add up what two pools cost and draw: the first for tokens read, the second generated."""
    pools = [
        _cost_columns(service, own, used, _one_sided(share, reads), rate)
        for own, used, share, reads in zip(hardware, devices, shares, (1.0, 0.0), strict=True)
    ]
    joined = {name: pools[0][name] + pools[1][name] for name in OF_ALL_REPLICAS}
    return {name: joined.get(name, pools["output" in name][name]) for name in COST_COLUMNS}


def _one_sided(share: NDArray[Any], reads: float) -> Utilisation:
    return Utilisation(share=share, prefill_time_share=reads, prefill_energy_share=reads)


def _cost_columns(
    service: Service,
    hardware: Hardware,
    devices: NDArray[Any],
    utilisation: Utilisation,
    rate: NDArray[Any],
) -> Columns:
    """Give what some devices cost and draw, by the names of ``COST_COLUMNS``."""
    figures = cost_figures(
        hardware,
        devices=devices,
        utilisation=utilisation,
        requests_per_s=rate,
        input_tokens=float(service.input_tokens),
        output_tokens=float(service.output_tokens),
    )
    return {name: np.broadcast_to(values, rate.shape) for name, values in figures.items()}


def _basis_at(service: Service, hardware: Hardware) -> int:
    """Say what times on a device rest on, as a position in ``BASES``."""
    found, _ = basis_of(service.model, hardware, service.efficiency(hardware), service.techniques)
    return BASES.index(found)


def _frame(
    service: Service,
    columns: Columns,
    hardware: tuple[Hardware, Hardware],
    limits: tuple[float | None, float | None],
) -> pd.DataFrame:
    """Judge the deployments and put the best first."""
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    generated = columns["requests_per_s"] * service.output_tokens
    gain = generated / columns["devices"]
    reason = np.zeros(len(gain), dtype=np.int8)
    for code, limit in reversed(tuple(enumerate(limits, start=1))):
        if limit is not None:
            reason[columns["ttft_s" if code == 1 else "tpot_s"] > limit] = code
    cost = np.where(reason == 0, columns["tpot_s"], np.nan)
    judged = {
        "tokens_per_s": generated,
        "tokens_per_s_per_device": gain,
        "rejected_for": reason,
        "on_front": pareto_mask(cost, gain),
    }
    order = np.lexsort((columns["ttft_s"], -gain, reason != 0))
    names = [one.name for one in hardware]
    words = {
        "serving": SERVINGS, "basis": BASES, "rejected_for": REASONS,
        "prefill_hardware": names, "decode_hardware": names,
    }  # fmt: skip
    data: dict[str, Any] = {}
    for name, values in (columns | judged).items():
        sorted_values = values[order]
        if name in words:
            data[name] = pd.Categorical(np.array(words[name])[sorted_values.astype(int)])
        else:
            data[name] = sorted_values.astype(np.int64) if name.endswith(_WHOLE) else sorted_values
    return pd.DataFrame({name: data[name] for name in _ORDER})
