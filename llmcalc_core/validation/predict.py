"""From a case to what the estimates say about it, each figure with its 80 % band."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from llmcalc_core import api
from llmcalc_core.validation.cases import CannotPredictError, Case

_BATCHES = tuple(dict.fromkeys(round(2 ** (half / 2)) for half in range(31)))
"""Batches that a saturated engine is tried with: up to 32,768, in steps of the root of two."""

_WHOLE_MEMORY = 1.0
"""Part of a device that a static batch may fill: it runs without a server's margin."""

_STAGES = {"ttft_ms": "prefill", "tpot_ms": "decode", "decode_ms": "decode",
           "memory_gib": "decode", "fits": "decode", "e2e_ms": "end_to_end",
           "tokens_per_s": "end_to_end"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A predicted value and its 80 % band; memory has none (NaN)."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One figure for each metric of a case, and what they rest on."""

    figures: tuple[Figure, ...]
    basis: str


def predict_case(case: Case, constants: object = None) -> tuple[float, ...]:
    """Predict a case's metrics without their bands, as a fit of constants wants them.

    Parameters
    ----------
    case : Case
        What was measured.
    constants : object, optional
        Constants to try in place of the fitted ones; handed to the estimates as they are.

    Returns
    -------
    tuple of float
        A value for each of ``case.metrics``, in its unit.

    Raises
    ------
    CannotPredictError
        If a saturated case fits with no batch.
    """
    return tuple(figure.value for figure in predict(case, constants).figures)


def predict(case: Case, constants: object = None) -> Prediction:
    """Predict a case's metrics with their bands.

    Parameters
    ----------
    case, constants
        As for :func:`predict_case`.

    Returns
    -------
    Prediction
        A figure for each of ``case.metrics``, in its unit.

    Raises
    ------
    CannotPredictError
        If a saturated case fits with no batch.
    """
    trial = {} if constants is None else {"constants": constants}
    if case.kind == "static":
        estimates = [_static(case, _STAGES[metric], trial) for metric in case.metrics]
        figure = _static_figure
    else:
        found = _saturated(case, trial) if case.kind == "saturated" else _serving(case, trial)
        estimates = [found] * len(case.metrics)
        figure = _serving_figure
    return Prediction(
        figures=tuple(map(figure, [case] * len(case.metrics), case.metrics, estimates)),
        basis=estimates[0]["basis"],
    )


def _shared(case: Case) -> dict[str, Any]:
    """Arguments that every estimate takes."""
    return {
        "model": case.model,
        "input_tokens": case.input_tokens,
        "system_name": case.hardware,
        "bits": case.precision,
        "tensor_parallel": case.layout.tp,
        "pipeline_parallel": case.layout.pp,
        "expert_parallel": case.layout.ep,
        "engine": case.engine,
    }


def _static(case: Case, stage: str, trial: Mapping[str, object]) -> dict[str, Any]:
    asked = {
        **_shared(case), **trial, "batch_size": case.batch, "memory_fraction": _WHOLE_MEMORY,
    }  # fmt: skip
    if stage == "prefill":
        return api.estimate_prefill_performance(**asked)
    if stage == "decode":
        return api.estimate_decode_performance(**asked, output_tokens=case.output_tokens)
    return api.estimate_end_to_end_performance(**asked, output_tokens=case.output_tokens)


def _static_figure(case: Case, metric: str, estimate: Mapping[str, Any]) -> Figure:
    if metric == "memory_gib":
        return Figure(value=estimate["memory_bytes"] / 2**30)
    if metric == "fits":
        return Figure(value=float(estimate["fits"]))
    low, value, high = (estimate[name] for name in ("latency_low", "latency", "latency_high"))
    if metric == "tokens_per_s":
        tokens = case.batch * case.output_tokens * 1e3 / case.per
        return Figure(value=tokens / value, low=tokens / high, high=tokens / low)
    steps = case.output_tokens if metric == "decode_ms" else 1
    return Figure(value=steps * value, low=steps * low, high=steps * high)


def _serving(case: Case, trial: Mapping[str, object]) -> dict[str, Any]:
    asked = {**_shared(case), **trial, "attention_data_parallel": case.layout.dp}
    return api.estimate_serving_performance(
        **asked, concurrency=case.batch, output_tokens=case.output_tokens
    )


def _saturated(case: Case, trial: Mapping[str, object]) -> dict[str, Any]:
    """Estimate the batch with the highest throughput of those that fit."""
    most = case.batch or _BATCHES[-1]
    batches = [*(batch for batch in _BATCHES if batch < most), most]
    estimates = (_serving(replace(case, batch=batch), trial) for batch in batches)
    fitting = list(takewhile(lambda estimate: estimate["fits"], estimates))
    if not fitting:
        msg = "no batch fits the memory of the devices"
        raise CannotPredictError(msg)
    fullest = min(most, max(1, int(fitting[-1]["max_concurrency"])))
    largest = _serving(replace(case, batch=fullest), trial)
    candidates = [*fitting, largest] if largest["fits"] else fitting
    return max(candidates, key=lambda estimate: float(estimate["tokens_per_s"]))


def _serving_figure(case: Case, metric: str, estimate: Mapping[str, Any]) -> Figure:
    if metric != "tokens_per_s":
        low, high = estimate[f"{metric}_low"], estimate[f"{metric}_high"]
        return Figure(value=estimate[metric], low=low, high=high)
    value = estimate["tokens_per_s"] / case.per
    fast, usual, slow = (_latency(case, estimate, end) for end in ("_low", "", "_high"))
    return Figure(value=value, low=value * usual / slow, high=value * usual / fast)


def _latency(case: Case, estimate: Mapping[str, Any], end: str) -> float:
    """Time of one request [ms], of the usual figures or of one end of their bands."""
    decode = (case.output_tokens - 1) * float(estimate[f"tpot_ms{end}"])
    return float(estimate[f"ttft_ms{end}"]) + decode
