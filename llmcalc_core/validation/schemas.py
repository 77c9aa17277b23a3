"""The schemas of measured files: told apart by their header, read row by row, predicted."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from llmcalc_core.validation import (
    closed_loop,
    open_loop,
    planned_pools,
    published,
    start_up_logs,
)
from llmcalc_core.validation.cases import Case, Prediction
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.predict import predict


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """How the rows of one kind of file are read, and what is written for each.

    Parameters
    ----------
    name : str
        For messages.
    columns : tuple of str
        Columns that a file has to have.
    figures : tuple of str
        Names of a row's predicted figures.
    source_of, read_case : callable
        Who measured a row; the row as a case.
    """

    name: str
    columns: tuple[str, ...]
    figures: tuple[str, ...]
    source_of: Callable[[Mapping[str, str]], str]
    read_case: Callable[[Mapping[str, str]], Case]


SCHEMAS = (
    Schema(
        name="closed loop",
        columns=closed_loop.COLUMNS,
        figures=closed_loop.METRICS,
        source_of=closed_loop.source_of,
        read_case=closed_loop.read_case,
    ),
    Schema(
        name="published points",
        columns=published.COLUMNS,
        figures=("value",),
        source_of=published.source_of,
        read_case=published.read_case,
    ),
    Schema(
        name="open loop",
        columns=open_loop.COLUMNS,
        figures=open_loop.METRICS,
        source_of=open_loop.source_of,
        read_case=open_loop.read_case,
    ),
    Schema(
        name="start-up logs",
        columns=start_up_logs.COLUMNS,
        figures=start_up_logs.METRICS,
        source_of=start_up_logs.source_of_log,
        read_case=start_up_logs.read_log,
    ),
    Schema(
        name="planned pools",
        columns=planned_pools.COLUMNS,
        figures=planned_pools.METRICS,
        source_of=planned_pools.source_of_pool,
        read_case=planned_pools.read_pool,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A row of the file: its case and prediction, or the reason why there is none."""

    id: str
    source: str
    case: Case | None = None
    prediction: Prediction | None = None
    reason: str = ""


def schema_of(header: tuple[str, ...]) -> Schema:
    """Tell the schema of a file by its column names.

    Raises
    ------
    ValueError
        If it is none of them, with the columns that each would need.

    Examples
    --------
    >>> schema_of(SCHEMAS[1].columns).name
    'published points'
    """
    lacking = {}
    for schema in SCHEMAS:
        missing = [column for column in schema.columns if column not in header]
        if not missing:
            return schema
        lacking[schema.name] = missing
    needs = "; ".join(f"for {name} {', '.join(missing)}" for name, missing in lacking.items())
    msg = f"the header fits no schema, missing are {needs}"
    raise ValueError(msg)


def predict_file(path: str | PathLike[str]) -> tuple[Schema, list[Outcome]]:
    """Predict every row of a file that can be predicted.

    Parameters
    ----------
    path : str or path
        A CSV file of any schema.

    Returns
    -------
    tuple of (Schema, list of Outcome)
        The file's schema, and an outcome for each of its rows, in their order.

    Raises
    ------
    ValueError
        If the file has no schema.
    OSError
        If it can't be read.
    """
    schema, rows = _read(path)
    return schema, [predict_row(schema, fields) for fields in rows]


def read_cases(path: str | PathLike[str]) -> list[Case]:
    """Read the rows of a file that can be predicted.

    Raises
    ------
    ValueError
        If the file has no schema.
    OSError
        If it can't be read.
    """
    schema, rows = _read(path)
    return [case for fields in rows if (case := _case_or_none(schema, fields)) is not None]


def _read(path: str | PathLike[str]) -> tuple[Schema, list[dict[str, str]]]:
    """Read the rows of a file, and tell its schema; rows without a name have their number."""
    with Path(path).open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        schema = schema_of(tuple(rows.fieldnames or ()))
        return schema, [{"id": str(number), **row} for number, row in enumerate(rows, 1)]


def _case_or_none(schema: Schema, fields: Mapping[str, str]) -> Case | None:
    try:
        return schema.read_case(fields)
    except ValueError:
        return None


def predict_row(schema: Schema, fields: Mapping[str, str]) -> Outcome:
    """Predict one row, or say why it can't be."""
    row = Outcome(id=fields["id"], source=schema.source_of(fields))
    try:
        case = schema.read_case(fields)
    except ValueError as error:
        return replace(row, reason=str(error))
    try:
        return replace(row, case=case, prediction=predict(case))
    except CannotPredictError as error:
        return replace(row, case=case, reason=str(error))
