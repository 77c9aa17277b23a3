"""What is asked of the load of replicas: a load curve, its percentiles, and loads within limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pandas as pd

from llmcalc_core import (
    CHECKPOINT,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    Precision,
    Techniques,
    load_curve,
    slo_replicas,
)
from llmcalc_widgets.settings.checks import one_of
from llmcalc_widgets.settings.setting import Buttons, Choice, Setting, settings_of
from llmcalc_widgets.text.plan_words import TOO_LARGE, Row
from llmcalc_widgets.text.request_words import arguments_of

PERCENTILES = ("mean", "p50", "p90", "p95", "p99")
"""What times are looked at and limited: their mean, or what so many of a hundred stay within."""


def level_of(percentile: str) -> float | None:
    """Give a percentile as a part of all [1]; None for the mean.

    Examples
    --------
    >>> level_of("p95"), level_of("mean")
    (0.95, None)
    """
    return None if percentile == "mean" else int(percentile[1:]) / 100


LATENCIES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "end to end"}
"""Latencies of a load curve, and their buttons."""


class LoadValues(TypedDict, total=False):
    """Everything about a load curve that can be set."""

    load_latency: Annotated[
        str,
        Setting(
            default="ttft",
            check=one_of(tuple(LATENCIES)),
            group="view",
            control=Buttons(options=lambda: tuple(LATENCIES), name_of=LATENCIES.__getitem__),
            label="Latency",
            help="What the load curve shows: time to the first token (TTFT), time per output "
            "token (TPOT), or time from the request to its last token (end to end)",
        ),
    ]
    load_percentile: Annotated[
        str,
        Setting(
            default="p99",
            check=one_of(PERCENTILES),
            group="view",
            control=Choice(options=lambda: PERCENTILES),
            label="Percentile",
            help="What must keep the limit, and what the sentence above the load curve is about: "
            "p99 is what 99 of 100 requests stay below",
        ),
    ]


LOAD_SETTINGS = settings_of(LoadValues)
"""By name."""


_SERVING = "serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadQuestion:
    """What a load curve is of; the fields are arguments of :func:`llmcalc_core.load_curve`.

    Attributes
    ----------
    model : ModelConfig
        The model.
    hardware : Hardware
        The device.
    precision : Precision or None
        Of the numbers; None for those of the model's checkpoint.
    tp, pp, ep : int
        Tensor parallel width, pipeline stages and expert parallel width of the replica.
    attention_dp : int or None
        Attention replicas; None for as many as the experts' devices need.
    engine : str
        Whose scheduler.
    engine_version : str or None
        Its release; None for the newest.
    max_num_seqs : int or None
        Most requests that run at once; None for the engine's default [1].
    enforce_eager : bool
        Whether no graph is captured.
    input_tokens, output_tokens : int
        Of every request [tokens].
    memory_fraction : float or None
        Part of a device's memory that may be used [1].
    techniques : Techniques
        What is done with requests.
    ttft_limit_s, tpot_limit_s : float or None
        Limits within which a request counts as goodput [s].
    """

    model: ModelConfig
    hardware: Hardware
    precision: Precision | None
    tp: int
    pp: int
    ep: int
    attention_dp: int | None
    engine: str
    input_tokens: int
    output_tokens: int
    memory_fraction: float | None
    techniques: Techniques
    ttft_limit_s: float | None = None
    tpot_limit_s: float | None = None
    engine_version: str | None = None
    max_num_seqs: int | None = None
    enforce_eager: bool = False

    def limit_s(self, latency: str) -> float | None:
        """Give the limit on a latency [s]; None where there is none."""
        return {"ttft": self.ttft_limit_s, "tpot": self.tpot_limit_s}.get(latency)

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that ask for the curve."""
        optional = {
            "memory_fraction": self.memory_fraction,
            "attention_dp": self.attention_dp,
            "ttft_limit_s": self.ttft_limit_s,
            "tpot_limit_s": self.tpot_limit_s,
            **told_arguments(self),
        }
        return {
            "precision": CHECKPOINT if self.precision is None else self.precision,
            "tp": self.tp,
            "pp": self.pp,
            "ep": self.ep,
            "engine": self.engine,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            **{name: value for name, value in optional.items() if value is not None},
            **arguments_of(self.techniques),
        }

    def curve(self, progress: Callable[[float], object] | None = None) -> pd.DataFrame:
        """Compute the curve.

        Parameters
        ----------
        progress : callable, optional
            Takes the share that is done; the rest is cancelled where it returns False.

        Raises
        ------
        ValueError
            For a plan that is not simulated, or has no room for a request.
        Cancelled
            If ``progress`` returned False.
        """
        return load_curve(self.model, self.hardware, progress=progress, **self.arguments())


