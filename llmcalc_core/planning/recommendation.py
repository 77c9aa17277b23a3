"""Which plan of the fronts is recommended: the quickest of those that are best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats
from llmcalc_core.planning.pareto import gain_of
from llmcalc_core.planning.performance import TIMES
from llmcalc_core.planning.request import EvaluationRequest

TIE = 0.02
"""Part of the best gain by which another is as good [1]; assumed: bands are several times wider."""

Column = Callable[[str], NDArray[Any]]
"""Gives a column of candidates by its name."""


def quickest_of_best(latency: Floats, gain: Floats) -> int:
    """Give where the quickest of the candidates is whose gain is within ``TIE`` of the best.

    Parameters
    ----------
    latency : array of shape (n,)
        To be small [s]; n is at least 1.
    gain : array of shape (n,)
        To be large; all above zero, or all costs below it.

    Returns
    -------
    int
        Its position; of equally quick ones that of the most gain, of equal ones the first.

    Examples
    --------
    >>> quickest_of_best(np.array([0.32, 15.0, 0.1]), np.array([99.1, 100.0, 97.9]))
    0
    >>> quickest_of_best(np.array([0.32, 15.0]), np.array([-2.05, -2.0]))
    1
    """
    best = gain.max()
    among = np.flatnonzero(gain >= best - TIE * abs(best))
    return int(among[np.lexsort((-gain[among], latency[among]))[0]])


def recommended_row(column: Column, request: EvaluationRequest) -> int | None:
    """Give the row that is recommended.

    Parameters
    ----------
    column : function
        Gives a column of the candidates by its name.
    request : EvaluationRequest
        What they answer.

    Returns
    -------
    int or None
        Of the plans on the front whose gain at the objective is within ``TIE`` of the best, the
        quickest; None if none is on a front.
    """
    rows = np.flatnonzero(column("on_front"))
    if not len(rows):
        return None
    latency = column(TIMES[request.phase])[rows]
    return int(rows[quickest_of_best(latency, gain_of(column, request.objective)[rows])])
