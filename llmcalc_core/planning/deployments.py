"""The table of deployments: separate pools beside replicas that read and decode prompts both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.bands import BASES
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.planning.colocated import together
from llmcalc_core.planning.cost import COST_COLUMNS
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.pool_columns import (
    WIDTHS,
    Columns,
    basis_at,
    pool_costs,
    time_columns,
    width_columns,
)
from llmcalc_core.planning.pool_pairs import Budget, matched_pairs
from llmcalc_core.planning.pools import Pool, decode_pool, prefill_pool, worker_sizes
from llmcalc_core.planning.service import Service

if TYPE_CHECKING:
    import pandas as pd

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
        together(service, one, at, count)
        for at, one in enumerate(kinds)
        for count in sorted({budget.of_one(at, alike=len(kinds) == 1) for budget in budgets})
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _frame(service, columns, hardware, (ttft_limit_s, tpot_limit_s))


def _separate(service: Service, prefill: Pool, decode: Pool, budget: Budget) -> Columns:
    """Deployments of two pools."""
    pairs = matched_pairs(service, prefill, decode, budget)
    reader, writer = pairs.prefill, pairs.decode
    basis = max(basis_at(service, pool.hardware) for pool in (prefill, decode))
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
        **time_columns(service, pairs.ttft_s, pairs.tpot_s, basis),
        **pool_costs(
            service, (prefill.hardware, decode.hardware), used, loads, pairs.requests_per_s
        ),
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
        **width_columns(name, [pool.layouts[at] for at in pool.layout[own]]),
        f"{name}_batch": pool.requests[own],
        f"{name}_load": used[1],
        f"{name}_memory_bytes": pool.memory[own],
    }


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
