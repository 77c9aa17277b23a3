"""From a case to what the estimates say about it, each figure with its 80 % band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcalc_core.calibration.bands import band
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.estimated import (
    Estimate,
    saturated_run,
    serving_estimate,
    static_estimate,
)
from llmcalc_core.validation.figures import Figure, Prediction
from llmcalc_core.validation.simulated import simulated_prediction

_STAGES = {"ttft_ms": "prefill", "tpot_ms": "decode", "decode_ms": "decode",
           "memory_gib": "decode", "fits": "decode", "e2e_ms": "end_to_end",
           "tokens_per_s": "end_to_end"}  # fmt: skip


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
        If a saturated case fits with no batch, or an open loop can't be simulated.
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
        If a saturated case fits with no batch, or an open loop can't be simulated.
    """
    if case.traffic is not None:
        if constants is not None:
            msg = "an open loop is simulated with the fitted constants only"
            raise CannotPredictError(msg)
        return simulated_prediction(case, case.traffic)
    trial = {} if constants is None else {"constants": constants}
    if case.kind == "static":
        estimates = [static_estimate(case, _STAGES[metric], trial) for metric in case.metrics]
        figure = _static_figure
    else:
        estimates = [_served(case, trial)] * len(case.metrics)
        figure = _serving_figure
    return Prediction(
        figures=tuple(map(figure, [case] * len(case.metrics), case.metrics, estimates)),
        basis=estimates[0]["basis"],
    )


def _served(case: Case, trial: Mapping[str, object]) -> Estimate:
    if case.kind != "saturated":
        return serving_estimate(case, trial)
    run = saturated_run(case, trial)
    return {**run.estimate, "tokens_per_s": run.tokens_per_s}


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


def _serving_figure(case: Case, metric: str, estimate: Mapping[str, Any]) -> Figure:
    if metric != "tokens_per_s":
        low, high = estimate[f"{metric}_low"], estimate[f"{metric}_high"]
        return Figure(value=estimate[metric], low=low, high=high)
    value = estimate["tokens_per_s"] / case.per
    if case.kind == "saturated":
        slower = band("full_load", estimate["basis"], mixture=case.mixture)
        return Figure(value=value, low=value / slower.high, high=value / slower.low)
    fast, usual, slow = (_latency(case, estimate, end) for end in ("_low", "", "_high"))
    return Figure(value=value, low=value * usual / slow, high=value * usual / fast)


def _latency(case: Case, estimate: Mapping[str, Any], end: str) -> float:
    """Time of one request [ms], of the usual figures or of one end of their bands."""
    decode = (case.output_tokens - 1) * float(estimate[f"tpot_ms{end}"])
    return float(estimate[f"ttft_ms{end}"]) + decode
