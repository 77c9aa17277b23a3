"""How a load curve is looked at: which latency, and which percentile of it."""

from __future__ import annotations

from typing import Annotated, TypedDict

from llmcalc_widgets.settings.checks import one_of
from llmcalc_widgets.settings.percentiles import PERCENTILES
from llmcalc_widgets.settings.setting import Buttons, Choice, Setting, settings_of

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
