"""Fronts of cost and of energy, on which hardware competes with hardware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.workload.techniques import Techniques

if TYPE_CHECKING:
    import pandas as pd

_APART = (
    "model",
    "precision",
    "input_tokens",
    "output_tokens",
    *(field.name for field in fields(Techniques)),
)
_SPENT = {"cost": "cost_usd_per_hour", "energy": "power_w"}


def gain_of(column: Callable[[str], NDArray[Any]], objective: str) -> Floats:
    """Give what an objective wants large, by row.

    Parameters
    ----------
    column : function
        Gives a column of candidates by its name.
    objective : {'throughput', 'cost', 'energy'}
        Which.

    Returns
    -------
    array
        Tokens per second and device [tokens/s]; or less than nothing by what a request costs
        [USD s/h] or takes [J], which for given lengths order plans as a token's do.
    """
    if objective == "throughput":
        return column("tokens_per_s_per_device")
    lost: Floats = column(_SPENT[objective]).astype(np.float64) / column("requests_per_s")
    return -lost


def front_of(frame: pd.DataFrame, objective: str, latency: str) -> NDArray[np.bool_]:
    """Mark the candidates that no other of their model, precision and lengths dominates.

    Parameters
    ----------
    frame : DataFrame
        Of candidates.
    objective : {'cost', 'energy'}
        What to trade against latency.
    latency : str
        Column of the latency [s].

    Returns
    -------
    array of bool
        Whether a row is on its front.
    """
    fits = (frame["rejected_for"] == "").to_numpy()
    together = [name for name in _APART if name in frame.columns]
    group = frame.groupby(together, observed=True, sort=False).ngroup().to_numpy()
    slow = np.asarray(np.where(fits, frame[latency].to_numpy(), np.nan), dtype=np.float64)
    gain = np.asarray(gain_of(lambda name: frame[name].to_numpy(), objective), dtype=np.float64)
    return pareto_mask(slow, gain, group.astype(np.intp))
