"""What would help a plan: more bandwidth, compute or memory, a faster host, in figures."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from llmcalc_core.api.selected_plan import SelectedPlan, selected_plan
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.checks import one_of, positive
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.open_loop import open_loop_at, performance_at
from llmcalc_core.planning.performance import performance, with_other_phase
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.simulation.open_loop import OfferedLoad

if TYPE_CHECKING:
    import pandas as pd

    from llmcalc_core.api.selected_plan import PlanLike

MOST_FITTING = 2**24
"""Largest batch or length that :func:`largest_that_fits` tries."""

CHANGES = (
    "none",
    "memory bandwidth",
    "compute",
    "link bandwidth",
    "memory capacity",
    "host speed",
)
"""Rows of :func:`sensitivity`."""

_TIMES = ("ttft_s", "tpot_s")


def sensitivity(request: EvaluationRequest, plan: PlanLike, *, by: float = 0.1) -> pd.DataFrame:
    """Estimate what ten per cent more of each of a device's figures would change for a plan.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`llmcalc_core.make_request`, or an evaluation's.
    plan : Series or mapping
        A row of the frame that answers it.
    by : float, default 0.1
        Share that is added to a figure [1].

    Returns
    -------
    DataFrame
        A row per ``change``: 'none', 'memory bandwidth', 'compute' (every type's peak rate),
        'link bandwidth' (in a node, between nodes and to the host), 'memory capacity' of the device
        and 'host speed' (the engine's time per step, per sequence and per kernel started). Of each
        ``ttft_s``, ``tpot_s`` [s], ``tokens_per_s`` of all replicas [tokens/s] and
        ``largest_batch``, which fits on a replica, and as shares of their values without change,
        such as -0.05, ``ttft_change``, ``tpot_change``, ``tokens_per_s_change`` and
        ``largest_batch_change`` [1] (infinity if nothing fits without it). Efficiencies stay what
        they are, as fractions of the new figures.

    Raises
    ------
    ValueError
        If the plan is none of the request's, or the share is not above zero.

    Examples
    --------
    A decode step of one sequence waits for the weights, which come from memory.

    >>> from llmcalc_core import evaluate, make_request
    >>> found = evaluate(make_request("llama2_7b", "A100_80GB", 1, batch=1))
    >>> table = sensitivity(found.request, found.frame.iloc[0]).set_index("change")
    >>> round(float(table.loc["memory bandwidth", "tpot_change"]), 2)
    -0.08
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    more = 1 + positive("by", by)
    chosen = selected_plan(request, plan)
    changed = {change: _changed(chosen, change, more) for change in CHANGES}
    devices = {device.memory_bytes: device for device, _ in changed.values()}
    most = {size: _largest(chosen, "batch", device) for size, device in devices.items()}
    rows = [
        {**_figures(chosen, device, reached), "largest_batch": most[device.memory_bytes]}
        for device, reached in changed.values()
    ]
    table = pd.DataFrame(rows)
    before = table.iloc[0]
    for name in rows[0]:
        shares = table[name] / before[name] - 1 if before[name] else table[name] * math.inf
        table[f"{name.removesuffix('_s') if name in _TIMES else name}_change"] = shares.fillna(0.0)
    table.insert(0, "change", CHANGES)
    return table


def largest_that_fits(request: EvaluationRequest, plan: PlanLike, of: str = "batch") -> int:
    """Find the largest batch, or the longest prompt, whose memory a plan's devices have.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`llmcalc_core.make_request`, or an evaluation's.
    plan : Series or mapping
        A row of the frame that answers it.
    of : {'batch', 'input_tokens'}
        What is made larger, all else staying as it is in the plan.

    Returns
    -------
    int
        Sequences per replica, or tokens; 0 if not even one fits, and at most ``2**24``.

    Raises
    ------
    ValueError
        If the plan is none of the request's.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> found = evaluate(make_request("llama2_7b", "A100_80GB", 1, batch=[1, 64]))
    >>> largest_that_fits(found.request, found.frame.iloc[0])
    53
    >>> (found.frame["rejected_for"] == "").tolist()
    [True, False]
    """
    chosen = selected_plan(request, plan)
    return _largest(chosen, one_of("of", of, ("batch", "input_tokens")), chosen.hardware)


def _changed(chosen: SelectedPlan, change: str, more: float) -> tuple[Hardware, Efficiency]:
    """Give the device with more of something, and what it reaches."""
    own = chosen.hardware
    changes: dict[str, dict[str, object]] = {
        "memory bandwidth": {"memory_bandwidth": own.memory_bandwidth * more},
        "compute": {"flops": tuple((kind, rate * more) for kind, rate in own.flops)},
        "link bandwidth": {
            "link_bandwidth": own.link_bandwidth * more,
            "node_link_bandwidth": own.node_link_bandwidth * more,
            "host_link_bandwidth": own.host_link_bandwidth * more,
        },
        "memory capacity": {"memory_bytes": own.memory_bytes * more},
    }
    hardware = own.replace(**changes.get(change, {}))
    efficiency = chosen.efficiency(hardware)
    if change == "host speed":
        efficiency = replace(
            efficiency,
            step_s=efficiency.step_s / more,
            sequence_step_s=efficiency.sequence_step_s / more,
            host_launch_s=efficiency.host_launch_s / more,
            draft_step_s=efficiency.draft_step_s / more,
            draft_pass_s=efficiency.draft_pass_s / more,
        )
    return hardware, efficiency


def _figures(chosen: SelectedPlan, hardware: Hardware, efficiency: Efficiency) -> dict[str, float]:
    run = (chosen.model, hardware, chosen.precision, chosen.grid(hardware), efficiency)
    if chosen.request_rate is None:
        times = with_other_phase(*run, own=performance(*run, phase=chosen.request.phase))
    else:
        each = np.full((1, 1, 1, 1), chosen.request_rate / chosen.replicas)
        load = OfferedLoad(rates=each, percentile=chosen.request.percentile)
        found = open_loop_at(run, chosen.budget(hardware), load)
        times = performance_at(found, np.asarray(float(chosen.output_tokens)))
    per_replica = times.requests_per_s * times.tokens_per_request
    return {
        "ttft_s": np.asarray(times.ttft_s).item(),
        "tpot_s": np.asarray(times.tpot_s).item(),
        "tokens_per_s": per_replica.item() * chosen.replicas,
    }


def _largest(chosen: SelectedPlan, name: str, hardware: Hardware) -> int:
    lacking = partial(_lacking, chosen, name, hardware)
    return bisect_left(range(1, MOST_FITTING + 1), x=True, key=lacking)


def _lacking(chosen: SelectedPlan, name: str, hardware: Hardware, value: int) -> bool:
    """Whether another batch or length does not fit."""
    memory = device_memory(chosen.model, chosen.precision, chosen.grid(hardware, **{name: value}))
    return not chosen.budget(hardware).fits(memory)