def told_arguments(asked: LoadQuestion | EvaluationRequest) -> dict[str, Any]:
    """Give the arguments that say which version an engine is, and what it is told.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> told_arguments(make_request("llama3_8b", "H100_80GB", engine_version="0.11"))
    {'engine_version': '0.11'}
    """
    told = {
        "engine_version": asked.engine_version,
        "max_num_seqs": asked.max_num_seqs,
        "enforce_eager": asked.enforce_eager or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def load_question(request: EvaluationRequest, plan: Row) -> LoadQuestion:
    """Ask how a replica of a plan bears its load.

    Parameters
    ----------
    request : EvaluationRequest
        What the plan is one of, in phase serving.
    plan : Series or PlanFigures
        A row of its frame, or of :func:`llmcalc_core.slo_plans`, or its figures.

    Raises
    ------
    ValueError
        For a plan that no load curve can be asked of, with the reason.

    Examples
    --------
    >>> from llmcalc_core import explore, make_request
    >>> request = make_request("llama3_8b", "H100_80GB", 2, phase="serving", batch=8)
    >>> plans = explore("llama3_8b", "H100_80GB", 2, phase="serving", batch=8)
    >>> load_question(request, plans[plans["tp"] == 2].iloc[0]).tp
    2
    >>> load_question(request, plans[plans["pp"] == 2].iloc[0]).pp
    2
    """
    if reason := _reason(request, plan):
        raise ValueError(reason)
    first, *others = request.hardware
    device = next((one for one in others if one.name == plan["hardware"]), first)
    tp, ep, attention_dp = (int(plan[name]) for name in ("tp", "ep", "attention_dp"))
    return LoadQuestion(
        model=request.models[0],
        hardware=device,
        precision=request.precisions[0],
        tp=tp,
        pp=int(plan["pp"]),
        ep=ep,
        attention_dp=None if attention_dp == -(-ep // tp) else attention_dp,
        engine=request.engine,
        engine_version=request.engine_version,
        max_num_seqs=request.max_num_seqs,
        enforce_eager=request.enforce_eager,
        input_tokens=request.input_tokens[0],
        output_tokens=request.output_tokens[0],
        memory_fraction=request.memory_fraction,
        techniques=request.techniques[0],
        ttft_limit_s=request.ttft_limit_s,
        tpot_limit_s=request.tpot_limit_s,
    )


def _reason(request: EvaluationRequest, plan: Row) -> str:
    """Say why no load curve can be asked of a plan; empty where it can: the core may refuse it."""
    contexts = plan.get("cp", 1)
    reasons = {
        f"requests come and go in phase serving only, not in {request.phase}": (
            request.phase != _SERVING
        ),
        f"context parallel is not simulated, and this plan has CP {contexts}": contexts > 1,
        "the plan does not fit in memory": plan["rejected_for"] in TOO_LARGE,
    }
    return next((words for words, holds in reasons.items() if holds), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SloQuestion:
    """What is asked of replicas; see :func:`llmcalc_core.slo_replicas`.

    Attributes
    ----------
    request : EvaluationRequest
        Of single replicas, in phase serving, with the limits.
    percentile : float
        Part of the requests that must be within the limits [1].
    """

    request: EvaluationRequest
    percentile: float

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that ask for the replicas."""
        request = self.request
        (precision,) = request.precisions
        return {
            "replica_devices": request.devices,
            "engine": request.engine,
            **told_arguments(request),
            "input_tokens": request.input_tokens[0],
            "output_tokens": request.output_tokens[0],
            "batch": None if request.exact_batch else request.batches,
            "precision": CHECKPOINT if precision is None else precision,
            "memory_fraction": request.memory_fraction,
            "ttft_limit_s": request.ttft_limit_s,
            "tpot_limit_s": request.tpot_limit_s,
            "percentile": self.percentile,
            **arguments_of(request.techniques[0]),
        }

    def replicas(self, progress: Callable[[float], object] | None = None) -> pd.DataFrame:
        """Simulate them.

        Parameters
        ----------
        progress : callable, optional
            Takes the share that is done; the rest is cancelled where it returns False.

        Raises
        ------
        ValueError
            For what is not simulated, such as speculative decoding.
        """
        request = self.request
        return slo_replicas(
            request.models[0], list(request.hardware), progress=progress, **self.arguments()
        )
