"""The commands that start a plan, by engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from llmcalc_core.api.selected_plan import SelectedPlan, selected_plan
from llmcalc_core.deploy import llama_cpp, sglang, trtllm, vllm
from llmcalc_core.deploy.server import Launch, NotRunnableError
from llmcalc_core.engines import find_engine
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.engine_rules import engine_words, refused
from llmcalc_core.planning.request import EvaluationRequest, check_request
from llmcalc_core.shown import shown

if TYPE_CHECKING:
    from llmcalc_core.api.selected_plan import PlanLike

_BY_ENGINE: dict[str, Callable[[SelectedPlan], Launch]] = {
    "vllm": vllm.launch, "sglang": sglang.launch, "trtllm": trtllm.launch,
    "llama.cpp": llama_cpp.launch,
}  # fmt: skip


def launch(request: EvaluationRequest, plan: PlanLike, engine: str | None = None) -> Launch:
    r"""Write the command that starts a plan with the request's engine, and its benchmark.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`llmcalc_core.make_request`, or an evaluation's.
    plan : Series or mapping
        A row of the frame that answers it.
    engine : {'vllm', 'sglang', 'trtllm', 'llama.cpp'}, optional
        Another engine than the request's; what was estimated is of the request's.

    Returns
    -------
    Launch
        ``str`` of it is a script; ``command``, ``arguments``, ``files``, ``benchmark_command``.

    Raises
    ------
    NotRunnableError
        If the engine cannot start the plan, with its reason. A ``ValueError``.
    ValueError
        If the plan is none of the request's, or the engine has no server.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> found = evaluate(make_request("llama3_8b", "H100_80GB", 2, phase="serving", batch=64))
    >>> print(launch(found.request, found.frame.iloc[-1]).command)
    vllm serve meta-llama/Llama-3.1-8B \
      --tensor-parallel-size 2 \
      --max-model-len 2256 \
      --max-num-seqs 64 \
      --max-num-batched-tokens 8192 \
      --gpu-memory-utilization 0.92
    """
    check_request(request)
    if engine is not None and find_engine(engine).name != request.engine:
        request = replace(request, engine=engine, engine_version=None)
    if request.engine not in _BY_ENGINE:
        rule = f"engine must be one of {', '.join(_BY_ENGINE)} to be started"
        msg = f"{rule}, got {shown(request.engine)}"
        raise ValueError(msg)
    chosen = selected_plan(request, plan)
    case = Asked(
        model=chosen.model, hardware=chosen.hardware, precision=chosen.precision,
        grid=chosen.grid(),
    )  # fmt: skip
    reason = next(iter(refused(case)), None)
    if reason is not None:
        msg = (
            f"{request.serves.label} refuses this plan of {chosen.model.name} for {reason}: "
            f"{engine_words(reason)}"
        )
        raise NotRunnableError(msg)
    return _BY_ENGINE[request.engine](chosen)
