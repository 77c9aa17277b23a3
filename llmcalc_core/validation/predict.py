"""From a case to what the estimates say about it, each figure with its 80 % band."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import llmcalc_core as api  # its public functions
from llmcalc_core.calibration.band_tables import Band
from llmcalc_core.calibration.bands import band
from llmcalc_core.validation.cases import Case, Figure, Prediction
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.estimated import (
    Estimate,
    saturated_run,
    serving_estimate,
    static_estimate,
)
from llmcalc_core.validation.names import release
from llmcalc_core.validation.traffic import Traffic

_LEVELS = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_MEANS = {"ttft_ms": "ttft_mean_ms", "tpot_ms": "tpot_mean_ms", "e2e_ms": "e2e_mean_ms"}
"""What other files call the means."""

_Figures = Mapping[str, float]


def simulated_prediction(case: Case, traffic: Traffic) -> Prediction:
    """Predict the metrics of an open-loop case.

    A band reaches as far as either of two does. One is the band that the fit gives to a time to
    first token or per output token, by what the estimate rests on; an end-to-end latency has both
    in it. The other is what the same requests meet on a server whose steps all take as much less
    or more as the band of a time per output token allows: near the rate that a server can take its
    queue grows as long as requests come, and so does this band. A percentile is no surer than the
    mean: its band is at least as wide.

    Parameters
    ----------
    case : Case
        The configuration.
    traffic : Traffic
        What was sent to it.

    Returns
    -------
    Prediction
        A figure for each metric.

    Raises
    ------
    CannotPredictError
        If the plan or its requests can't be simulated.
    """
    usual, basis = _run(case, traffic, 1.0)
    first, steps = (band(name, basis, mixture=case.mixture) for name in ("ttft", "tpot"))
    ends = [_run(case, traffic, factor)[0] for factor in (steps.low, steps.high)]
    own = _own_bands(usual, first, steps)
    return Prediction(
        figures=tuple(
            _figure(_MEANS.get(metric, metric), usual, ends, own) for metric in case.metrics
        ),
        basis=basis,
    )


def _run(case: Case, traffic: Traffic, slower: float) -> tuple[_Figures, str]:
    """Simulate a server whose times are all longer by a factor, and say what it rests on.

    It is the same server under requests that come so much closer together, on a slower clock.
    """
    sent = replace(traffic.requests, arrival_s=traffic.requests.arrival_s / slower)
    layout = case.layout
    try:
        found = api.simulate(
            case.model, case.hardware, precision=case.precision, tp=layout.tp, pp=layout.pp,
            ep=layout.ep, attention_dp=layout.attention_dp, engine=case.engine, requests=sent,
            engine_version=release(case.engine, case.engine_version),
            memory_fraction=case.memory_fraction, **traffic.options,
        )  # fmt: skip
    except ValueError as error:
        raise CannotPredictError(str(error)) from error
    outcome = found.outcome
    first, whole = outcome.ttft_s * slower, outcome.e2e_s * slower
    answered = whole <= traffic.client_waits_s
    if not answered.any():  # as if clients waited
        answered = np.ones_like(answered)
    figures = {"tokens_per_s": outcome.tokens_per_s / slower / case.per}
    for name, times in (("ttft", first[answered]), ("e2e", whole[answered])):
        figures[f"{name}_mean_ms"] = 1e3 * float(times.mean())
        for level, share in _LEVELS.items():
            figures[f"{name}_{level}_ms"] = 1e3 * float(np.quantile(times, share))
    counted = traffic.counted_tokens or float(outcome.output_tokens[answered].mean())
    decoding = figures["e2e_mean_ms"] - figures["ttft_mean_ms"]
    figures["tpot_mean_ms"] = decoding / (counted - 1) if counted > 1 else math.nan
    return figures, found.basis


def _own_bands(usual: _Figures, first: Band, steps: Band) -> dict[str, Band]:
    """Give the fit's bands of latencies, as factors; a throughput has none."""
    share = usual["ttft_mean_ms"] / usual["e2e_mean_ms"]
    both = Band(
        low=share * first.low + (1 - share) * steps.low,
        high=share * first.high + (1 - share) * steps.high,
    )
    return {"ttft": first, "tpot": steps, "e2e": both}


def _figure(name: str, usual: _Figures, ends: list[_Figures], own: Mapping[str, Band]) -> Figure:
    """Put the band around a figure."""
    kind = name.partition("_")[0]
    factors = [1.0]
    if kind in own:
        factors += [own[kind].low, own[kind].high]
    for like in (name, f"{kind}_mean_ms"):
        if like in usual:
            factors += [end[like] / usual[like] for end in ends]
    value = usual[name]
    return Figure(value=value, low=value * min(factors), high=value * max(factors))


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
    if case.predicted:
        figures = tuple(Figure(value=value) for value in case.predicted)
        return Prediction(figures=figures, basis="counted")
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
