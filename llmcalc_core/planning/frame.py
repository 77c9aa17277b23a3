"""Columns of several cases as one frame."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.bands import BASES
from llmcalc_core.costmodel.timing import BOUNDS
from llmcalc_core.planning.columns import Columns
from llmcalc_core.planning.table import REASONS
from llmcalc_core.workload.techniques import Techniques, in_use

if TYPE_CHECKING:
    import pandas as pd

LABELS = {"bound_by": BOUNDS, "rejected_for": REASONS, "basis": BASES}
"""What the small integers of a category stand for."""

Cases = list[tuple[tuple[int, int, int, int], Columns]]
"""Positions of a model, a device, a precision and techniques among those asked for, and columns."""


def as_frame(
    cases: Cases,
    *,
    models: tuple[str, ...],
    hardware: tuple[str, ...],
    precisions: tuple[str, ...],
    techniques: tuple[Techniques, ...],
    engine: str,
) -> pd.DataFrame:
    """Join the columns of several cases into one frame.

    Parameters
    ----------
    cases : list of ((model, hardware, precision, technique), columns)
        Positions in what follows, and the columns of that case.
    models, hardware, precisions : tuple of str
        Names.
    techniques : tuple of Techniques
        Each field that any of them uses becomes a column.
    engine : str
        The serving engine, whose token budget holds where none is given.

    Returns
    -------
    DataFrame
        One row per candidate; names, reasons and bounds are categories.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    sizes = [len(columns["tp"]()) for _, columns in cases]
    named = {"model": models, "hardware": hardware, "precision": precisions}
    data: dict[str, Any] = {}
    for axis, (name, names) in enumerate(named.items()):
        codes = np.repeat(np.array([at[axis] for at, _ in cases], dtype=np.int16), sizes)
        data[name] = pd.Categorical.from_codes(codes, dtype=_categories(names))
    for name, used in in_use(techniques, engine).items():
        data[name] = np.repeat(np.array([used[at[3]] for at, _ in cases]), sizes)
    for name in cases[0][1]:
        values = column_of(cases, name)
        if name in LABELS:
            data[name] = pd.Categorical.from_codes(values, dtype=_categories(LABELS[name]))
        else:
            data[name] = values
    return pd.DataFrame(data, copy=False)


def column_of(cases: Cases, name: str) -> NDArray[Any]:
    """Join one column of several cases; a category as small integers.

    Parameters
    ----------
    cases : list of (positions, columns)
        As :func:`as_frame` takes them.
    name : str
        Which.

    Returns
    -------
    array
        One value per candidate.
    """
    parts = [columns[name]() for _, columns in cases]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@lru_cache(maxsize=64)
def _categories(names: tuple[str, ...]) -> pd.CategoricalDtype:
    """Make the type of a column of names: making it takes longer than filling the column."""
    import pandas as pd  # noqa: PLC0415 - as above

    return pd.CategoricalDtype(pd.Index(names))
