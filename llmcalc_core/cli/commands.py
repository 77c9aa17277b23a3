"""The commands: which function each calls, and what of its answer is shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from llmcalc_core.api.comparison import best_of_each
from llmcalc_core.api.explore import explore
from llmcalc_core.api.load_curve import load_curve
from llmcalc_core.api.make_request import make_request
from llmcalc_core.api.memory_budget import memory_budget
from llmcalc_core.api.simulate import simulate
from llmcalc_core.api.slo import IN_FLIGHT, find_slo_plan
from llmcalc_core.cli.tables import of_plans
from llmcalc_core.hardware.catalogue import list_hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model, list_models
from llmcalc_core.paths import is_file
from llmcalc_core.planning.recommendation import recommended_row
from llmcalc_core.shown import shown

Answer = tuple[pd.DataFrame, pd.DataFrame]
"""All that a function gave, for JSON and CSV, and what text shows of it."""

_OF_CURVE = (
    "request_rate", "requests_per_s", "ttft_p50_s", "ttft_p90_s", "ttft_p99_s", "tpot_p50_s",
    "tpot_p90_s", "tpot_p99_s", "goodput", "overloaded",
)  # fmt: skip
"""What text shows of a load curve."""

ROWS = ("front", "feasible", "all")
"""Which plans a command shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that asks a function.

    Attributes
    ----------
    name : str
        Of the command.
    about : str
        What it answers, in a line.
    function : callable
        What it calls; its arguments are the options.
    answer : callable
        Takes what the function gave and the options, and gives both frames.
    note : callable
        Takes what the function gave and its arguments, and says what to know of it; empty for
        nothing.
    """

    name: str
    about: str
    function: Callable[..., Any]
    answer: Callable[[Any, argparse.Namespace], Answer]
    note: Callable[[Any, dict[str, Any]], str] = lambda _, __: ""


def _plans(frame: pd.DataFrame, asked: argparse.Namespace) -> Answer:
    """Give the plans on the front by latency, or all that are to be seen."""
    feasible = frame["rejected_for"].astype(str) == ""
    latency = "ttft_s" if asked.phase == "prefill" else "tpot_s"
    if asked.rows == "all":
        found = frame
    elif feasible.any():
        found = frame[feasible & frame["on_front"]] if asked.rows == "front" else frame[feasible]
    else:  # of each device the plan that is nearest to it
        found = frame.iloc[best_of_each(frame, frame[latency].to_numpy(float))]
    found = found.sort_values(latency, kind="stable").drop(columns="on_front")
    return found, of_plans(found)


def _fleet(frame: pd.DataFrame, _: argparse.Namespace) -> Answer:
    return frame, of_plans(frame)


def _curve(frame: pd.DataFrame, _: argparse.Namespace) -> Answer:
    return frame, frame[list(_OF_CURVE)]


def _whole(frame: pd.DataFrame, _: argparse.Namespace) -> Answer:
    return frame, frame


def _simulation(found: Any, asked: argparse.Namespace) -> Answer:  # noqa: ANN401 - see simulate
    """Give means and percentiles, or what every request met."""
    if asked.per_request:
        return found.requests, found.requests
    summary = pd.DataFrame([found.summary])
    lines = pd.DataFrame({"figure": list(found.summary), "value": list(found.summary.values())})
    return summary, lines


def edge_note(batch: int) -> str:
    """Say that a larger batch may be better.

    Examples
    --------
    >>> edge_note(256)
    'the recommended plan has the largest batch tried, 256: raise --batch'
    """
    return f"the recommended plan has the largest batch tried, {batch:,}: raise --batch"


def _plan_note(frame: pd.DataFrame, told: dict[str, Any]) -> str:
    request = make_request(**told)
    row = recommended_row(lambda name: frame[name].to_numpy(), request)
    batch = 0 if row is None else int(frame["batch"].iloc[row])
    return edge_note(batch) if request.is_largest_batch(batch) else ""


def _fleet_note(frame: pd.DataFrame, told: dict[str, Any]) -> str:
    """Name the devices whose replicas take the most requests in flight that are tried."""
    if told.get("batch") is not None or told.get("percentile") is not None:
        return ""
    served = frame["rejected_for"].astype(str) == ""
    names = frame.loc[served & (frame["batch"] >= IN_FLIGHT[-1]), "hardware"]
    most = f"the most in flight that are tried, {IN_FLIGHT[-1]:,}: give --batch"
    return f"replicas of {', '.join(names)} have {most}" if len(names) else ""


COMMANDS = (
    Command(
        name="plan",
        about="how to deploy a model on devices: the plans on the Pareto front, by latency",
        function=explore,
        answer=_plans,
        note=_plan_note,
    ),
    Command(
        name="slo",
        about="the fewest devices that serve a load within limits, device by device",
        function=find_slo_plan,
        answer=_fleet,
        note=_fleet_note,
    ),
    Command(
        name="memory",
        about="what a device holds once an engine has started, in the words of its log",
        function=memory_budget,
        answer=_whole,
    ),
    Command(
        name="simulate",
        about="latencies of requests that are sent to a server, by percentile",
        function=simulate,
        answer=_simulation,
    ),
    Command(
        name="curve",
        about="latencies over the rate of requests, up to the knee",
        function=load_curve,
        answer=_curve,
    ),
)
"""Every command that asks a function, in the order of their help."""


def requests_of(path: str) -> pd.DataFrame:
    """Read requests from a CSV file.

    Raises
    ------
    argparse.ArgumentTypeError
        If there is no such file.
    """
    if not is_file(path):
        msg = f"must be a CSV file of requests, got {shown(path)}, which is no file"
        raise argparse.ArgumentTypeError(msg)
    return pd.read_csv(path)


def models(query: str) -> pd.DataFrame:
    """Give the models of the catalogue, or those that a query finds, with their sizes."""
    rows = []
    for name in list_models(query):
        config = find_model(name)
        rows.append(
            {"name": name, "model": config.model, "layers": config.num_decoder_layers,
             "hidden_size": config.hidden_size, "experts": config.num_experts}
        )  # fmt: skip
    return pd.DataFrame(rows)


def devices() -> pd.DataFrame:
    """Give the devices of the catalogue, with what decides most."""
    rows = []
    for name in list_hardware():
        own = find_hardware(name)
        rows.append(
            {"name": name, "memory_gb": own.nominal_memory_gb,
             "memory_bandwidth_gb_per_s": own.memory_bandwidth / 1e9,
             "bf16_tflops": own.rate("bf16")[1] / 1e12, "power_watts": own.power_watts,
             "price_per_hour": own.price_per_hour}
        )  # fmt: skip
    return pd.DataFrame(rows)
