"""Fronts and best rows of parts, joined into those of all: in any order, and however often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.planning.pareto import gain_of, pareto_mask
from llmcalc_core.planning.performance import TIMES
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.workload.techniques import in_use

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("tokens_per_s_per_device", "requests_per_s", "cost_usd_per_hour", "power_w", "on_front")
"""What a front needs beside the latency of the phase."""


def front_columns(request: EvaluationRequest) -> list[str]:
    """Name the columns that :func:`join_fronts` reads."""
    return [TIMES[request.phase], *COLUMNS]


def join_fronts(request: EvaluationRequest, fronts: list[pd.DataFrame]) -> list[NDArray[np.bool_]]:
    """Mark what of several fronts is on the front of all of them together.

    As what a part's own front leaves out is beaten in that part already, the front of fronts is
    the front of all: ``front(front(A) + front(B)) = front(A + B)``.

    Parameters
    ----------
    request : EvaluationRequest
        Its phase and objective say what plans compete for.
    fronts : list of DataFrame
        Rows of one model, precision, technique and pair of lengths each, that are on the front of
        their part.

    Returns
    -------
    list of array of bool
        For each of the frames, whether a row is on the front.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    rows = pd.concat(fronts, ignore_index=True)
    gain = gain_of(lambda name: rows[name].to_numpy(), request.objective)
    mask = pareto_mask(rows[TIMES[request.phase]].to_numpy(), gain)
    return np.split(mask, np.cumsum([len(front) for front in fronts])[:-1])


def best_rows(request: EvaluationRequest, front: pd.DataFrame) -> pd.DataFrame:
    """Give the row of each pair of lengths that is best at the objective.

    Parameters
    ----------
    request : EvaluationRequest
        Its objective says what is best, and whether hardware competes with hardware.
    front : DataFrame
        Rows on fronts; or what this function gave for several parts, one after the other.

    Returns
    -------
    DataFrame
        One row for each model, hardware, precision, techniques and lengths.
    """
    gain = gain_of(lambda name: front[name].to_numpy(), request.objective)
    names = ["model", "precision", *in_use(request.techniques, request.serves)]
    if request.objective == "throughput":
        names.append("hardware")
    order = np.argsort(-gain, kind="stable")
    found = front.iloc[order].drop_duplicates([*names, "input_tokens", "output_tokens"])
    return found.sort_index()
