"""Devices beside each other: the best plan of each, per device, per dollar and per watt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llmcalc_core.checks import one_of
from llmcalc_core.planning.best_of_each import best_of_each

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("tokens_per_s_per_device", "tokens_per_usd", "tokens_per_joule")
"""What devices can be compared by."""

_SECONDS_PER_HOUR = 3600


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
