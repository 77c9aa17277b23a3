"""How far estimates were from measurements that the fit had not seen, by what they rest on."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

BASES = ("measured", "calibrated", "transferred", "assumed")
"""What an estimate rests on, from best to worst: this model was measured on this device;
others were; only a relative of the device or the type was; nothing was."""

METRICS = ("ttft", "tpot", "latency", "prefill", "full_load")
"""Time to first token and per output token while serving, latency of a static batch, that of its
prefill, and time of a request of an engine that has as many in flight as fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An 80 % interval, as factors of the estimate.

    Attributes
    ----------
    low, high : float
        Nine measurements in ten are above ``low`` times the estimate, and nine below ``high``.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Errors of a kind of run in the last fit.

    Attributes
    ----------
    kind : str
        Metric, kind of model and of run, in words.
    part : {'fit', 'rows', 'pairs'}
        Of runs the fit had seen, of rows left out of it, or of whole pairs of model and device.
    count : int
        Number of runs.
    median, p90, bias : float
        Of the absolute relative error, and the median of the signed one.
    """

    kind: str
    part: str
    count: int
    median: float
    p90: float
    bias: float


def last_errors() -> tuple[LeftOut, ...]:
    """Give the errors that the project's own fit had, on what it had seen and had not."""
    return tuple(LeftOut(**entry) for entry in _table()["error"])


def last_worth() -> dict[str, tuple[int, float]]:
    """Say of each constant how many numbers it has, and what it was worth in the last fit.

    Returns
    -------
    dict of str to (int, float)
        Numbers fitted, and the relative rise of errors on pairs left out without it [1].
    """
    return {one["constant"]: (one["numbers"], one["rise"]) for one in _table()["worth"]}


def band(metric: str, basis: str, *, mixture: bool) -> Band:
    """Look up the band of an estimate.

    Parameters
    ----------
    metric : str
        What is estimated, one of :data:`METRICS`.
    basis : str
        One of :data:`BASES`.
    mixture : bool
        Whether the model has mixtures of experts.

    Returns
    -------
    Band
        Factors of the estimate.

    Examples
    --------
    >>> known, guessed = (band("tpot", basis, mixture=False) for basis in ("measured", "assumed"))
    >>> known.high / known.low < guessed.high / guessed.low
    True
    """
    return _bands()[metric, basis, mixture]


def was_measured(model: str, device: str, data_type: str) -> bool:
    """Tell whether the constants were fitted to measurements of a model on a device in a type.

    Examples
    --------
    >>> was_measured("nobody/nothing", "H100_80GB", "bf16")
    False
    """
    return (model, device, data_type) in _measured()


def measured_models(device: str) -> int:
    """Count the models whose runs on a device the constants were fitted to.

    Examples
    --------
    >>> measured_models("MI300X"), measured_models("MI325X")
    (1, 0)
    """
    return len({model for model, one, _ in _measured() if one == device})


@cache
def _table() -> dict[str, Any]:
    text = files("llmcalc_core.calibration").joinpath("bands.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _bands() -> dict[tuple[str, str, bool], Band]:
    return {
        (entry["metric"], entry["basis"], entry["mixture"]): Band(
            low=entry["low"], high=entry["high"]
        )
        for entry in _table()["band"]
    }


@cache
def _measured() -> frozenset[tuple[str, str, str]]:
    return frozenset(map(tuple, _table()["measured"]["runs"]))
