"""How few devices serve a load within limits on the times that users see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np

from llmcalc_core.api.comparison import best_of_each, check_frame
from llmcalc_core.api.explore import explore
from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    find_technique,
)
from llmcalc_core.api.slo_percentile import at_percentile
from llmcalc_core.checks import in_range, share
from llmcalc_core.defaults import INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.techniques import TechniqueArguments, takes, takes_techniques

if TYPE_CHECKING:
    import pandas as pd

REPLICA_DEVICES = (1, 2, 4, 8, 16)
"""Devices of a replica that are tried where none are given."""

IN_FLIGHT = tuple(sorted({step * 2**power for power in range(10) for step in (1, 2, 3)}))
"""Requests in flight that are tried, 1 to 1,536, and of each plan the most within the limits."""

_LOADS = (1e-6, 1e9)
"""Ends of a load: one request in eleven days, and a hundred of every user of a large service."""

_READ = ("hardware", "devices", "replicas", "tpot_s", "e2e_latency_s", "requests_per_s",
         "tokens_per_s", "memory_headroom_bytes", "rejected_for")  # fmt: skip
"""Columns of a frame that a search reads."""

_ROUNDING = 1e-9
_SCALED = ("tokens_per_s", "requests_per_s", "cost_usd_per_hour", "power_w")
_DROPPED = (
    "on_front", "cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens",
    "cost_usd_per_million_tokens", "energy_j_per_input_token", "energy_j_per_output_token",
    "energy_j_per_token",
)  # fmt: skip


class ReplicaArguments(TechniqueArguments, total=False):
    """What is asked of replicas, as arguments: limits, requests, and what serves them."""

    ttft_limit_s: float | None
    tpot_limit_s: float | None
    input_tokens: int
    output_tokens: int
    engine: str
    engine_version: str | None
    max_num_seqs: int | None
    enforce_eager: bool
    precision: PrecisionLike
    replica_devices: int | Sequence[int]
    batch: int | Sequence[int] | None
    memory_fraction: float | None
    percentile: float | None
    price_per_hour: float | None
    power_watts: float | None


@takes(ReplicaArguments)
def find_slo_plan(
    model: ModelLike,
    hardware: HardwareLike | Sequence[HardwareLike],
    requests_per_s: float,
    **replicas: Unpack[ReplicaArguments],
) -> pd.DataFrame:
    """Find the fewest devices that serve a load within limits (service level objectives).

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        What to deploy.
    hardware : name, dict, path of a TOML file, Hardware, or several of them
        On what; each device is planned for on its own.
    requests_per_s : float
        The load [requests/s].
    **replicas : optional
        The limits and all else that :func:`slo_replicas` takes, but for ``progress``.

    Returns
    -------
    DataFrame
        See :func:`slo_plans`. With a percentile, ``ttft_s``, ``tpot_s`` and ``e2e_latency_s`` are
        those of it.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> plan = find_slo_plan("llama3_8b", "H100_80GB", 40, tpot_limit_s=0.02).iloc[0]
    >>> int(plan["replicas"]), int(plan["replica_devices"]), int(plan["devices"])
    (5, 1, 5)
    >>> strict = find_slo_plan("llama3_8b", "H100_80GB", 40, tpot_limit_s=0.02, percentile=0.95)
    >>> bool(strict["devices"][0] >= plan["devices"])
    True
    """
    load = in_range("requests_per_s", requests_per_s, _LOADS, usual=1.0, unit="requests/s")
    return slo_plans(slo_replicas(model, hardware, **replicas), load)


@takes_techniques
def slo_replicas(
    model: ModelLike,
    hardware: HardwareLike | Sequence[HardwareLike],
    *,
    percentile: float | None = None,
    ttft_limit_s: float | None = None,
    tpot_limit_s: float | None = None,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
    precision: PrecisionLike = CHECKPOINT,
    replica_devices: int | Sequence[int] = REPLICA_DEVICES,
    batch: int | Sequence[int] | None = None,
    memory_fraction: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    progress: Callable[[float], object] | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Give what replicas carry within limits, whatever the load: what :func:`slo_plans` takes.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        What to deploy.
    hardware : name, dict, path of a TOML file, Hardware, or several of them
        On what; each device is planned for on its own.
    ttft_limit_s, tpot_limit_s : float, optional
        Longest time to the first token and per output token [s]: in the mean, or of the percentile.
    input_tokens, output_tokens : int
        Prompt and generated tokens of a request.
    engine : str, default 'vllm'
        The serving engine; see :func:`explore`.
    engine_version : str, optional
    max_num_seqs : int, optional
    enforce_eager : bool, default False
        As of :func:`explore`.
    precision : str or Precision
        Such as 'bf16', 'fp8', 'w4a16', or 'checkpoint'.
    replica_devices : int or several
        Devices that a replica may have; 1, 2, 4, 8 and 16 where not given.
    batch : int or several, optional
        Requests in flight that a replica may have; where not given, 1 to 1,536 in steps of a third
        or a half, and of each plan the most that keeps the limits and fits.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    percentile : float, optional
        Part of the requests that must be within the limits, such as 0.95. Requests then come at
        random and are simulated one by one, on the few layouts of each device that need the fewest
        devices in the mean; pipelines of attention replicas, or with SGLang, are left out.
    progress : callable, optional
        Called with the share of the layouts that are simulated; where it returns False, the rest is
        cancelled.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`;
        with a percentile, one value of each that :func:`simulate` takes.

    Returns
    -------
    DataFrame
        Rows of :func:`explore`. With a percentile, ``requests_per_s`` is the largest rate at which
        it keeps the limits, and ``ttft_s``, ``tpot_s`` and ``e2e_latency_s`` are those of it there.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.
    Cancelled
        If ``progress`` returned False.

    Examples
    --------
    >>> replicas = slo_replicas("llama3_8b", "H100_80GB", percentile=0.95, tpot_limit_s=0.02,
    ...                         replica_devices=1)
    >>> [int(slo_plans(replicas, load)["devices"].iloc[0]) for load in (5, 50)]
    [1, 6]
    """
    frame = explore(
        model,
        hardware,
        replica_devices,
        phase="serving",
        engine=engine,
        engine_version=engine_version,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        batch=IN_FLIGHT if batch is None else batch,
        exact_batch=batch is None,
        precision=precision,
        memory_fraction=memory_fraction,
        tpot_limit_s=tpot_limit_s,
        ttft_limit_s=ttft_limit_s,
        price_per_hour=price_per_hour,
        power_watts=power_watts,
        **techniques,
    )
    if percentile is None:
        return frame
    plan = {
        "engine": told_engine(
            engine, engine_version, max_num_seqs=max_num_seqs, enforce_eager=enforce_eager
        ),
        "precision": precision, "memory_fraction": memory_fraction,
        "technique": find_technique(techniques),
    }  # fmt: skip
    several = hardware if isinstance(hardware, list | tuple) else (hardware,)
    devices = {one.name: one for one in map(find_hardware, several)}
    limits = tuple(np.inf if one is None else one for one in (ttft_limit_s, tpot_limit_s))
    return at_percentile(
        frame, model, devices, percentile=share("percentile", percentile),
        limits=(limits[0], limits[1]), plan=plan, progress=progress,
    )  # fmt: skip


