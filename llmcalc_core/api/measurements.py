"""Rows that a user measured: read, checked, and turned into runs of a fit."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from llmcalc_core.architecture.model import architecture
from llmcalc_core.checks import one_of, positive, truth, whole_number
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.fitting.run import Configuration, Run
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.published_fp8 import served_precision
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.concurrency import max_concurrency
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.paths import is_file
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.precision import CHECKPOINT, asked_precision
from llmcalc_core.shown import shown
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.requests import Arrivals

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("model", "tensor_parallel", "concurrency", "input_tokens", "output_tokens")
OPTIONAL = ("pipeline_parallel", "expert_parallel", "attention_data_parallel", "precision",
            "engine", "engine_version", "kind", "fixed_lengths")  # fmt: skip
FIGURES = {"ttft_ms": "ttft", "tpot_ms": "tpot", "e2e_ms": "latency"}
"""Columns of what was measured, and the metric of each."""

KINDS = ("closed_loop", "static")

Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A row: its label in the input, and a run for each of its figures."""

    label: Hashable
    runs: tuple[Run, ...]


def read_measurements(
    measurements: pd.DataFrame | Sequence[Cells] | str | PathLike[str],
    hardware: Hardware,
    *,
    engine: str | Engine,
) -> list[MeasuredRow]:
    """Read rows of measurements.

    Parameters
    ----------
    measurements : DataFrame, list of dicts or path
        Rows; a path names a CSV file.
    hardware : Hardware
        What they were measured on.
    engine : str or Engine
        The serving engine of rows that name none.

    Returns
    -------
    list of MeasuredRow
        In their order; labelled by the frame's index, or counted from 1.

    Raises
    ------
    ValueError
        For an unknown or missing column, or a cell that is not valid, with its row.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> row = {"model": "llama3_8b", "tensor_parallel": 1, "concurrency": 16,
    ...        "input_tokens": 1000, "output_tokens": 200, "ttft_ms": 210, "tpot_ms": 9.4}
    >>> (found,) = read_measurements([row], find_hardware("H100_80GB"), engine="vllm")
    >>> found.label, [(run.metric, run.seconds) for run in found.runs]
    (1, [('ttft', 0.21), ('tpot', 0.0094)])
    """
    frame = _frame(measurements)
    known = (*NEEDED, *OPTIONAL, *FIGURES)
    columns = [one_of("a column of measurements", name, known) for name in frame.columns]
    for name in columns:
        if columns.count(name) > 1:
            msg = f"a column of measurements must occur once, got {shown(name)} twice"
            raise ValueError(msg)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        msg = f"measurements need the columns {', '.join(NEEDED)}; missing: {', '.join(missing)}"
        raise ValueError(msg)
    rows = []
    for label, values in zip(frame.index, frame.to_numpy(dtype=object), strict=True):
        cells = {
            name: value for name, value in zip(columns, values, strict=True) if not _is_blank(value)
        }
        try:
            rows.append(MeasuredRow(label=label, runs=_runs(cells, hardware, engine)))
        except ValueError as error:
            msg = f"row {label} of the measurements: {error}"
            raise ValueError(msg) from None
    return rows


def _frame(measurements: object) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    if isinstance(measurements, pd.DataFrame):
        return measurements
    if isinstance(measurements, (str, PathLike)):
        frame = _read(measurements)
    elif isinstance(measurements, Sequence) and all(isinstance(m, Mapping) for m in measurements):
        frame = pd.DataFrame(list(measurements))
    else:
        msg = (
            "measurements must be a DataFrame, a list of dicts or the path of a CSV file, got "
            f"{type(measurements).__name__}"
        )
        raise ValueError(msg)
    return frame.set_axis(range(1, len(frame) + 1))


