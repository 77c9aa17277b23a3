"""How many requests per second a replica serves with a percentile of them within limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcalc_core.api.load_curve import all_at_once, falls_behind, is_near
from llmcalc_core.api.make_request import ModelLike
from llmcalc_core.api.server import Server, Widths, make_server, sent_requests
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import Cancelled
from llmcalc_core.workload.requests import Requests

if TYPE_CHECKING:
    import pandas as pd

_PROMPTS, _HALVINGS = 600, 7
"""Requests of a run, and runs that close in on the largest rate."""

_LAYOUTS = 4
"""Layouts of a device that are simulated: those that need the fewest devices by their means."""

_PARTS = ("gemm_s", "attention_s", "communication_s", "memory_traffic_s", "overhead_s")
"""Where the time of a token goes."""

_LEAST = 0.02
"""Part of what a replica serves at the most below which nothing is tried [1]."""


class _Replica:
    """A plan to which requests come at different rates."""

    def __init__(self, server: Server, lengths: tuple[int, int], hit_rate: float) -> None:
        self._server = server
        self._drawn: Requests = sent_requests(None, None, 1.0, 1.0, _PROMPTS, lengths, 0, hit_rate)
        self._settings: Settings = server.settings(self._drawn)
        self._times = server.step_times(self._drawn, self._settings)

    def most(self) -> float:
        """Give the requests per second with all of them there at once [1/s]."""
        return self._serve(all_at_once(self._drawn)).requests_per_s

    def at(self, rate: float) -> Outcome:
        """Serve at a rate [1/s]."""
        return self._serve(replace(self._drawn, arrival_s=self._drawn.arrival_s / rate))

    def _serve(self, requests: Requests) -> Outcome:
        return self._server.serve(requests, self._settings, self._times)


def at_percentile(
    frame: pd.DataFrame,
    model: ModelLike,
    hardware: dict[str, Hardware],
    *,
    percentile: float,
    limits: tuple[float, float],
    plan: dict[str, Any],
    progress: Callable[[float], object] | None = None,
) -> pd.DataFrame:
    """Give, of single replicas, what each serves with a percentile of requests within limits.

    Parameters
    ----------
    frame : DataFrame
        Of one model in serving, from :func:`llmcalc_core.explore`.
    model : name, path, dict or ModelConfig
        The model.
    hardware : dict of str to Hardware
        The devices by their names in the frame.
    percentile : float
        Part of the requests that must be within the limits [1].
    limits : (float, float)
        Of TTFT and TPOT [s]; infinity where there is none.
    plan : dict
        ``engine``, ``precision``, ``memory_fraction`` and ``technique``.
    progress : callable, optional
        Called with the share of the layouts that are done; where it returns False, the rest is
        cancelled.

    Returns
    -------
    DataFrame
        Rows of the frame, the few layouts of each device that need the fewest devices, with
        ``requests_per_s`` and ``tokens_per_s`` at the largest rate that keeps the limits, and
        ``ttft_s`` and ``tpot_s`` the percentiles there, with bands as wide as those of the means;
        and those of devices on which nothing fits or keeps the limits in the mean, as they are.
        Pipelines of attention replicas, or with
        SGLang, which the simulator does not follow, are left out.

    Raises
    ------
    Cancelled
        If ``progress`` returned False.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    single = frame["replicas"] == 1
    usable = single & (frame["pp"] == 1)
    if plan["engine"].name != "sglang":
        usable |= single & (frame["attention_dp"] == 1)
    fits = frame["rejected_for"] == ""
    found = frame[usable & fits]
    if found.empty:
        return frame[usable]
    per_device = found["requests_per_s"] / found["devices"]
    best = found.assign(_per_device=per_device).sort_values("_per_device", ascending=False)
    best = best.drop_duplicates(["hardware", "tp", "pp", "ep", "attention_dp"])
    best = best.groupby("hardware", observed=True, sort=False).head(_LAYOUTS)
    rows = []
    for done, row in enumerate(_records(best.drop(columns="_per_device"))):
        if progress is not None and progress(done / len(best)) is False:
            msg = f"cancelled with {len(best) - done} of {len(best)} layouts left"
            raise Cancelled(msg)
        device = hardware[str(row["hardware"])]
        rows.append(_largest(row, model, device, percentile, limits, plan))
    simulated = frame.iloc[:0].reindex(range(len(rows))).assign(**_columns(rows, frame))
    others = frame[usable & ~frame["hardware"].isin(found["hardware"])]
    return pd.concat([simulated, others], ignore_index=True)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _columns(rows: list[dict[str, Any]], frame: pd.DataFrame) -> dict[str, Any]:
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    made = pd.DataFrame(rows, columns=list(frame.columns))
    return {name: made[name].astype(frame[name].dtype) for name in frame.columns}


def _largest(
    row: dict[str, Any],
    model: ModelLike,
    hardware: Hardware,
    percentile: float,
    limits: tuple[float, float],
    plan: dict[str, Any],
) -> dict[str, Any]:
    """Close in on the largest rate at which the percentiles keep the limits."""
    widths = Widths(row["tp"], row["pp"], row["ep"], row["attention_dp"])
    server = make_server(
        model, hardware, plan["precision"], widths, plan["engine"], plan["memory_fraction"],
        ServerOptions(max_num_batched_tokens=plan["technique"].prefill_chunk_tokens),
        plan["technique"],
    )  # fmt: skip
    lengths = row["input_tokens"], row["output_tokens"]
    replica = _Replica(server, lengths, plan["technique"].prefix_hit_rate)
    most = replica.most()
    low, high, kept = 0.0, most, replica.at(_LEAST * most)
    over = _over(kept, percentile, limits)
    if not over:
        low = _LEAST * most
        for _ in range(_HALVINGS):
            rate = (low + high) / 2
            found = replica.at(rate)
            overloaded = is_near(rate, most) and falls_behind(found)
            if overloaded or _over(found, percentile, limits):
                high = rate
            else:
                low, kept = rate, found
    served = max(low, _LEAST * most)
    return row | {
        "requests_per_s": served,
        "tokens_per_s": served * row["output_tokens"],
        "tokens_per_s_per_device": served * row["output_tokens"] / row["devices"],
        **_in_proportion(row, "ttft", kept.percentile("ttft", percentile)),
        **_in_proportion(row, "tpot", kept.percentile("tpot", percentile)),
        "e2e_latency_s": kept.percentile("e2e", percentile),
        "rejected_for": over,
    }


def _in_proportion(row: dict[str, Any], name: str, found: float) -> dict[str, float]:
    """Give a percentile of a latency, a band as wide as that of the mean, and its parts."""
    times = found / row[f"{name}_s"]
    own = (f"{name}_s", f"{name}_low_s", f"{name}_high_s")
    parts = _PARTS if name == "tpot" else ()
    return {part: row[part] * times for part in (*own, *parts)}


def _over(found: Outcome, percentile: float, limits: tuple[float, float]) -> str:
    """Name the limit that a percentile is over, '' for none."""
    if not found.percentile("ttft", percentile) <= limits[0]:
        return "TTFT limit"
    tpot = found.percentile("tpot", percentile)
    return "TPOT limit" if not (np.isnan(tpot) or tpot <= limits[1]) else ""