def slo_plans(frame: pd.DataFrame, requests_per_s: float) -> pd.DataFrame:
    """Take, of every device, the plan that serves a load on the fewest.

    A replica carries at most the requests per second that it ends in a closed loop of so many in
    flight; as many replicas are taken as carry the load. Among the plans on the fewest devices it
    is the one of the shortest time per output token, and so of no more in flight than needed.

    Parameters
    ----------
    frame : DataFrame
        Of one model in stage serving, from :func:`explore`, of which single replicas count.
    requests_per_s : float
        The load [requests/s], evenly spread: bursts need more.

    Returns
    -------
    DataFrame
        A row per device, fewest devices first, then those without a plan that fits and keeps the
        limits, with the plan that is nearest to it (``rejected_for`` says why not). Columns of
        ``frame`` with ``replicas``, ``devices``, ``tokens_per_s``, ``requests_per_s``,
        ``cost_usd_per_hour`` and ``power_w`` of all replicas at what they can carry, and
        ``replica_devices``, ``replica_requests_per_s`` (what each can carry) and ``load`` (part of
        it that is used, at most 1). Times are those with every replica at what it can carry;
        whether there are so many devices is not checked.

    Raises
    ------
    ValueError
        For a load that is no number above 0.

    Examples
    --------
    >>> frame = explore("llama3_8b", "H100_80GB", [1, 2], phase="serving", batch=[8, 16])
    >>> found = slo_plans(frame, requests_per_s=10)
    >>> bool(found["load"][0] <= 1)
    True
    """
    load = in_range("requests_per_s", requests_per_s, _LOADS, usual=1.0, unit="requests/s")
    check_frame(frame, _READ)
    single = frame[frame["replicas"] == 1]
    each = single["requests_per_s"].to_numpy(np.float64)
    replicas = np.maximum(np.ceil(load / each - _ROUNDING), 1)
    devices = replicas * single["devices"].to_numpy()
    wide = single.assign(
        replicas=replicas.astype(np.int64),
        devices=devices.astype(np.int64),
        replica_devices=single["devices"],
        replica_requests_per_s=each,
        load=load / (replicas * each),
        **{name: single[name] * replicas for name in _SCALED},
    ).drop(columns=list(_DROPPED))
    time = single["tpot_s"].to_numpy(np.float64)
    rows = best_of_each(wide, devices, time)
    rejected = (wide["rejected_for"] != "").to_numpy()[rows]
    order = np.lexsort((time[rows], devices[rows], rejected))
    return wide.iloc[rows[order]].reset_index(drop=True)
