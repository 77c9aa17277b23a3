"""Devices beside each other: the best plan of each, per device, per dollar and per watt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import one_of
from llmcalc_core.formulas import Floats

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("tokens_per_s_per_device", "tokens_per_usd", "tokens_per_joule")
"""What devices can be compared by."""

_READ = ("hardware", "tokens_per_s", "cost_usd_per_hour", "power_w", "e2e_latency_s",
         "memory_headroom_bytes", "rejected_for", METRICS[0])  # fmt: skip
"""Columns of a frame that a comparison reads."""

_SECONDS_PER_HOUR = 3600
_TOO_LARGE = ("memory", "host memory")


def compare_hardware(frame: pd.DataFrame, metric: str = "tokens_per_s_per_device") -> pd.DataFrame:
    """Take the best plan of each device.

    Parameters
    ----------
    frame : DataFrame
        Of one model and several devices, from :func:`explore`.
    metric : {'tokens_per_s_per_device', 'tokens_per_usd', 'tokens_per_joule'}
        What is to be large.

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
        For an unknown metric.

    Examples
    --------
    >>> from llmcalc_core import explore
    >>> frame = explore("llama3_8b", ["L40S", "H100_80GB"], 1, batch=[1, 8])
    >>> compare_hardware(frame)[["hardware", "batch"]].to_numpy().tolist()
    [['H100_80GB', 8], ['L40S', 8]]
    """
    known = one_of("metric", metric, METRICS)
    check_frame(frame, _READ)
    rate = frame["tokens_per_s"]
    wider = frame.assign(
        tokens_per_usd=rate * _SECONDS_PER_HOUR / frame["cost_usd_per_hour"],
        tokens_per_joule=rate / frame["power_w"],
    )
    losses = [-wider[name].to_numpy(np.float64) for name in (known, METRICS[0])]
    rows = best_of_each(wider, *losses)
    rejected = (wider["rejected_for"] != "").to_numpy()[rows]
    order = np.lexsort((losses[1][rows], losses[0][rows], rejected))
    return wider.iloc[rows[order]].reset_index(drop=True)


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
