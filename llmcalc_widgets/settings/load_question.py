"""``LoadQuestion``: which load curve is asked for: one replica of a plan, and its requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from llmcalc_core import (
    CHECKPOINT,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    Precision,
    Techniques,
    load_curve,
)
from llmcalc_widgets.text.plan_words import Row
from llmcalc_widgets.text.request_words import technique_words

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
    tp, ep : int
        Tensor and expert parallel widths of the replica.
    engine : str
        Whose scheduler.
    input_tokens, output_tokens : int
        Of every request [tokens].
    memory_fraction : float
        Part of a device's memory that may be used [1].
    max_num_batched_tokens : int or None
        Most tokens of a step [tokens]; None for the engine's default.
    ttft_limit_s, tpot_limit_s : float or None
        Limits within which a request counts as goodput [s].
    """

    model: ModelConfig
    hardware: Hardware
    precision: Precision | None
    tp: int
    ep: int
    engine: str
    input_tokens: int
    output_tokens: int
    memory_fraction: float
    max_num_batched_tokens: int | None = None
    ttft_limit_s: float | None = None
    tpot_limit_s: float | None = None

    def limit_s(self, latency: str) -> float | None:
        """Give the limit on a latency [s]; None where there is none."""
        return {"ttft": self.ttft_limit_s, "tpot": self.tpot_limit_s}.get(latency)

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that ask for the curve."""
        optional = {
            "max_num_batched_tokens": self.max_num_batched_tokens,
            "ttft_limit_s": self.ttft_limit_s,
            "tpot_limit_s": self.tpot_limit_s,
        }
        return {
            "precision": CHECKPOINT if self.precision is None else self.precision,
            "tp": self.tp,
            "ep": self.ep,
            "engine": self.engine,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "memory_fraction": self.memory_fraction,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def curve(self) -> pd.DataFrame:
        """Compute the curve.

        Raises
        ------
        ValueError
            For a plan that is not simulated, or has no room for a request.
        """
        return load_curve(self.model, self.hardware, **self.arguments())


def load_question(request: EvaluationRequest, plan: Row) -> LoadQuestion:
    """Ask how a replica of a plan bears its load.

    Parameters
    ----------
    request : EvaluationRequest
        What the plan is one of, in stage serving.
    plan : Series or PlanFigures
        A row of its frame, or of :func:`llmcalc_core.slo_plans`, or its figures.

    Raises
    ------
    ValueError
        For a plan that is not simulated, with the reason.

    Examples
    --------
    >>> from llmcalc_core import explore, make_request
    >>> request = make_request("llama3_8b", "H100_80GB", 2, phase="serving", batch=8)
    >>> plans = explore("llama3_8b", "H100_80GB", 2, phase="serving", batch=8)
    >>> load_question(request, plans[plans["tp"] == 2].iloc[0]).tp
    2
    >>> load_question(request, plans[plans["pp"] == 2].iloc[0])
    Traceback (most recent call last):
        ...
    ValueError: pipelines are not simulated, and this plan has PP 2: choose one with PP 1
    """
    if reason := _reason(request, plan):
        raise ValueError(reason)
    first, *others = request.hardware
    device = next((one for one in others if one.name == plan["hardware"]), first)
    techniques = request.techniques[0]
    return LoadQuestion(
        model=request.models[0],
        hardware=device,
        precision=request.precisions[0],
        tp=int(plan["tp"]),
        ep=int(plan["ep"]),
        engine=request.engine,
        input_tokens=request.input_tokens[0],
        output_tokens=request.output_tokens[0],
        memory_fraction=request.memory_fraction,
        max_num_batched_tokens=techniques.prefill_chunk_tokens,
        ttft_limit_s=request.ttft_limit_s,
        tpot_limit_s=request.tpot_limit_s,
    )


def _reason(request: EvaluationRequest, plan: Row) -> str:
    """Say why a plan is not simulated; empty where it is."""
    techniques = replace(request.techniques[0], prefill_chunk_tokens=None)
    used = ", ".join(technique_words(techniques)) or "others"
    pp, cp, attention_dp = (plan.get(name, 1) for name in ("pp", "cp", "attention_dp"))
    reasons = {
        f"requests come and go in stage serving only, not in {request.phase}": (
            request.phase != _SERVING
        ),
        f"pipelines are not simulated, and this plan has PP {pp}: choose one with PP 1": pp > 1,
        f"context parallel is not simulated, and this plan has CP {cp}": cp > 1,
        "replicas of the attention are not simulated, and this plan has "
        f"{attention_dp}: choose one with EP at most TP": attention_dp > 1,
        "the plan does not fit in memory": plan["rejected_for"] == "memory",
        f"techniques are not simulated, and here are {used}": techniques != Techniques(),
    }
    return next((words for words, holds in reasons.items() if holds), "")