def _read(path: str | PathLike[str]) -> pd.DataFrame:
    """Read a CSV file that is on this machine."""
    import pandas as pd  # noqa: PLC0415 - as above

    if not is_file(path):
        msg = (
            f"measurements must be a DataFrame, a list of dicts or the path of a CSV file, got "
            f"{shown(str(path))}, which is no file on this machine"
        )
        raise ValueError(msg)
    try:
        return pd.read_csv(path, dtype=str)
    except (UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        msg = f"measurements must be a CSV file with a header, got {shown(str(path))}: {error}"
        raise ValueError(msg) from None


def _is_blank(value: object) -> bool:
    import pandas as pd  # noqa: PLC0415 - as above

    if isinstance(value, str):
        return not value.strip()
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _runs(cells: Cells, hardware: Hardware, engine: str | Engine) -> tuple[Run, ...]:
    for name in NEEDED:
        if name not in cells:
            msg = f"{name} is blank"
            raise ValueError(msg)
    configuration = _configuration(cells, hardware, engine)
    allowed = [name for name in FIGURES if name != "e2e_ms" or not configuration.loop]
    given = [name for name in FIGURES if name in cells]
    if not given:
        msg = f"one of {', '.join(allowed)} must be given"
        raise ValueError(msg)
    for name in given:
        if name not in allowed:
            msg = f"{name} is for rows of kind 'static', got {shown(cells[name])} in a closed loop"
            raise ValueError(msg)
    return tuple(
        Run(
            configuration=configuration,
            metric=FIGURES[name],
            seconds=positive(name, _number(cells, name), unit="ms") / 1e3,
        )
        for name in given
    )


def _configuration(cells: Cells, hardware: Hardware, engine: str | Engine) -> Configuration:
    config = find_model(cells["model"])
    model = architecture(config)
    stages = _count(cells, "pipeline_parallel") if "pipeline_parallel" in cells else 1
    if stages != 1:
        msg = f"pipeline_parallel must be 1 in a row to calibrate with, got {stages}"
        raise ValueError(msg)
    ranks = "attention_data_parallel"
    serves = find_engine(cells.get("engine", engine), cells.get("engine_version"))
    one = Configuration(
        model=model,
        hardware=hardware,
        precision=served_precision(
            asked_precision(cells.get("precision", CHECKPOINT)), config, hardware
        ),
        layout=check_layout(
            model,
            tp=_number(cells, "tensor_parallel"),
            pp=1,
            ep=_number(cells, "expert_parallel") if "expert_parallel" in cells else 1,
            attention_dp=_number(cells, ranks) if ranks in cells else None,
        ),
        engine=serves.name,
        engine_version=serves.version,
        loop=one_of("kind", cells.get("kind", KINDS[0]), KINDS) == "closed_loop",
        batch=_count(cells, "concurrency"),
        input_tokens=_count(cells, "input_tokens"),
        output_tokens=_count(cells, "output_tokens"),
        arrivals=Arrivals(fixed_lengths=_is_so(cells, "fixed_lengths")),
    )
    if one.loop:
        _check_memory(one)
    return one


def _check_memory(one: Configuration) -> None:
    """Refuse requests that would wait for memory: their times tell of the queue alone."""

    def memory_of(batch: int) -> tuple[Memory, Grid]:
        grid = replace(one, batch=batch).grid()
        return device_memory(one.model, one.precision, grid), grid

    budget = MemoryBudget(device_bytes=one.hardware.visible_bytes)
    most = max_concurrency(memory_of, one.batch, budget)
    if most < one.batch:
        msg = (
            f"concurrency must be at most {most}, as many requests as fit in the memory of "
            f"{one.layout.devices} x {one.hardware.name}, got {one.batch}"
        )
        raise ValueError(msg)


def _count(cells: Cells, column: str) -> int:
    return whole_number(column, _number(cells, column))


def _is_so(cells: Cells, column: str) -> bool:
    """Read a cell that says yes or no, blank for no; files write true and false."""
    value = cells.get(column, False)
    written = {"true": True, "false": False}
    return truth(
        column, written.get(value.strip().lower(), value) if isinstance(value, str) else value
    )


def _number(cells: Cells, column: str) -> object:
    """Give a cell; a number where a file has its digits."""
    value = cells[column]
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        msg = f"{column} must be a number, got {shown(value)}"
        raise ValueError(msg) from None
