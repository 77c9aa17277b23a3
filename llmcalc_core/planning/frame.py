"""Candidates of several cases as one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.parallel import in_threads
from llmcalc_core.planning.blocks import Block
from llmcalc_core.planning.candidates import Candidates, Contenders
from llmcalc_core.planning.case_grid import CaseGrid
from llmcalc_core.planning.cases import names_of
from llmcalc_core.planning.columns import COLUMNS, column_names, mark_front, write
from llmcalc_core.planning.pareto import gain_of, pareto_mask
from llmcalc_core.planning.performance import TIMES
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.workload.techniques import in_use

if TYPE_CHECKING:
    import pandas as pd

Found = Callable[[CaseGrid, Block], Candidates]
"""Gives the candidates of a block of a case."""


def frame_of(request: EvaluationRequest, cases: Sequence[CaseGrid], found: Found) -> pd.DataFrame:
    """Make the frame of some cases of a request.

    Parameters
    ----------
    request : EvaluationRequest
        What they answer.
    cases : sequence of CaseGrid
        Their plans and workloads.
    found : callable
        Gives the candidates of a block, with the times of both static phases.

    Returns
    -------
    DataFrame
        One row per candidate; names, reasons and bounds are categories.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    columns = filled(column_names(request), cases, found)
    columns["on_front"] = front(request, columns.__getitem__, cases)
    data: dict[str, Any] = _case_columns(request, cases)
    for name, values in columns.items():
        labels = COLUMNS[name].labels
        data[name] = (
            pd.Categorical.from_codes(values, dtype=_categories(labels)) if labels else values
        )
    return pd.DataFrame(data, copy=False)


def filled(
    names: Iterable[str], cases: Sequence[CaseGrid], found: Found
) -> dict[str, NDArray[Any]]:
    """Fill columns with the figures of all candidates of some cases.

    Parameters
    ----------
    names : iterable of str
        Which columns.
    cases : sequence of CaseGrid
        The cases.
    found : callable
        Gives the candidates of a block, with the times that the columns need.

    Returns
    -------
    dict of str to array
        A value per candidate; of a category, a position in its labels.
    """
    columns = _empty(tuple(names), sum(case.rows for case in cases))
    start = 0
    for case in cases:
        own = {name: column[start : start + case.rows] for name, column in columns.items()}
        _fill(own, case, found)
        start += case.rows
    return columns


def _fill(columns: dict[str, NDArray[Any]], case: CaseGrid, found: Found) -> None:
    """Fill the rows of a case, block by block, and then mark its front."""

    def fill(some: Block) -> Contenders | None:
        candidates = found(case, some)
        for name, column in columns.items():
            write(name, candidates, column, case.shape)
        return candidates.contenders if "on_front" in columns else None

    fronts = [one for one in in_threads(fill, case.blocks) if one is not None]
    if fronts:
        mark_front(fronts, columns["on_front"], case.shape)


def _empty(names: tuple[str, ...], rows: int) -> dict[str, NDArray[Any]]:
    """Give room for columns; those of a type side by side, which takes fewer pages of memory."""
    columns: dict[str, NDArray[Any]] = {}
    for dtype in dict.fromkeys(COLUMNS[name].dtype for name in names):
        own = [name for name in names if COLUMNS[name].dtype is dtype]
        columns |= zip(own, np.empty((len(own), rows), dtype), strict=True)
    return {name: columns[name] for name in names}


def _case_columns(request: EvaluationRequest, cases: Sequence[CaseGrid]) -> dict[str, Any]:
    """Give the columns of what differs between cases."""
    import pandas as pd  # noqa: PLC0415 - as above

    names, sizes = names_of(request), [one.rows for one in cases]
    known: dict[str, dict[str, Any]] = {
        "model": names.model,
        "hardware": names.hardware,
        "precision": names.precision,
    }
    data: dict[str, Any] = {}
    for axis, (name, own) in enumerate(known.items()):
        positions = np.array([one.case.position[axis] for one in cases], dtype=np.int16)
        codes = np.repeat(positions, sizes)
        data[name] = pd.Categorical.from_codes(codes, dtype=_categories(tuple(own)))
    for name, used in in_use(request.techniques, request.serves).items():
        values = np.array([used[one.case.position[3]] for one in cases])
        data[name] = np.repeat(values, sizes)
    return data


def case_values(request: EvaluationRequest, case: CaseGrid) -> dict[str, Any]:
    """Give what the columns that differ between cases have of one, by their names."""
    names, (model, hardware, precision, techniques) = names_of(request), case.case.position
    used = in_use(request.techniques, request.serves)
    return {
        "model": [*names.model][model],
        "hardware": [*names.hardware][hardware],
        "precision": [*names.precision][precision],
        **{name: values[techniques] for name, values in used.items()},
    }


def front(
    request: EvaluationRequest,
    column: Callable[[str], NDArray[Any]],
    cases: Sequence[CaseGrid],
) -> NDArray[np.bool_]:
    """Mark the candidates on the front: that of each case, or of all hardware together.

    Parameters
    ----------
    request : EvaluationRequest
        Its objective says which.
    column : function
        Gives a column by its name, a category as positions in its labels.
    cases : sequence of CaseGrid
        The cases.

    Returns
    -------
    array of bool
        Whether a row is on it.
    """
    if request.objective != "throughput":
        latency = column(TIMES[request.phase]).copy()
        latency[column("rejected_for") != 0] = np.nan
        return pareto_mask(latency, gain_of(column, request.objective), _alike(cases))
    return column("on_front")


def _alike(cases: Sequence[CaseGrid]) -> NDArray[np.intp]:
    """Give candidates of the same model, precision, techniques and lengths the same number."""
    groups: dict[tuple[int, int, int], int] = {}
    parts = []
    for one in cases:
        model, _, precision, techniques = one.case.position
        plans, batches, inputs, outputs = one.shape
        group = groups.setdefault((model, precision, techniques), len(groups))
        lengths = np.tile(np.arange(inputs * outputs), plans * batches)
        parts.append(group * inputs * outputs + lengths)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@lru_cache(maxsize=64)
def _categories(names: tuple[str, ...]) -> pd.CategoricalDtype[Any]:
    """Make the type of a column of names: making it takes longer than filling the column."""
    import pandas as pd  # noqa: PLC0415 - as above

    return pd.CategoricalDtype(pd.Index(names))
