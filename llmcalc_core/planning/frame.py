"""Candidates of several cases as one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.parallel import in_threads
from llmcalc_core.planning.candidates import Candidates
from llmcalc_core.planning.cases import names_of
from llmcalc_core.planning.columns import COLUMNS, Shape, column_names, figure_of, spread
from llmcalc_core.planning.pareto import gain_of, pareto_mask
from llmcalc_core.planning.performance import TIMES
from llmcalc_core.planning.plan_table import PlanTable
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.workload.techniques import in_use

if TYPE_CHECKING:
    import pandas as pd

Positions = tuple[int, int, int, int]


def frame_of(request: EvaluationRequest, cases: Iterable[Candidates]) -> pd.DataFrame:
    """Make the frame of some cases of a request.

    The figures of a case are taken first and spread over its plans one by one, so that of cases
    that nobody keeps nothing is left beside the frame.

    Parameters
    ----------
    request : EvaluationRequest
        What they answer.
    cases : iterable of Candidates
        With the times of both static phases.

    Returns
    -------
    DataFrame
        One row per candidate; names, reasons and bounds are categories.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    places: list[tuple[Positions, Shape]] = []
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in column_names(request)}
    for found in cases:
        places.append((found.case.position, found.shape))
        figures = {name: figure_of(found, name) for name in parts}
        plans, shape = found.plans, found.shape
        del found
        for name, values in zip(parts, _all_spread(figures, plans, shape), strict=True):
            parts[name].append(values)
    columns = {name: joined(parts.pop(name)) for name in tuple(parts)}
    columns["on_front"] = front(request, columns.__getitem__, places)
    data: dict[str, Any] = _case_columns(request, places)
    for name, values in columns.items():
        labels = COLUMNS[name].labels
        data[name] = (
            pd.Categorical.from_codes(values, dtype=_categories(labels)) if labels else values
        )
    return pd.DataFrame(data, copy=False)


def _all_spread(
    figures: dict[str, NDArray[Any]], plans: PlanTable, shape: Shape
) -> list[NDArray[Any]]:
    """Spread figures over plans, and let go of each that was."""
    return in_threads(lambda name: spread(name, figures.pop(name), (plans, shape)), tuple(figures))


def _case_columns(
    request: EvaluationRequest, places: list[tuple[Positions, Shape]]
) -> dict[str, Any]:
    """Give the columns of what differs between cases."""
    import pandas as pd  # noqa: PLC0415 - as above

    names, sizes = names_of(request), [np.prod(shape) for _, shape in places]
    known: dict[str, dict[str, Any]] = {
        "model": names.model,
        "hardware": names.hardware,
        "precision": names.precision,
    }
    data: dict[str, Any] = {}
    for axis, (name, own) in enumerate(known.items()):
        positions = np.array([position[axis] for position, _ in places], dtype=np.int16)
        codes = np.repeat(positions, sizes)
        data[name] = pd.Categorical.from_codes(codes, dtype=_categories(tuple(own)))
    for name, used in in_use(request.techniques, request.serves).items():
        values = np.array([used[position[3]] for position, _ in places])
        data[name] = np.repeat(values, sizes)
    return data


def front(
    request: EvaluationRequest,
    column: Callable[[str], NDArray[Any]],
    places: Iterable[tuple[Positions, Shape]],
) -> NDArray[np.bool_]:
    """Mark the candidates on the front: that of each case, or of all hardware together.

    Parameters
    ----------
    request : EvaluationRequest
        Its objective says which.
    column : function
        Gives a column by its name, a category as positions in its labels.
    places : iterable
        Positions and shape of each case.

    Returns
    -------
    array of bool
        Whether a row is on it.
    """
    if request.objective == "throughput":
        return column("on_front")
    latency = column(TIMES[request.phase]).copy()
    latency[column("rejected_for") != 0] = np.nan
    return pareto_mask(latency, gain_of(column, request.objective), _alike(places))


def _alike(places: Iterable[tuple[Positions, Shape]]) -> NDArray[np.intp]:
    """Give candidates of the same model, precision, techniques and lengths the same number."""
    groups: dict[tuple[int, int, int], int] = {}
    parts = []
    for (model, _, precision, techniques), (plans, batches, inputs, outputs) in places:
        group = groups.setdefault((model, precision, techniques), len(groups))
        lengths = np.tile(np.arange(inputs * outputs), plans * batches)
        parts.append(group * inputs * outputs + lengths)
    return joined(parts)


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Put the parts of a column one after the other."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@lru_cache(maxsize=64)
def _categories(names: tuple[str, ...]) -> pd.CategoricalDtype[Any]:
    """Make the type of a column of names: making it takes longer than filling the column."""
    import pandas as pd  # noqa: PLC0415 - as above

    return pd.CategoricalDtype(pd.Index(names))
