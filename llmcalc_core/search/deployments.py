"""The table of deployments: separate pools beside replicas that read and decode prompts both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.bands import BASES
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.parallelism import Layout
from llmcalc_core.estimate.memory import device_memory
from llmcalc_core.estimate.serving import serving_times
from llmcalc_core.formulas.cost import usd_per_million_tokens
from llmcalc_core.search.certainty import band_of, basis_of
from llmcalc_core.search.disaggregated import Budget, matched_pairs
from llmcalc_core.search.enumerate import plans
from llmcalc_core.search.feasibility import fits
from llmcalc_core.search.pareto import pareto_mask
from llmcalc_core.search.pools import Pool, decode_pool, prefill_pool, worker_sizes
from llmcalc_core.search.service import Service

if TYPE_CHECKING:
    import pandas as pd

SERVINGS = ("disaggregated", "colocated")
REASONS = ("", "TTFT limit", "TPOT limit")
_WIDTHS = {"tp": "tp", "pp": "pp", "ep": "ep", "attention_dp": "dp", "cp": "cp"}
_WHOLE = ("devices", "_workers", "_batch", *(f"_{width}" for width in _WIDTHS))
_POOL = ("hardware", "workers", *_WIDTHS, "batch", "load")
_ORDER = (
    "serving", "devices",
    *(f"{pool}_{name}" for pool in ("prefill", "decode") for name in _POOL),
    "ttft_s", "ttft_low_s", "ttft_high_s", "tpot_s", "tpot_low_s", "tpot_high_s", "e2e_latency_s",
    "tokens_per_s", "tokens_per_s_per_device", "requests_per_s", "cost_usd_per_hour",
    "cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens", "transfer_bytes",
    "transfer_s",
    "prefill_memory_bytes", "decode_memory_bytes", "rejected_for", "on_front", "basis",
)  # fmt: skip

Columns = dict[str, NDArray[Any]]


def deployments(
    service: Service,
    hardware: tuple[Hardware, Hardware],
    budgets: tuple[Budget, ...],
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
    budgets : tuple of Budget
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
    parts = [_separate(service, prefill, decode, budget) for budget in budgets]
    kinds = tuple(dict.fromkeys(hardware))
    parts += [
        _together(service, one, at, count)
        for at, one in enumerate(kinds)
        for count in sorted({budget.of_one(at, alike=len(kinds) == 1) for budget in budgets})
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _frame(service, columns, hardware, (ttft_limit_s, tpot_limit_s))


def _separate(service: Service, prefill: Pool, decode: Pool, budget: Budget) -> Columns:
    """Deployments of two pools."""
    pairs = matched_pairs(service, prefill, decode, budget)
    reader, writer = pairs.prefill, pairs.decode
    basis = max(_basis(service, pool.hardware) for pool in (prefill, decode))
    used = (
        pairs.prefill_workers * prefill.devices[reader],
        pairs.decode_workers * decode.devices[writer],
    )
    usd = (used[0] * _price(prefill.hardware), used[1] * _price(decode.hardware))
    return {
        "serving": np.zeros(len(reader), dtype=np.int8),
        "devices": used[0] + used[1],
        **_workers("prefill", prefill, reader, (pairs.prefill_workers, pairs.prefill_load)),
        **_workers("decode", decode, writer, (pairs.decode_workers, pairs.decode_load)),
        **_times(service, pairs.ttft_s, pairs.tpot_s, basis),
        **_costs(service, usd, pairs.requests_per_s),
        "requests_per_s": pairs.requests_per_s,
        "transfer_bytes": pairs.transfer_bytes,
        "transfer_s": pairs.transfer_s,
        "basis": np.full(len(reader), basis, dtype=np.int8),
    }


def _workers(
    name: str, pool: Pool, own: NDArray[np.intp], used: tuple[NDArray[Any], NDArray[Any]]
) -> Columns:
    return {
        f"{name}_hardware": np.full(len(own), float(name == "decode")),
        f"{name}_workers": used[0],
        **_widths(name, [pool.layouts[at] for at in pool.layout[own]]),
        f"{name}_batch": pool.requests[own],
        f"{name}_load": used[1],
        f"{name}_memory_bytes": pool.memory[own],
    }


def _widths(name: str, layouts: list[Layout]) -> Columns:
    return {
        f"{name}_{width}": np.array([getattr(one, field) for one in layouts], dtype=float)
        for width, field in _WIDTHS.items()
    }


def _times(service: Service, ttft: NDArray[Any], tpot: NDArray[Any], basis: int) -> Columns:
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


def _price(hardware: Hardware) -> float:
    return math.nan if hardware.price_per_hour is None else hardware.price_per_hour


def _costs(service: Service, usd: tuple[NDArray[Any], NDArray[Any]], rate: NDArray[Any]) -> Columns:
    """Give what reading and generating cost, from the prices of the devices that do it [USD/h]."""
    columns = {"cost_usd_per_hour": usd[0] + usd[1]}
    lengths = {"input": service.input_tokens, "output": service.output_tokens}
    for part, (side, tokens) in zip(usd, lengths.items(), strict=True):
        columns[f"cost_usd_per_million_{side}_tokens"] = np.asarray(
            usd_per_million_tokens(usd_per_hour=part, tokens_per_s=rate * tokens)
        )
    return columns


def _basis(service: Service, hardware: Hardware) -> int:
    found = basis_of(service.model, hardware, service.efficiency(hardware), service.techniques)
    return BASES.index(found)


def _together(service: Service, hardware: Hardware, at: int, devices: int) -> Columns:
    """Replicas under continuous batching, at random arrivals as in front of the pools."""
    found = plans(service.model, devices)
    layouts = tuple(dict.fromkeys(plan.layout for plan in found))
    place = {layout: index for index, layout in enumerate(layouts)}
    grid = service.grid(layouts, service.batches)
    times = serving_times(
        service.model, hardware, service.precision, grid, service.efficiency(hardware)
    )
    held = device_memory(service.model, service.precision, grid)
    enough = fits(held, hardware, service.memory_fraction)
    figures = (
        times.steady_ttft_s, times.tpot_s, grid.batch / times.e2e_s, times.load.reading_time,
        grid.batch, held.total,
    )  # fmt: skip
    index = [place[plan.layout] for plan in found]
    ttft, tpot, rate, reading, batch, memory = (
        np.broadcast_to(values, grid.shape)[index].reshape(-1) for values in figures
    )
    rows = np.flatnonzero(np.broadcast_to(enough, grid.shape)[index])
    each = [plan for plan in found for _ in service.batches]
    own = [each[row] for row in rows]
    replicas = np.array([plan.replicas for plan in own], dtype=float)
    paid = devices * _price(hardware)
    usd = (paid * reading[rows], paid * (1 - reading[rows]))
    columns: Columns = {
        "serving": np.ones(len(rows), dtype=np.int8),
        "devices": np.full(len(rows), float(devices)),
        **_times(service, ttft[rows], tpot[rows], _basis(service, hardware)),
        **_costs(service, usd, rate[rows] * replicas),
        "requests_per_s": rate[rows] * replicas,
        "transfer_bytes": np.zeros(len(rows)),
        "transfer_s": np.zeros(len(rows)),
        "basis": np.full(len(rows), _basis(service, hardware), dtype=np.int8),
    }
    for name in ("prefill", "decode"):
        columns |= {
            f"{name}_hardware": np.full(len(rows), float(at)),
            f"{name}_workers": replicas,
            **_widths(name, [plan.layout for plan in own]),
            f"{name}_batch": batch[rows],
            f"{name}_load": np.full(len(rows), np.nan),
            f"{name}_memory_bytes": memory[rows],
        }
    return columns


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
