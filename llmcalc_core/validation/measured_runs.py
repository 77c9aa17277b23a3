"""Cases as runs that a fit can use, and how much each counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llmcalc_core.domain.model import architecture
from llmcalc_core.fitting.runs import Configuration, Run
from llmcalc_core.formulas import Floats
from llmcalc_core.validation.cases import Case

_METRICS = {"ttft_ms": "ttft", "tpot_ms": "tpot", "e2e_ms": "latency"}
_LEFT_ALONE = ("AccelMark", "Pope", "JetStream", "MLPerf")
"""Sources that are only judged by: lengths, layouts or devices of theirs are not stated."""

_FIRST_TOKEN_WEIGHT = 0.6
"""A time to first token counts less than one per output token: it depends on how a client asks."""


def runs_of(cases: Iterable[Case]) -> list[Run]:
    """Give every time of the cases that a fit can use.

    Parameters
    ----------
    cases : iterable of Case
        What was measured.

    Returns
    -------
    list of Run
        Times of closed loops and static batches of one pipeline stage; throughputs of a static
        batch as the latency they stand for.
    """
    return [run for case in cases if _usable(case) for run in _runs(case)]


def weights_of(runs: list[Run]) -> Floats:
    """Weigh runs by what was measured.

    Returns
    -------
    array
        A weight for each run.
    """
    return np.array([_FIRST_TOKEN_WEIGHT if run.metric == "ttft" else 1.0 for run in runs])


def _usable(case: Case) -> bool:
    return (
        case.kind != "saturated"
        and case.layout.pp == 1
        and not any(name in case.source for name in _LEFT_ALONE)
    )


def _runs(case: Case) -> Iterable[Run]:
    configuration = Configuration(
        model=architecture(case.model),
        hardware=case.hardware,
        precision=case.precision,
        layout=case.layout,
        engine=case.engine,
        loop=case.kind == "closed_loop",
        batch=case.batch,
        input_tokens=case.input_tokens,
        output_tokens=case.output_tokens,
    )
    for metric, measured in zip(case.metrics, case.measured, strict=True):
        if not measured > 0:
            continue
        if metric in _METRICS:
            yield Run(configuration=configuration, metric=_METRICS[metric], seconds=measured / 1e3)
        elif metric == "tokens_per_s":
            seconds = case.batch * case.output_tokens / (measured * case.per)
            yield Run(configuration=configuration, metric="latency", seconds=seconds)
