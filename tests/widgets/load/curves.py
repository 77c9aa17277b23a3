"""Load curves to look at, and what a panel says of one."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core import Techniques
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.load_view import Here, LoadView
from llmcalc_widgets.settings.load import PERCENTILES, LoadQuestion

ASKED = {"precision": "bf16", "engine": "vllm", "input_tokens": 500, "output_tokens": 60}
RATES = [2.0, 4.0, 6.0, 8.0, 10.0]
GROWS = "requests/s on the queue grows as long as requests come."
KEEPS_UP = "the server keeps up with every rate that was tried."
NEVER = (
    "The queue grows as long as requests come at every rate that was tried, from 2.00 requests/s "
    "on: this replica serves less."
)


def row_of(explorer: ParetoExplorer, **plan: int) -> int:
    rows = explorer.df
    for name, value in plan.items():
        rows = rows[rows[name] == value]
    return int(rows.index[0])


def view_of(
    ttft_p99: list[float],
    *,
    overloaded: int = 5,
    limit_s: float | None = 1.0,
    latency: str = "ttft",
    percentile: str = "p99",
    here: Here | None = None,
) -> LoadView:
    """Look at a curve whose other percentiles are parts of the p99 that is given."""
    tall = np.array(ttft_p99)
    columns = {
        f"{name}_{level}_s": tall * share * scale
        for name, scale in (("ttft", 1.0), ("tpot", 0.1), ("e2e", 10.0))
        for level, share in zip(PERCENTILES, (0.4, 0.3, 0.6, 0.8, 1.0), strict=True)
    }
    curve = pd.DataFrame(
        {
            "request_rate": RATES,
            "requests_per_s": RATES,
            "goodput": RATES,
            "overloaded": np.arange(5) >= overloaded,
            **columns,
        }
    )
    question = LoadQuestion(
        model=None, hardware=None, precision=None, tp=1, pp=1, ep=1, attention_dp=None,  # type: ignore[arg-type]
        engine="vllm", input_tokens=1, output_tokens=2, memory_fraction=0.9,
        techniques=Techniques(), ttft_limit_s=limit_s,
    )  # fmt: skip
    return LoadView(
        curve=curve, question=question, latency=latency, percentile=percentile, here=here
    )


def status_of(panel: Any) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", panel.status.value))
