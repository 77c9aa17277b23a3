"""How far estimates were from measurements that the fit had not seen, by what they rest on."""

from __future__ import annotations

from functools import cache

from llmcalc_core.calibration.band_tables import (
    BASES,
    FILE,
    METRICS,
    Band,
    BandTables,
    Coverage,
    LeftOut,
    as_band_tables,
)
from llmcalc_core.calibration.tables import read_toml
from llmcalc_core.checks import one_of
from llmcalc_core.dtypes import DATA_TYPES


def last_errors() -> tuple[LeftOut, ...]:
    """Give the errors that the project's own fit had, on what it had seen and had not."""
    return _tables().errors


def last_coverage() -> tuple[Coverage, ...]:
    """Say how many figures of unseen sources the bands of the last fit held."""
    return _tables().coverage


def last_worth() -> dict[str, tuple[int, float]]:
    """Say of each constant how many numbers it has, and what it was worth in the last fit.

    Returns
    -------
    dict of str to (int, float)
        Numbers fitted, and the relative rise of errors on pairs left out without it [1].
    """
    return {one.constant: (one.numbers, one.rise) for one in _tables().worth}


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
    found = _tables().bands.get((metric, basis, bool(mixture)))
    if found is None:
        one_of("metric", metric, METRICS)
        one_of("basis", basis, BASES)
        msg = f"mixture must be True or False, got {mixture!r}"
        raise ValueError(msg)
    return found


def was_measured(model: str, device: str, weights: str, kv_cache: str, engine: str) -> bool:
    """Tell whether the constants were fitted to runs of a model on a device in these types.

    Parameters
    ----------
    model, device : str
        What runs on what.
    weights : str
        Type of most weights.
    kv_cache : str
        Type of the KV cache; types that the same kernels read are one.
    engine : str
        With which engine.

    Returns
    -------
    bool
        Whether any run was of all five.

    Examples
    --------
    >>> was_measured("meta-llama/Llama-3.1-8B", "H100_80GB", "fp8", "fp8", "trtllm")
    True
    >>> was_measured("meta-llama/Llama-3.1-8B", "H100_80GB", "fp8", "int4", "trtllm")
    False
    """
    return (model, device, weights, DATA_TYPES[kv_cache].kernels, engine) in _measured()


@cache
def measured_engines(device: str) -> frozenset[str]:
    """Name the engines whose runs on a device the constants were fitted to.

    Examples
    --------
    >>> "vllm" in measured_engines("H100_80GB"), len(measured_engines("MI325X"))
    (True, 0)
    """
    return frozenset(run.engine for run in _tables().runs if run.device == device)


@cache
def measured_models(device: str) -> int:
    """Count the models whose runs on a device the constants were fitted to.

    Examples
    --------
    >>> measured_models("MI300X"), measured_models("MI325X")
    (1, 0)
    """
    return len({run.model for run in _tables().runs if run.device == device})


@cache
def _measured() -> frozenset[tuple[str, str, str, str, str]]:
    return frozenset(
        (run.model, run.device, run.weights, DATA_TYPES[run.kv_cache].kernels, run.engine)
        for run in _tables().runs
    )


@cache
def _tables() -> BandTables:
    return as_band_tables(read_toml(FILE))
