"""The fewest devices for a load, in words, as bars and as a table."""

from __future__ import annotations

from html import escape
from math import isfinite

import pandas as pd

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.panels.devices_page import why_not
from llmcalc_widgets.panels.drawings import Bar, bar_chart
from llmcalc_widgets.panels.svg import PANEL_STYLE
from llmcalc_widgets.text.plan_words import TIMES, Row, rejection_words, split_words
from llmcalc_widgets.text.units import counted, number, seconds

_HEADS = (
    "Device",
    "Devices",
    "Replicas",
    "Each carries [requests/s]",
    "Of which used",
    "TTFT [ms]",
    "TPOT [ms]",
    "USD per hour",
    "Power [kW]",
    "Times are",
)
_KILO = 1e3
_LONGEST = 8
"""Bars are cut off at this multiple of the fewest devices."""


def slo_page(frame: pd.DataFrame, request: EvaluationRequest, load: float) -> str:
    """Write the answer as HTML.

    Parameters
    ----------
    frame : DataFrame
        From :func:`llmcalc_core.slo_plans`.
    request : EvaluationRequest
        What its rows come from.
    load : float
        Requests per second that are to be served [1/s].

    Returns
    -------
    str
        HTML.
    """
    bars = bar_chart(bars_of(frame), "Devices needed, in the table below")
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    body = "".join(_table_row(row, request) for _, row in frame.iterrows())
    return (
        f"{PANEL_STYLE}"
        '<div class="llmcalc-status" role="status" aria-live="polite">'
        f"{escape(summary(frame, load))}</div>"
        f'<div class="llmcalc-panels"><section><h3>{heading_words(load)}</h3>{bars}</section>'
        '<section class="llmcalc-wide" tabindex="0" role="region" aria-label="Devices">'
        f'<table class="llmcalc-slo"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</section>"
        '<div class="llmcalc-note llmcalc-wide">Requests are taken to arrive evenly and to be '
        "alike; bursts and long ones need more. Times are means with every replica at what it can "
        "carry.</div></div>"
    )


def heading_words(load: float) -> str:
    """Say what the bars are of."""
    return f"Fewest devices for {load:,.10g} requests/s"


def bars_of(frame: pd.DataFrame) -> list[Bar]:
    """Give a bar for each device, or why it has none."""
    most = _LONGEST * int(frame["devices"].iloc[0])
    return [_bar(row, most) for _, row in frame.iterrows()]


def summary(frame: pd.DataFrame, load: float) -> str:
    """Say which device needs fewest, and what each of its replicas does."""
    first = frame.iloc[0]
    if first["rejected_for"]:
        return (
            f"No plan on any of these devices fits and keeps the limits at {number(load)} "
            "requests/s, however many there are: the limits on times do not depend on how many."
        )
    return replicas_words(first, load)


def replicas_words(row: Row, load: float) -> str:
    """Say how many replicas there are, how each is split, and what it carries."""
    replicas, wide = int(row["replicas"]), int(row["replica_devices"])
    if replicas > 1:
        all_devices = counted(int(row["devices"]), "device")
        several = f"{counted(replicas, 'replica')} of {wide:,}, {all_devices} in all"
    else:
        several = f"one replica of {counted(wide, 'device')}"
    each = "each" if replicas > 1 else "it"
    return (
        f"{row['hardware']}: {several}. Split as {split_words(row)}, {each} carries up to "
        f"{number(row['replica_requests_per_s'])} requests/s with {row['batch']:,} in flight, of "
        f"which {number(load / replicas)} are asked: first token after {seconds(row['ttft_s'])}, "
        f"then {seconds(row['tpot_s'])} per token."
    )


def _bar(row: Row, most: int) -> Bar:
    name, devices = str(row["hardware"]), int(row["devices"])
    if row["rejected_for"]:
        return Bar(name=name, value=None, words=why_not(row))
    split = f"{row['replicas']:,} {TIMES} {row['replica_devices']:,}"
    cut = "" if devices <= most else ", bar cut off"
    return Bar(name=name, value=min(devices, most), words=f"{devices:,} ({split}){cut}")


def _table_row(row: Row, request: EvaluationRequest) -> str:
    name = f'<th scope="row">{escape(str(row["hardware"]))}</th>'
    if row["rejected_for"]:
        told = f"{rejection_words(row, request)}, at best with {split_words(row)}"
        return f'<tr>{name}<td colspan="{len(_HEADS) - 1}" class="said">{escape(told)}</td></tr>'
    price, power = float(row["cost_usd_per_hour"]), float(row["power_w"]) / _KILO
    cells = (
        f"{row['devices']:,}",
        f"{row['replicas']:,} of {split_words(row)}",
        f"{number(row['replica_requests_per_s'])} with {row['batch']:,} in flight",
        f"{row['load']:.0%}".replace("%", " %"),
        number(row["ttft_s"] * 1e3),
        number(row["tpot_s"] * 1e3),
        number(price) if isfinite(price) else "no price",
        number(power) if isfinite(power) else "no power figure",
        str(row["basis"]),
    )
    return f"<tr>{name}" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
