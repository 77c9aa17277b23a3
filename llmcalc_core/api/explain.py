"""Why a plan is as fast as it is: its operations, their time and what bounds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.api.selected_plan import selected_plan
from llmcalc_core.costmodel.breakdown import BreakdownRow, phase_breakdown
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.simulation.serving import serving_breakdown

if TYPE_CHECKING:
    import pandas as pd

    from llmcalc_core.api.selected_plan import PlanLike

_COLUMNS = {
    "phase": "phase",
    "part": "part",
    "operation": "name",
    "kind": "kind",
    "count": "count",
    "flops": "flops",
    "memory_bytes": "memory_bytes",
    "message_bytes": "message_bytes",
    "run_s": "run_s",
    "launch_s": "launch_s",
    "bound_by": "bound",
    "time_s": "time_s",
    "peak_flops_per_s": "peak_flops",
    "most_flops_per_s": "most_flops",
    "most_bytes_per_s": "most_bytes",
}


def explain(request: EvaluationRequest, plan: PlanLike) -> pd.DataFrame:
    """Say where the time of a plan goes: its operations, how long each takes and what bounds it.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`llmcalc_core.make_request`, or an evaluation's.
    plan : Series or mapping
        A row of the frame that answers it.

    Returns
    -------
    DataFrame
        One row per operation, message or overhead of each kind of layer, the longest first.
        ``phase``: in phase 'serving' a time per output token is made of decode steps and, in
        proportion, of the prefills of other requests; else the phase asked for. ``part`` (kind of
        layer, embedding, head, engine, pipeline), ``operation``, ``kind`` (gemm, attention,
        communication, memory, overhead), ``count`` (runs in a pass), and of one run on the busiest
        device ``flops`` [FLOP], ``memory_bytes`` (traffic to and from its memory) and
        ``message_bytes`` (what it holds of a message) [bytes], ``run_s`` and the part of it that is
        launch latency, ``launch_s`` [s]; ``bound_by`` (compute, memory bandwidth, link, host link
        or overhead, whichever takes most of it); ``time_s`` [s], which sum to the phase's latency,
        and their ``share`` of it [1]; where pipeline stages, verified drafts or parts of a prompt
        make the latency another than one pass takes, all times are in proportion, and those of a
        request rate in proportion to its mean time per output token. For a roofline
        ``flops_per_byte`` (arithmetic intensity) [FLOP/byte] and ``flops_per_s`` (reached by a run,
        launch included) [FLOP/s], beside the device's peaks, ``peak_flops_per_s`` (of that type)
        [FLOP/s] and ``peak_bytes_per_s`` [bytes/s], and what such kernels reach of them at the
        most, ``most_flops_per_s`` and ``most_bytes_per_s``; not a number for messages and
        overheads.

    Raises
    ------
    ValueError
        If the plan is none of the request's.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> found = evaluate(make_request("llama2_7b", "A100_80GB", 1, batch=1))
    >>> plan = found.frame.iloc[0]
    >>> table = explain(found.request, plan)
    >>> table[["part", "operation", "bound_by"]].iloc[0].tolist()
    ['feed-forward', 'gate and up projection', 'memory bandwidth']
    >>> bool(abs(table["time_s"].sum() - plan["tpot_s"]) < 1e-12)
    True
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    chosen = selected_plan(request, plan)
    efficiency = chosen.efficiency(chosen.hardware)
    case = (chosen.model, chosen.hardware, chosen.precision, chosen.grid(), efficiency)
    if request.phase == "serving":
        spent = serving_breakdown(case)
    else:
        spent = phase_breakdown(case, decode=request.phase == "decode")
    table = pd.DataFrame(
        {column: [getattr(one, name) for one in spent] for column, name in _COLUMNS.items()}
    )
    if chosen.request_rate is not None:
        mean = plan["tpot_s" if request.percentile is None else "tpot_mean_s"]
        table["time_s"] *= float(mean) / table["time_s"].sum()
    operates = (table["most_bytes_per_s"] > 0).to_numpy()
    for name in ("peak_flops_per_s", "most_flops_per_s", "most_bytes_per_s"):
        table[name] = table[name].where(operates)
    table["peak_bytes_per_s"] = np.where(operates, chosen.hardware.memory_bandwidth, np.nan)
    table.insert(12, "share", table["time_s"] / table["time_s"].sum())
    table.insert(13, "flops_per_byte", _ratio(spent, "memory_bytes", operates))
    table.insert(14, "flops_per_s", _ratio(spent, "run_s", operates))
    return table.sort_values("time_s", ascending=False, kind="stable", ignore_index=True)


def _ratio(spent: list[BreakdownRow], per: str, operates: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Divide the FLOPs of operations by something of theirs."""
    flops = np.array([one.flops for one in spent])
    below = np.array([getattr(one, per) for one in spent])
    ratio = np.full(len(spent), np.nan)
    ratio[operates] = flops[operates] / below[operates]
    return ratio
