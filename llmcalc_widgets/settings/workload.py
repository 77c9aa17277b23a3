"""The workload and its limits, one entry each: lengths of requests, their load, latencies."""

from typing import Annotated, Any, TypedDict

from llmcalc_widgets.settings.checks import (
    check_milliseconds,
    check_rate,
    one_of,
    whole,
)
from llmcalc_widgets.settings.load import PERCENTILES, level_of
from llmcalc_widgets.settings.presets import WORKLOADS, check_workload
from llmcalc_widgets.settings.rules import (
    by_rate,
    not_serving,
    percentile_disabled,
    tpot_disabled,
)
from llmcalc_widgets.settings.setting import (
    Choice,
    Entry,
    Setting,
    Slider,
    Values,
    asks_nothing,
)
from llmcalc_widgets.settings.values import (
    doublings,
    rates_between,
)
from llmcalc_widgets.text.units import counted_text, number_text, typed_time

MOST_TOKENS = 10_000_000
MOST_BATCH = 65_536
"""Beyond these a figure is a slip of the pen, not a workload."""


LOADS = {"in_flight": "requests in flight", "request_rate": "requests per second"}
"""How the load of a server is given, and what that is called."""

RATES = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000)
"""Usual rates of requests [1/s]."""

_POWERS = tuple(2**power for power in range(11))
_TOKENS = (1, 16, 32, 64, 128, 256, 512, 768, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000,
           16_000, 24_000, 32_000, 48_000, 64_000, 96_000, 128_000)  # fmt: skip
_COUNTED_TOKENS = Slider(stops=_TOKENS, words=counted_text("token"))


def _batches(settings: Values) -> dict[str, Any]:
    if by_rate(settings):
        return {}
    tried = doublings(settings["batch_min"], settings["batch_max"])
    return {"batch": tried, "exact_batch": len(tried) > 1}


def _rate_words(rate: float) -> str:
    return f"{number_text(rate)} requests/s"


def _no_rate(settings: Values) -> bool:
    return not by_rate(settings)


def _rates(settings: Values) -> dict[str, Any]:
    if not by_rate(settings):
        return {}
    return {"request_rate": rates_between(settings["request_rate_min"], settings["request_rate"])}


def _percentile(settings: Values) -> dict[str, Any]:
    level = level_of(settings["percentile"])
    if level is None or not_serving(settings) or percentile_disabled(settings):
        return {}
    return {"percentile": level}


def _tpot_limit(settings: Values) -> dict[str, Any]:
    limit = None if tpot_disabled(settings) else settings["tpot_limit_ms"]
    return {} if limit is None else {"tpot_limit_s": limit / 1e3}


def _ttft_limit(settings: Values) -> dict[str, Any]:
    limit = settings["ttft_limit_ms"]
    return {} if limit is None else {"ttft_limit_s": limit / 1e3}


class WorkloadValues(TypedDict, total=False):
    """For what requests, within what limits."""

    load_as: Annotated[
        str,
        Setting(
            default="in_flight",
            check=one_of(tuple(LOADS)),
            group="workload",
            request=asks_nothing,
            hidden=not_serving,
            control=Choice(options=lambda: tuple(LOADS), name_of=LOADS.__getitem__),
            label="Load given as",
            help="Requests in flight: one is sent when one ends (a closed loop). Requests per "
            "second: they come at random at a rate (Poisson), and as many are in flight as come "
            "in the time that each of them takes",
        ),
    ]
    request_rate: Annotated[
        float,
        Setting(
            default=10.0,
            check=check_rate,
            group="workload",
            request=_rates,
            hidden=_no_rate,
            control=Slider(stops=RATES, words=_rate_words),
            label="Requests/s",
            help="Requests that come per second, over all replicas, which share them evenly",
        ),
    ]
    request_rate_min: Annotated[
        float | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=check_rate,
            group="workload",
            request=asks_nothing,
            hidden=_no_rate,
            control=Entry(hint="the same"),
            label="Requests/s from",
            help="The lowest rate of requests: this one, its doubles and Requests/s are all tried",
        ),
    ]
    batch_max: Annotated[
        int,
        Setting(
            default=256,
            check=whole("batches", MOST_BATCH),
            group="workload",
            request=_batches,
            hidden=by_rate,
            control=Slider(stops=_POWERS, words=counted_text("sequence")),
            label="Batch to",
            serving_label="Requests in flight to",
            noun="in flight to",
            help="Sequences in a replica's batch, in serving its concurrency: the most requests in "
            "flight",
        ),
    ]
    batch_min: Annotated[
        int,
        Setting(
            rare=True,
            default=1,
            check=whole("batches", MOST_BATCH),
            group="workload",
            request=asks_nothing,
            hidden=by_rate,
            control=Slider(stops=_POWERS, words=counted_text("sequence")),
            label="Batch from",
            serving_label="Requests in flight from",
            noun="in flight from",
            help="Sequences in a replica's batch, in serving its concurrency: the fewest requests "
            "in flight; powers of two between are tried, and of each plan the largest that keeps "
            "the limits and fits",
        ),
    ]
    workload: Annotated[
        str | None,
        Setting(
            default=None,
            optional=True,
            check=check_workload,
            group="workload",
            alias=True,
            control=Choice(
                options=lambda: ("", *WORKLOADS),
                name_of=lambda name: WORKLOADS[name].label if name else "own values",
                notes={"": "", **{name: one.about for name, one in WORKLOADS.items()}},
            ),
            label="Workload",
            usual=lambda: tuple(WORKLOADS),
            help="Usual lengths and limits of a kind of use; choosing one sets them",
        ),
    ]
    input_tokens: Annotated[
        int,
        Setting(
            default=2000,
            check=whole("input_tokens", MOST_TOKENS),
            group="workload",
            shared=True,
            control=_COUNTED_TOKENS,
            label="Input tokens",
            help="Prompt tokens of a request",
        ),
    ]
    output_tokens: Annotated[
        int,
        Setting(
            default=256,
            check=whole("output_tokens", MOST_TOKENS),
            group="workload",
            shared=True,
            control=_COUNTED_TOKENS,
            label="Output tokens",
            help="Generated tokens of a request",
        ),
    ]
    ttft_limit_ms: Annotated[
        float | None,
        Setting(
            default=None,
            optional=True,
            check=check_milliseconds,
            group="limits",
            shared=True,
            request=_ttft_limit,
            control=Entry(hint="none", read=typed_time),
            label="TTFT limit [ms]",
            help="Longest time to the first token (TTFT) in ms, or with its unit, such as 2 s",
        ),
    ]
    tpot_limit_ms: Annotated[
        float | None,
        Setting(
            default=None,
            optional=True,
            check=check_milliseconds,
            group="limits",
            shared=True,
            request=_tpot_limit,
            disabled=tpot_disabled,
            control=Entry(hint="none", read=typed_time),
            label="TPOT limit [ms]",
            help="Longest time per output token (TPOT) in ms, or the rate of a user, such as 25 "
            "tokens/s",
        ),
    ]
    percentile: Annotated[
        str,
        Setting(
            rare=True,
            default="mean",
            check=one_of(PERCENTILES),
            group="limits",
            shared=True,
            request=_percentile,
            disabled=percentile_disabled,
            hidden=not_serving,
            control=Choice(options=lambda: PERCENTILES),
            label="Limits hold for",
            noun="percentile",
            help="What times are of, and what must keep the limits: their mean, or a percentile of "
            "the requests, such as p95, which 95 of 100 stay within",
        ),
    ]
