"""Devices side by side: a bar each in the order of a metric, and a table of their plans."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isfinite, nan

import pandas as pd

from llmcalc_core import METRICS, EvaluationRequest, Hardware
from llmcalc_widgets.panels.svg import PANEL_STYLE, Bar, bar_chart
from llmcalc_widgets.text.plan_words import Row, of_words, plan_words, rejection_words
from llmcalc_widgets.text.units import counted, number

_SAME = number(1.0)
_TOKENS = {"prefill": "prompt tokens", "decode": "generated tokens", "serving": "generated tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWords:
    """What a metric is called in a list, above a column, and where it is not known."""

    name: str
    unit: str
    unknown: str


METRIC_WORDS = {
    "tokens_per_s_per_device": MetricWords(
        name="per device", unit="tokens/s per device", unknown="not known"
    ),
    "tokens_per_usd": MetricWords(name="per dollar", unit="tokens per USD", unknown="no price"),
    "tokens_per_joule": MetricWords(
        name="per watt", unit="tokens/s per W", unknown="no power figure"
    ),
}


def devices_page(frame: pd.DataFrame, request: EvaluationRequest, metric: str) -> str:
    """Write bars and table as HTML.

    Parameters
    ----------
    frame : DataFrame
        From :func:`llmcalc_core.compare_hardware`.
    request : EvaluationRequest
        What it answers.
    metric : str
        By which it is ordered.

    Returns
    -------
    str
        HTML.
    """
    heading = heading_words(request, metric)
    label = f"{upper_first(METRIC_WORDS[metric].unit)}, in the table below"
    return (
        f"{PANEL_STYLE}"
        '<div class="llmcalc-status" role="status" aria-live="polite">'
        f"{escape(summary(frame, metric))}{_notice(price_caution(frame, request, metric))}</div>"
        f'<div class="llmcalc-panels"><section><h3>{heading}</h3>'
        f"{bar_chart(bars_of(frame, request, metric), label)}</section>"
        '<section class="llmcalc-wide" tabindex="0" role="region" aria-label="Devices">'
        f"{device_table(frame, request)}</section></div>"
    )


def heading_words(request: EvaluationRequest, metric: str) -> str:
    """Say what the bars are of."""
    unit = upper_first(METRIC_WORDS[metric].unit)
    return f"{unit}: {_TOKENS[request.phase]}, best plan of each device"


def summary(frame: pd.DataFrame, metric: str) -> str:
    """Say which device is best, by how much, and how many can't."""
    words = METRIC_WORDS[metric]
    able = frame[frame["rejected_for"] == ""]
    known = able[able[metric].notna()]
    if able.empty:
        return "No plan on any of these devices fits and keeps the limits."
    unable = len(frame) - len(able)
    rest = f" {counted(unable, 'device')} can't serve it." if unable else ""
    if known.empty:
        return f"{upper_first(words.unknown)} of any of these devices that can serve it.{rest}"
    first = known.iloc[0]
    best = f"{first['hardware']} is best {words.name}: {number(first[metric])} {words.unit}"
    if len(known) > 1:
        second = known.iloc[1]
        times, other = number(first[metric] / second[metric]), second["hardware"]
        best += f", {times} times those of {other}" if times != _SAME else f", like {other}"
    return f"{best}.{rest}"


def price_caution(frame: pd.DataFrame, request: EvaluationRequest, metric: str) -> str:
    """Warn where rents are compared with prices of another kind.

    Parameters
    ----------
    frame : DataFrame
        From :func:`llmcalc_core.compare_hardware`.
    request : EvaluationRequest
        What it answers.
    metric : str
        By which it is ordered.

    Returns
    -------
    str
        A sentence; empty where no dollars are compared, or all prices are of one kind.
    """
    kinds = set(_mixed_kinds(frame, request, metric).values())
    named = "; ".join(sorted(kinds))
    return f"Prices are of different kinds and compare only roughly: {named}." if kinds else ""


def _mixed_kinds(frame: pd.DataFrame, request: EvaluationRequest, metric: str) -> dict[str, str]:
    """Give the kind of price of each device with a bar; nothing unless dollars of several."""
    compared = frame[metric].notna() & (frame["rejected_for"] == "")
    kinds = {name: _device(name, request).price_kind for name in frame.loc[compared, "hardware"]}
    several = metric == "tokens_per_usd" and len(set(kinds.values())) > 1
    return kinds if several else {}


