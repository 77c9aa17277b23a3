"""A measured case: what was run, how, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from llmcalc_core.checks import positive, whole_number
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.arrivals import DRAWN, Arrivals
from llmcalc_core.workload.layout import Layout


class CannotPredictError(ValueError):
    """A row that can't be predicted; the message is the reason that the report gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One configuration and what was measured on it.

    Parameters
    ----------
    id, source : str
        The row's name in its file; who measured it.
    model, hardware, engine, precision, layout
        What ran on what: one replica, or one instance of a static batch.
    engine_version : str, optional
        As the file has it; '' where it does not say.
    kind : {'closed_loop', 'static', 'saturated'}
        Whether requests follow each other at a fixed concurrency, start together, or are all
        queued at once before an engine that takes as many as it can.
    batch : int
        Requests in flight; the most that may be for a saturated case, 0 where memory alone
        limits them.
    graph_sizes : tuple of int
        Batches of an attention replica that decode steps were padded to, if any.
    memory_fraction : float, default 0.9
        What a server was told that it may use of a device's memory.
    requests : int, default 0
        Requests of a whole saturated run, which ends with fewer in flight; 0 where the source
        does not say.
    input_tokens, output_tokens : int
        Mean lengths [tokens].
    metrics : tuple of str
        What was measured, in the order of the file: ``ttft_ms``, ``tpot_ms``, ``decode_ms`` (of
        all output tokens), ``e2e_ms``, ``tokens_per_s`` (output tokens), ``memory_gib`` (of the
        fullest device), ``fits`` (1 or 0).
    measured : tuple of float
        Its values, NaN where the file has none.
    per : int, default 1
        Devices that ``tokens_per_s`` is divided by.
    arrivals : Arrivals
        How requests of a closed loop or a saturated run come.
    """

    id: str
    source: str
    model: ModelConfig
    hardware: Hardware
    engine: str
    precision: Precision
    layout: Layout
    kind: str
    batch: int
    input_tokens: int
    output_tokens: int
    metrics: tuple[str, ...]
    measured: tuple[float, ...]
    per: int = 1
    requests: int = 0
    arrivals: Arrivals = DRAWN
    engine_version: str = ""
    graph_sizes: tuple[int, ...] = ()
    memory_fraction: float = 0.9

    @property
    def mixture(self) -> bool:
        """Whether the model has routed experts."""
        return self.model.num_experts > 1


def stated_number(fields: Mapping[str, str], column: str) -> float:
    """Read a number from 0 up that a row has to state.

    Raises
    ------
    CannotPredictError
        If the cell is blank.
    ValueError
        If it is no finite number from 0 up.

    Examples
    --------
    >>> stated_number({"tp": "8.0"}, "tp")
    8.0
    """
    text = fields[column].strip()
    if not text:
        msg = f"{column} is not stated"
        raise CannotPredictError(msg)
    return positive(column, _number(column, text), zero=True)


def stated_count(fields: Mapping[str, str], column: str, *, least: int = 1) -> int:
    """Read a whole number that a row has to state; files write it as 8 or 8.0.

    Raises
    ------
    CannotPredictError
        If the cell is blank.
    ValueError
        If it is no whole number of at least ``least``.

    Examples
    --------
    >>> stated_count({"tp": "8.0"}, "tp")
    8
    """
    return whole_number(column, stated_number(fields, column), least=least)


def count_or_one(fields: Mapping[str, str], column: str) -> int:
    """Read a width; blank and 0 mean 1.

    Examples
    --------
    >>> count_or_one({"ep": ""}, "ep"), count_or_one({"ep": "0.0"}, "ep")
    (1, 1)
    """
    return max(1, stated_count(fields, column, least=0)) if fields[column].strip() else 1


def measured_number(fields: Mapping[str, str], column: str) -> float:
    """Read what was measured; NaN where the file has no such column or no value.

    Examples
    --------
    >>> measured_number({"value": "12.5"}, "value"), measured_number({}, "value")
    (12.5, nan)
    """
    text = fields[column].strip() if column in fields else ""
    return _number(column, text) if text else math.nan


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        msg = f"{column} must be a number, got {text!r}"
        raise ValueError(msg) from None
