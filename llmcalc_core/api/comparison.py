"""Devices beside each other: the best plan of each, per device, per dollar and per watt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import one_of
from llmcalc_core.formulas import Floats
from llmcalc_core.planning.recommendation import TIE

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("tokens_per_s_per_device", "tokens_per_usd", "tokens_per_joule")
"""What devices can be compared by."""

_READ = ("hardware", "tokens_per_s", "cost_usd_per_hour", "power_w", "e2e_latency_s",
         "memory_headroom_bytes", "rejected_for", METRICS[0])  # fmt: skip
"""Columns of a frame that a comparison reads."""

_SECONDS_PER_HOUR = 3600
_TOO_LARGE = ("memory", "host memory")


LATENCIES = ("tpot_s", "ttft_s", "e2e_latency_s")
"""Times by which plans that are as good can be told apart."""


def compare_hardware(
    frame: pd.DataFrame, metric: str = "tokens_per_s_per_device", *, latency: str = "tpot_s"
) -> pd.DataFrame:
    """Take the best plan of each device.

    Parameters
    ----------
    frame : DataFrame
        Of one model and several devices, from :func:`explore`.
    metric : {'tokens_per_s_per_device', 'tokens_per_usd', 'tokens_per_joule'}
        What is to be large.
    latency : {'tpot_s', 'ttft_s', 'e2e_latency_s'}
        What is to be small of the plans within 2 % of a device's best, as of those that
        ``Evaluation.recommended`` chooses from; 'ttft_s' in phase prefill.

    Returns
    -------
    DataFrame
        A row of ``frame`` per device with ``tokens_per_usd`` [tokens/USD], the tokens per second
        of all devices over their price, and ``tokens_per_joule`` [tokens/J], the same over their
        power (per second and watt). The best first; then devices whose price or power is not known
        (NaN), each with the plan that is best per device; then those without a plan that fits and
        keeps the limits, each with the row that is nearest to it (``rejected_for`` says why not).

    Raises
    ------
    ValueError
        For an unknown metric or latency.

    Examples
    --------
    >>> from llmcalc_core import explore
    >>> frame = explore("llama3_8b", ["L40S", "H100_80GB"], 1, batch=[1, 8])
    >>> compare_hardware(frame)[["hardware", "batch"]].to_numpy().tolist()
    [['H100_80GB', 8], ['L40S', 8]]
    """
    known = one_of("metric", metric, METRICS)
    check_frame(frame, (*_READ, one_of("latency", latency, LATENCIES)))
    rate = frame["tokens_per_s"]
    wider = frame.assign(
        tokens_per_usd=rate * _SECONDS_PER_HOUR / frame["cost_usd_per_hour"],
        tokens_per_joule=rate / frame["power_w"],
    )
    losses = [-wider[name].to_numpy(np.float64) for name in (known, METRICS[0])]
    rows = best_of_each(wider, *_quickest_first(wider, losses, latency), *losses)
    rejected = (wider["rejected_for"] != "").to_numpy()[rows]
    order = np.lexsort((losses[1][rows], losses[0][rows], rejected))
    return wider.iloc[rows[order]].reset_index(drop=True)


def _quickest_first(
    frame: pd.DataFrame, losses: Sequence[Floats], latency: str
) -> tuple[Floats, Floats]:
    """Give two losses that put the plans within ``TIE`` of a device's best first, by their time."""
    metric, per_device = losses
    gain = -np.where(np.isnan(metric), per_device, metric)
    fits = (frame["rejected_for"] == "").to_numpy()
    device = frame["hardware"].astype("category").cat.codes.to_numpy()
    best = np.full(int(device.max(initial=0)) + 1, -np.inf)
    np.maximum.at(best, device[fits], gain[fits])
    as_good = gain >= best[device] - TIE * np.abs(best[device])
    return ~as_good * 1.0, np.where(as_good, frame[latency].to_numpy(np.float64), 0.0)


def check_frame(frame: object, names: tuple[str, ...]) -> None:
    """Refuse what is no frame of candidates.

    Raises
    ------
    ValueError
        If it is no DataFrame, or lacks columns, with their names.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    if not isinstance(frame, pd.DataFrame):
        msg = f"frame must be a DataFrame from explore, got {type(frame).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - all that is wrong with an argument is one
    lacking = [name for name in names if name not in frame]
    if lacking:
        msg = f"frame must have the columns of explore, got one without {', '.join(lacking)}"
        raise ValueError(msg)


def best_of_each(frame: pd.DataFrame, *losses: Floats) -> NDArray[np.intp]:
    """Find the best row of each device in a frame.

    Parameters
    ----------
    frame : DataFrame
        Of candidates.
    *losses : array
        By row, small where it is good; a later one decides where the earlier are equal or not
        known (NaN).

    Returns
    -------
    array of int
        A row per device. Where all of a device's are rejected: the one of least time from request
        to last token among those over a limit, or else the one that serves the most of the requests
        that come, or else the one that lacks least memory.
    """
    reason = frame["rejected_for"]
    refused = [reason == "", reason == "load", reason.isin(_TOO_LARGE)]
    rank = np.select(refused, [0, 2, 3], 1)
    slow, served, headroom = (
        frame[name].to_numpy(np.float64)
        for name in ("e2e_latency_s", "tokens_per_s", "memory_headroom_bytes")
    )
    rejected = np.select([rank == 1, rank == 2], [slow, -served], -headroom)  # noqa: PLR2004
    keys = [np.where(rank == 0, loss, rejected) for loss in losses]
    device = frame["hardware"].astype("category").cat.codes.to_numpy()
    order = np.lexsort((*reversed(keys), rank, device))
    _, first = np.unique(device[order], return_index=True)
    found: NDArray[np.intp] = order[first]
    return found