def _notice(words: str) -> str:
    return f'<div class="llmcalc-notice">{escape(words)}</div>' if words else ""


def bars_of(frame: pd.DataFrame, request: EvaluationRequest, metric: str) -> list[Bar]:
    """Give a bar for each device, or why it has none."""
    unknown = METRIC_WORDS[metric].unknown
    kinds = _mixed_kinds(frame, request, metric)
    return [
        _bar(row, float(row[metric]), unknown, kinds.get(str(row["hardware"]), ""))
        for _, row in frame.iterrows()
    ]


def _bar(row: Row, value: float, unknown: str, price_kind: str) -> Bar:
    name = str(row["hardware"])
    if row["rejected_for"]:
        return Bar(name=name, value=None, words=why_not(row))
    if not isfinite(value):
        return Bar(name=name, value=None, words=unknown)
    kind = f" (price: {_short(price_kind)})" if price_kind else ""
    return Bar(name=name, value=value, words=f"{number(value)}{kind}")


def device_table(frame: pd.DataFrame, request: EvaluationRequest) -> str:
    """Write what the bars show, the plans and their times."""
    heads = (
        "Device",
        *(upper_first(METRIC_WORDS[name].unit) for name in METRICS),
        f"{of_words('TTFT', request.percentile)} [ms]",
        f"{of_words('TPOT', request.percentile)} [ms]",
        "USD/h",
        "Plan",
        "Times are",
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(_table_row(row, request) for _, row in frame.iterrows())
    rows = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="llmcalc-devices">{rows}</table>'


def _table_row(row: Row, request: EvaluationRequest) -> str:
    name = f'<th scope="row">{escape(str(row["hardware"]))}</th>'
    if row["rejected_for"]:
        told = f"{rejection_words(row, request)}, at best with {_devices_words(row, request)}"
        return f'<tr>{name}<td colspan="8" class="said">{escape(told)}</td></tr>'
    figures = [
        number(row[metric]) if isfinite(row[metric]) else METRIC_WORDS[metric].unknown
        for metric in METRICS
    ]
    times = (banded_cell(row, "ttft"), banded_cell(row, "tpot"))
    cells = (*figures, *times, _price_words(row, request))
    said = (_devices_words(row, request), str(row["basis"]))
    return (
        f"<tr>{name}"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "".join(f'<td class="said">{escape(cell)}</td>' for cell in said)
        + "</tr>"
    )


def banded_cell(row: Row, name: str) -> str:
    """Write a time in ms with its 80 % band below it, where it has one, in HTML."""
    time, low, high = (row.get(f"{name}{end}_s", nan) for end in ("", "_low", "_high"))
    if not (isfinite(low) and isfinite(high)):
        return number(time * 1e3)
    band = f"{number(low * 1e3)} to {number(high * 1e3)}"
    return f'{number(time * 1e3)}<div class="band">{band}</div>'


def _price_words(row: Row, request: EvaluationRequest) -> str:
    device = _device(str(row["hardware"]), request)
    if device.price_per_hour is None:
        return "not known"
    return f"{number(device.price_per_hour)} {_short(device.price_kind)}"


def _device(name: str, request: EvaluationRequest) -> Hardware:
    return next(one for one in request.hardware if one.name == name)


def _short(price_kind: str) -> str:
    return price_kind.partition(":")[0]


def _devices_words(row: Row, request: EvaluationRequest) -> str:
    return f"{counted(int(row['devices']), 'device')}: {plan_words(row, request.phase)}"


def why_not(row: Row) -> str:
    """Say in two words why a device has no bar."""
    if row["rejected_for"] == "load":
        return "overloaded"
    return "does not fit" if "memory" in row["rejected_for"] else f"over the {row['rejected_for']}"


def upper_first(words: str) -> str:
    """Write the first letter large and leave the others.

    Examples
    --------
    >>> upper_first("tokens per USD")
    'Tokens per USD'
    """
    return words[:1].upper() + words[1:]
