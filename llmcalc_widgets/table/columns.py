"""The columns of the table of plans: what they say, in which unit, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.chart.view import ChartView, Rows
from llmcalc_widgets.text.plan_words import BOUND_WORDS, plans_words
from llmcalc_widgets.text.units import gigabytes, number, number_text, percentile_text


def _whole(value: float) -> str:
    return f"{int(value):,}"


def _if_known(value: float) -> str:
    return "unknown" if isnan(value) else number(value)


def _has_rate(request: EvaluationRequest) -> bool:
    return bool(request.request_rates)


def _has_percentile(request: EvaluationRequest) -> bool:
    return request.percentile is not None


def _has_contexts(request: EvaluationRequest) -> bool:
    return request.contexts != (1,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    key : str
        What it is called in a condition.
    heading, about : str
        What stands above it, with the unit, and an explanation of it.
    source : str
        The column of the frame that it shows, and sorts by.
    size : float
        How large its unit is in that column.
    text : callable
        Writes a value.
    width : int
        Room that it takes [px].
    of_requests : bool
        Whether it is a time that each request has one of, and so a percentile where one is asked.
    there : callable
        Says of a request whether its frame has the column.
    """

    key: str
    heading: str
    about: str
    source: str
    size: float = 1.0
    text: Callable[[Any], str] = number
    width: int = 84
    of_requests: bool = False
    there: Callable[[EvaluationRequest], bool] = lambda _: True

    def heading_of(self, request: EvaluationRequest) -> str:
        """Give what stands above it, with the percentile that is asked for."""
        said = percentile_text(request.percentile)
        if not (said and self.of_requests):
            return self.heading
        name, bracket, unit = self.heading.partition(" [")
        return f"{name} {said}{bracket}{unit}"

    def values(self, view: ChartView) -> NDArray[Any]:
        """Give its values for all rows, in its unit."""
        values = view.frame[self.source].to_numpy()
        return values / self.size if self.size != 1 else values


PLAN = Column(
    key="plan",
    heading="Plan",
    about="The plan of the row, which the next columns say, to be selected",
    source="",
    width=60,
)
"""The first column, whose words are for screen readers; it sorts by its rows' order."""


def _part(key: str, heading: str, about: str, width: int = 50) -> Column:
    return Column(key=key, heading=heading, about=about, source=key, text=_whole, width=width)


COLUMNS = (
    PLAN,
    _part("tp", "TP", "Tensor parallel width"),
    _part("pp", "PP", "Pipeline stages"),
    _part("attention_dp", "DP", "Replicas of the attention in a stage; TP times PP times DP, and "
          "CP where there is any, are the devices of a replica"),
    replace(_part("cp", "CP", "Context parallel width"), there=_has_contexts),
    _part("ep", "EP", "Over how many devices experts are divided, which take none of their own"),
    _part("replicas", "Replicas", "Copies of the whole, with requests of their own", 86),
    _part("batch", "In flight", "Sequences in flight in each replica: its batch", 84),
    Column(key="devices", heading="Devices", about="Devices that the plan uses in total",
           source="devices", text=_whole, width=84),
    Column(key="free", heading="Verdict", about="Whether it is on the Pareto front, fits, misses "
           "the limit, or what memory it lacks on a device; sorts and filters by free memory [GB]",
           source="memory_headroom_bytes", size=1e9, width=128),
    Column(key="cost", heading="USD/M tokens", about="Cost of a million tokens: of the prompt in "
           "phase prefill, generated in decode, both in serving; unknown without a price of the "
           "device [USD]",
           source="cost_usd_per_million_tokens", text=_if_known, width=124),
    Column(key="ttft", heading="TTFT [ms]", about="Time to the first token [ms]",
           source="ttft_s", size=1e-3, width=110, of_requests=True),
    Column(key="tpot", heading="TPOT [ms]", about="Time per output token after the first [ms]",
           source="tpot_s", size=1e-3, width=110, of_requests=True),
    Column(key="e2e", heading="End to end [s]", about="Time from request to last token [s]",
           source="e2e_latency_s", width=140, of_requests=True),
    Column(key="ttft_mean", heading="Mean TTFT [ms]", about="Mean time to the first token [ms]",
           source="ttft_mean_s", size=1e-3, width=124, there=_has_percentile),
    Column(key="tpot_mean", heading="Mean TPOT [ms]", about="Mean time per output token [ms]",
           source="tpot_mean_s", size=1e-3, width=124, there=_has_percentile),
    Column(key="tokens", heading="Tokens/s", about="Tokens per second of all devices together",
           source="tokens_per_s"),
    Column(key="per_device", heading="Tokens/s/device", about="Tokens per second and device",
           source="tokens_per_s_per_device", width=144),
    Column(key="rate", heading="Sent/s", about="Requests that are sent per second, to all replicas",
           source="request_rate", text=number_text, width=84, there=_has_rate),
    Column(key="requests", heading="Requests/s", about="Requests per second of all devices",
           source="requests_per_s", width=108),
    Column(key="memory", heading="Memory [GB]", about="Memory used on the fullest device [GB]",
           source="device_memory_bytes", size=1e9, width=116),
    Column(key="energy", heading="J/token", about="Energy of a token, of the same ones; unknown "
           "without the device's power [J]",
           source="energy_j_per_token", text=_if_known, width=92),
    Column(key="bound", heading="Bound by", about="What most of the time goes to",
           source="bound_by", text=BOUND_WORDS.__getitem__, width=160),
)  # fmt: skip


def columns_of(view: ChartView) -> tuple[Column, ...]:
    """Give the columns that the plans of a view have."""
    request = view.evaluation.request
    return tuple(column for column in COLUMNS if column.there(request))


PARTS = ("tp", "pp", "ep", "attention_dp", "cp", "replicas", "batch")
"""Columns of the frame that a condition may name though they stand in the plan's words."""

WORDS = ("fits", "front", "rejected")
"""What a condition may ask of the verdict."""


def cells(view: ChartView, rows: Rows) -> list[tuple[str, ...]]:
    """Write the cells of some rows.

    Parameters
    ----------
    view : ChartView
        Whose rows, and whose front.
    rows : array of shape (n,)
        Positions in its frame.

    Returns
    -------
    list of n tuples of str
        A cell for each column of the view; plain text, not escaped.
    """
    some = view.frame.iloc[rows]
    written = [plans_words(view.evaluation, rows, with_rate=False)]
    for column in columns_of(view)[1:]:
        if column.key == "free":
            written.append(_verdicts(some, np.isin(rows, view.front)))
        else:
            written.append([column.text(value) for value in column.values(view)[rows].tolist()])
    return list(zip(*written, strict=True))


_VERDICTS = {
    "": "fits",
    "TPOT limit": "over the limit",
    "TTFT limit": "over TTFT limit",
    "host memory": "host memory full",
    "load": "overloaded",
}


def _verdicts(frame: pd.DataFrame, front: NDArray[np.bool_]) -> list[str]:
    """Say of each row in a few words whether it will do."""
    reasons, free = frame["rejected_for"], frame["memory_headroom_bytes"]
    return [
        "on the front"
        if best
        else f"{gigabytes(-lacking)} short"
        if reason == "memory"
        else _VERDICTS.get(reason, "engine refuses")
        for best, reason, lacking in zip(front, reasons, free, strict=True)
    ]
