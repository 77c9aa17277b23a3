"""``LoadQuestion``: which load curve is asked for: one replica of a plan, and its requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from llmcalc_widgets.text.plan_words import TOO_LARGE, Row
from llmcalc_widgets.text.request_words import arguments_of

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
    input_tokens, output_tokens : int
        Of every request [tokens].
    memory_fraction : float
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
    memory_fraction: float
    techniques: Techniques
    ttft_limit_s: float | None = None
    tpot_limit_s: float | None = None

    def limit_s(self, latency: str) -> float | None:
        """Give the limit on a latency [s]; None where there is none."""
        return {"ttft": self.ttft_limit_s, "tpot": self.tpot_limit_s}.get(latency)

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that ask for the curve."""
        optional = {
            "attention_dp": self.attention_dp,
            "ttft_limit_s": self.ttft_limit_s,
            "tpot_limit_s": self.tpot_limit_s,
        }
        return {
            "precision": CHECKPOINT if self.precision is None else self.precision,
            "tp": self.tp,
            "pp": self.pp,
            "ep": self.ep,
            "engine": self.engine,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "memory_fraction": self.memory_fraction,
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
        f"requests come and go in stage serving only, not in {request.phase}": (
            request.phase != _SERVING
        ),
        f"context parallel is not simulated, and this plan has CP {contexts}": contexts > 1,
        "the plan does not fit in memory": plan["rejected_for"] in TOO_LARGE,
    }
    return next((words for words, holds in reasons.items() if holds), "")
