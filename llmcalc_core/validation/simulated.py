"""From an open-loop case to what a simulation says about it, each figure with its 80 % band."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

import llmcalc_core as api  # its public functions
from llmcalc_core.calibration.band_tables import Band
from llmcalc_core.calibration.bands import band
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.figures import Figure, Prediction
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
