"""Cases as runs that a fit can use, and how much each counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from llmcalc_core.architecture.model import architecture
from llmcalc_core.fitting.run import Configuration, Run
from llmcalc_core.formulas import Floats
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.estimated import saturated_run
from llmcalc_core.validation.names import release

_METRICS = {"ttft_ms": "ttft", "tpot_ms": "tpot", "e2e_ms": "latency"}
_LEFT_ALONE = ("AccelMark", "Pope", "JetStream", "MLPerf")
"""Sources that are only judged by: lengths, layouts or devices of theirs are not stated."""

_UNEXPLAINED = {("vllm", "Qwen/Qwen3-235B-A22B")}
"""Engines and models whose runs are judged by, not fitted: vLLM 0.12 takes 51 to 59 ms a token
there whatever prompts and requests (examples/measured/not_trusted.csv)."""

_FIRST_TOKEN_WEIGHT = 0.6
"""A time to first token counts less than one per output token: it depends on how a client asks."""

_MIXTURE_WEIGHT = 0.2
"""That of a mixture even less: servers took 0.1 to 0.4 s more than any kernel or step explains."""

_SATURATED_WEIGHT = 0.5
"""So does a saturated run, whose batch is not measured but what fits by our own count."""


def runs_of(cases: Iterable[Case]) -> list[Run]:
    """Give every time of the cases that a fit can use.

    Parameters
    ----------
    cases : iterable of Case
        What was measured.

    Returns
    -------
    list of Run
        Times of closed loops, static batches and saturated runs of one pipeline stage and without
        techniques; none of an open loop, which is only judged by; throughputs as the time of a
        request that they stand for.
    """
    return [run for case in cases if _usable(case) for run in _runs(case)]


def weights_of(runs: list[Run]) -> Floats:
    """Weigh runs by what was measured.

    Returns
    -------
    array
        A weight for each run.
    """
    return np.array([_weight(run) for run in runs])


def left_alone(cases: Iterable[Case]) -> list[Case]:
    """Give saturated runs of several pipeline stages: no fit uses them, so that bands may.

    Returns
    -------
    list of Case
        Those whose lengths, layouts and devices are stated.
    """
    staged = (case for case in cases if case.kind == "saturated" and case.layout.pp > 1)
    return [case for case in staged if not _is_left_alone(case)]


def _weight(run: Run) -> float:
    if (run.configuration.engine, run.configuration.model.name) in _UNEXPLAINED:
        return 0.0
    if run.metric == "ttft":
        return _MIXTURE_WEIGHT if run.configuration.model.is_moe else _FIRST_TOKEN_WEIGHT
    return _SATURATED_WEIGHT if run.configuration.loop and run.metric == "latency" else 1.0


def _usable(case: Case) -> bool:
    fitted = case.kind != "open_loop" and not case.techniques
    return fitted and case.layout.pp == 1 and not _is_left_alone(case)


def _is_left_alone(case: Case) -> bool:
    return any(name in case.source for name in _LEFT_ALONE)


def _runs(case: Case) -> Iterable[Run]:
    if case.kind == "saturated":
        yield from _saturated(case)
        return
    configuration = _configuration(case)
    for metric, measured in zip(case.metrics, case.measured, strict=True):
        if not measured > 0:
            continue
        if metric in _METRICS:
            yield Run(configuration=configuration, metric=_METRICS[metric], seconds=measured / 1e3)
        elif metric == "tokens_per_s":
            seconds = case.batch * case.output_tokens / (measured * case.per)
            yield Run(configuration=configuration, metric="latency", seconds=seconds)


def _saturated(case: Case) -> Iterable[Run]:
    """Give the time of a request of a saturated run, while as many as fit are in flight."""
    run = saturated_run(case, {})
    throughput = case.measured[0] * case.per
    if throughput > 0:
        seconds = run.requests * case.output_tokens / throughput / run.waves
        configuration = _configuration(replace(case, batch=run.batch))
        yield Run(configuration=configuration, metric="latency", seconds=seconds)


def _configuration(case: Case) -> Configuration:
    return Configuration(
        model=architecture(case.model),
        hardware=case.hardware,
        precision=case.precision,
        layout=case.layout,
        engine=case.engine,
        engine_version=release(case.engine, case.engine_version),
        told=case.told,
        loop=case.kind != "static",
        batch=case.batch,
        input_tokens=case.input_tokens,
        output_tokens=case.output_tokens,
        arrivals=case.arrivals,
        graph_sizes=case.graph_sizes,
    )
