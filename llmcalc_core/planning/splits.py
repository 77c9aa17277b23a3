"""Tensor and pipeline splits that fit, as a table of the guide's columns."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.utilisation import phase_utilisation
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.cost import cost_figures
from llmcalc_core.planning.engine_rules import engine_words, refused, starts
from llmcalc_core.planning.feasibility import DoesNotFitError, does_not_fit, minimum_devices
from llmcalc_core.planning.layouts import layouts
from llmcalc_core.planning.legality import tensor_widths
from llmcalc_core.planning.static_estimate import Estimate, Workload, estimate_phases
from llmcalc_core.precision import Precision

if TYPE_CHECKING:
    import pandas as pd

Table = dict[str, NDArray[np.float64]]
PER_TOKEN = {"cost": "USD/Mtoken", "energy": "J/token"}
"""Column that an objective adds."""

_WHOLE = ("batch", "micro batch", "TP", "PP")


def fitting_splits(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    workload: Workload,
    *,
    devices: int,
    phase: str,
    memory_fraction: float | None,
    objective: str = "throughput",
) -> Table:
    """Estimate every split of the devices, for every batch, and keep those that fit.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    workload : Workload
        Batches and lengths.
    devices : int
        Tensor times pipeline parallel is this number.
    phase : {'prefill', 'decode'}
        Whose latency and throughput to give.
    memory_fraction : float
        Part of a device's memory that may be used.
    objective : {'throughput', 'cost', 'energy'}
        What else to give.

    Returns
    -------
    dict of str to array
        ``batch``, ``micro batch``, ``TP``, ``PP``, ``Latency(ms)``, ``Tokens/s``, and
        ``USD/Mtoken`` [USD per 10^6 tokens] or ``J/token`` of the phase's tokens where that is the
        objective.

    Raises
    ------
    DoesNotFitError
        If nothing fits.
    ValueError
        If the model has no split over so many devices.
    """
    splits = layouts(model, devices)
    if not splits:
        closest = next(count for count in range(devices - 1, 0, -1) if layouts(model, count))
        msg = (
            f"total_nodes must be the product of a tensor parallel width "
            f"({', '.join(map(str, tensor_widths(model)))}) and at most "
            f"{model.layer_count} pipeline stages of {model.name}, got {devices}; the next valid "
            f"value below is {closest}"
        )
        raise ValueError(msg)
    (found,) = estimate_phases(
        model, hardware, precision, splits, workload, phases=(phase,),
        memory_fraction=memory_fraction, bounds=objective != "throughput",
    )  # fmt: skip
    fits = found.budget.fits(found.memory)
    if not fits.any():
        raise nothing_fits(
            model,
            hardware,
            precision,
            workload,
            found,
            devices=devices,
            memory_fraction=memory_fraction,
        )
    asked = Asked(model=model, hardware=hardware, precision=precision, grid=found.grid)
    starting = np.empty(found.grid.shape, bool)
    starting[...] = fits & starts(asked)
    if not starting.any():
        words = "; ".join(engine_words(reason) for reason in refused(asked))
        msg = f"no split of {model.name} over {devices} devices starts: {words}"
        raise DoesNotFitError(msg)
    kept = starting.reshape(-1)
    columns = _columns(found, workload, phase)
    if objective != "throughput":
        columns |= _per_token(found, hardware, phase, columns["Tokens/s"], objective)
    return {name: values[kept] for name, values in columns.items()}


def nothing_fits(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    workload: Workload,
    found: Estimate,
    *,
    devices: int,
    memory_fraction: float | None,
) -> DoesNotFitError:
    """Say by how much the smallest batch does not fit, and how many devices would do."""
    enough = minimum_devices(
        model,
        hardware,
        precision,
        batch=workload.batches[0],
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
        beam_size=workload.beam_size,
        memory_fraction=memory_fraction,
        techniques=workload.techniques,
        splits_only=True,
    )
    return does_not_fit(
        model,
        hardware,
        devices=devices,
        memory=found.memory,
        budget=found.budget,
        enough=enough,
    )


def _columns(found: Estimate, workload: Workload, phase: str) -> Table:
    grid, times = found.grid, found.times
    per_request = 1 if phase == "decode" else workload.input_tokens
    columns = {
        "batch": grid.batch,
        "micro batch": grid.micro_batch,
        "TP": grid.tp,
        "PP": grid.pp,
        "Latency(ms)": times.latency_s * 1e3,
        "Tokens/s": grid.batch * per_request / times.period_s,
    }
    return {name: _each(values, grid.shape) for name, values in columns.items()}


def _each(values: Values, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Give a value for each split and batch; of few, faster than ``np.broadcast_to``."""
    each = np.empty(shape)
    each[...] = values
    return each.reshape(-1)


def _per_token(
    found: Estimate, hardware: Hardware, phase: str, tokens_per_s: NDArray[np.float64],
    objective: str,
) -> Table:  # fmt: skip
    """Give what a token of the phase costs, or what energy it takes."""
    grid, decode = found.grid, phase == "decode"
    figures = cost_figures(
        hardware,
        devices=grid.stage_devices * grid.pp,
        utilisation=phase_utilisation(found.times, grid, decode=decode),
        requests_per_s=tokens_per_s.reshape(grid.shape),
        input_tokens=1.0,
        output_tokens=1.0,
    )
    side = "output" if decode else "input"
    names = {"cost": f"cost_usd_per_million_{side}_tokens", "energy": f"energy_j_per_{side}_token"}
    values = np.broadcast_to(figures[names[objective]], grid.shape)
    return {PER_TOKEN[objective]: values.reshape(-1)}


def best_first(table: Table, objective: str) -> NDArray[np.float64]:
    """Give what is to be small of a split: what a token costs or takes, or the time between two."""
    if objective == "throughput":
        return -table["Tokens/s"]
    return table[PER_TOKEN[objective]]


def guide_frame(table: Table) -> pd.DataFrame:
    """Turn a table into the guide's DataFrame.

    Counts are whole numbers. ``micro batch`` is held as objects so that a row taken from the
    frame (``iterrows``) keeps them whole: pandas makes a row of integers and floats all floats.

    Parameters
    ----------
    table : dict of str to array
        Columns.

    Returns
    -------
    DataFrame
        The same columns, numbered from 0.

    Examples
    --------
    >>> frame = guide_frame({"micro batch": np.array([4.0]), "TP": np.array([8.0]),
    ...                      "Latency(ms)": np.array([1.5])})
    >>> next(frame.iterrows())[1].tolist()
    [4, 8, 1.5]
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    data = {
        name: values.astype(np.int64) if name in _WHOLE else values
        for name, values in table.items()
    }
    data["micro batch"] = data["micro batch"].astype(object)
    index = pd.RangeIndex(len(table["TP"]))
    frame = pd.DataFrame(dict(enumerate(data.values())), index=index, copy=False)
    frame.columns = _labels(tuple(data))  # of names alone pandas takes as long as of the columns
    return frame


@lru_cache(maxsize=16)
def _labels(names: tuple[str, ...]) -> pd.Index[str]:
    """Make the labels of columns: pandas takes as long for them as for the columns."""
    import pandas as pd  # noqa: PLC0415 - as above

    return pd.Index(names)
