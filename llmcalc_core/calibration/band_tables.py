"""The records of ``bands.toml``, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

from llmcalc_core.calibration.tables import as_record
from llmcalc_core.checks import finite, one_of, positive, share, truth, whole_number
from llmcalc_core.dtypes import data_type

FILE = "bands.toml"

_Record = TypeVar("_Record")

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
class BandTable:
    """A ``band`` of the file: what it is of, and the interval."""

    metric: str
    basis: str
    mixture: bool
    low: float
    high: float

    def __post_init__(self) -> None:
        """Check every value."""
        one_of("metric", self.metric, METRICS)
        one_of("basis", self.basis, BASES)
        truth("mixture", self.mixture)
        if not positive("low", self.low) <= 1 <= positive("high", self.high):
            msg = f"low and high must be around 1, got {self.low!r} and {self.high!r}"
            raise ValueError(msg)


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

    def __post_init__(self) -> None:
        """Check every value."""
        one_of("part", self.part, ("fit", "rows", "pairs"))
        whole_number("count", self.count)
        for name in ("median", "p90"):
            positive(name, getattr(self, name), zero=True)
        finite("bias", self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Errors on sources that no fit has seen, and what bands held that had not seen them either.

    Attributes
    ----------
    by : {'basis', 'metric', 'engine'}
        What they have in common.
    value : str
        Which one.
    count : int
        Number of figures.
    median, p90, bias : float
        Of the absolute relative error of times, and the median of the signed one [1].
    inside : float
        Share of them in the band [1].
    """

    by: str
    value: str
    count: int
    median: float
    p90: float
    bias: float
    inside: float

    def __post_init__(self) -> None:
        """Check every value."""
        one_of("by", self.by, ("basis", "metric", "engine"))
        whole_number("count", self.count)
        for name in ("median", "p90"):
            positive(name, getattr(self, name), zero=True)
        finite("bias", self.bias)
        share("inside", self.inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a constant was worth in the last fit.

    Attributes
    ----------
    constant : str
        Its name.
    numbers : int
        Numbers fitted.
    rise : float
        Relative rise of errors on pairs left out without it [1].
    """

    constant: str
    numbers: int
    rise: float

    def __post_init__(self) -> None:
        """Check every value."""
        whole_number("numbers", self.numbers)
        finite("rise", self.rise)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """What a run of the fit was of.

    Attributes
    ----------
    model, device : str
        What ran on what.
    weights, kv_cache : str
        Types of most weights (those of the experts in a mixture) and of the KV cache.
    engine : str
        The serving engine.
    """

    model: str
    device: str
    weights: str
    kv_cache: str
    engine: str

    def __post_init__(self) -> None:
        """Check the types."""
        data_type("weights", self.weights)
        data_type("kv_cache", self.kv_cache)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandTables:
    """All of the file.

    Attributes
    ----------
    bands : dict of (str, str, bool) to Band
        By metric, basis and whether the model is a mixture.
    errors : tuple of LeftOut
        Errors of the last fit.
    coverage : tuple of Coverage
        Errors and bands on sources that neither they nor a fit had seen.
    worth : tuple of Worth
        What each constant was worth in it.
    runs : frozenset of MeasuredRun
        What it was fitted to.
    """

    bands: dict[tuple[str, str, bool], Band]
    errors: tuple[LeftOut, ...]
    coverage: tuple[Coverage, ...]
    worth: tuple[Worth, ...]
    runs: frozenset[MeasuredRun]


def as_band_tables(tables: Mapping[str, Any]) -> BandTables:
    """Make the records of the file.

    Raises
    ------
    ValueError
        With file, table and key.
    """
    for name in tables:
        one_of(f"a table of {FILE}", name, ("band", "error", "coverage", "worth", "measured"))
    bands: dict[tuple[str, str, bool], Band] = {}
    for one in _listed(BandTable, tables, "band"):
        key = one.metric, one.basis, one.mixture
        if key in bands:
            msg = f"{FILE}: the band of {key} must occur once"
            raise ValueError(msg)
        bands[key] = Band(low=one.low, high=one.high)
    for key in product(METRICS, BASES, (False, True)):
        if key not in bands:
            msg = f"{FILE}: the band of {key} is missing"
            raise ValueError(msg)
    runs = tables.get("measured", {}).get("runs", ())
    return BandTables(
        bands=bands,
        errors=_listed(LeftOut, tables, "error"),
        coverage=_listed(Coverage, tables, "coverage"),
        worth=_listed(Worth, tables, "worth"),
        runs=frozenset(
            as_record(MeasuredRun, _named(run), f"{FILE}, [measured], runs, {place}")
            for place, run in enumerate(runs, start=1)
        ),
    )


def _listed(kind: type[_Record], tables: Mapping[str, Any], name: str) -> tuple[_Record, ...]:
    """Make the records of an array of tables."""
    return tuple(
        as_record(kind, one, f"{FILE}, [[{name}]] {place}")
        for place, one in enumerate(tables.get(name, ()), start=1)
    )


def _named(run: object) -> object:
    """Name the five words of a run."""
    names = ("model", "device", "weights", "kv_cache", "engine")
    return dict(zip(names, run, strict=False)) if isinstance(run, list) else run
