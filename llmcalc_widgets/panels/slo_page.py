"""The fewest devices for a load, in words, as bars and as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from math import isfinite

import pandas as pd
from ipywidgets import HTML, Button, HBox, Layout, Widget

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.chart.progress import cancel_layout
from llmcalc_widgets.panels.devices_page import banded_cell, why_not
from llmcalc_widgets.panels.svg import PANEL_STYLE, Bar, bar_chart
from llmcalc_widgets.text.plan_words import (
    TIMES,
    Row,
    at_words,
    of_words,
    rejection_words,
    split_words,
)
from llmcalc_widgets.text.request_words import price_kind_words
from llmcalc_widgets.text.units import counted, number, percentile_text, seconds

_WORDS = (
    '<div role="status" aria-live="polite">Simulating requests one by one, at rising rates, on the '
    "layouts of each device. Until then all figures are of the settings before.</div>"
)


class SloNotice(HBox):
    """Fades an answer that is about to be replaced, and says how far that is.

    Parameters
    ----------
    answer : Widget
        What fades meanwhile.
    cancel : callable
        Gives up what is computed.
    """

    def __init__(self, answer: Widget, cancel: Callable[[], None]) -> None:
        self._answer = answer
        self._bar = HTML()
        self._bar.add_class("llmcalc-elapsed")
        self.button = Button(
            description="Cancel",
            tooltip="Give up, and go back to the settings of the answer",
            layout=cancel_layout(),
        )
        super().__init__([HTML(_WORDS), self._bar, self.button], layout=Layout(display="none"))
        self.add_class("llmcalc-waiting")
        self.button.on_click(lambda _: cancel())

    def show(self, share: float | None) -> None:
        """Say which share is done [1]; None where nothing is computed any more."""
        if share is None:
            self._answer.remove_class("llmcalc-stale")
            self.layout.display = "none"
            return
        self._bar.value = simulated(share)
        self._answer.add_class("llmcalc-stale")
        self.layout.display = None


def simulated(share: float) -> str:
    """Write a share that is done, in HTML.

    Examples
    --------
    >>> simulated(0.25)
    '<progress max="1" value="0.25" aria-label="Simulated"></progress> 25 %'
    """
    bar = f'<progress max="1" value="{share:.2f}" aria-label="Simulated"></progress>'
    return f"{bar} {share:.0%}".replace("%", " %")


_KILO = 1e3
_LONGEST = 8
"""Bars are cut off at this multiple of the fewest devices."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SloAnswer:
    """The devices that a load takes.

    Attributes
    ----------
    request : EvaluationRequest
        What its replicas come from.
    load : float
        Requests per second that are to be served [1/s].
    percentile : float or None
        Part of the requests that keep the limits [1]; None where their mean does.
    plans : DataFrame
        From :func:`llmcalc_core.slo_plans`.
    """

    request: EvaluationRequest
    load: float
    percentile: float | None
    plans: pd.DataFrame

    def of(self, time: str) -> str:
        """Say of what a time is, such as 'p95 of TTFT'."""
        return of_words(time, self.percentile)

    @property
    def heads(self) -> tuple[str, ...]:
        """What stands above the columns of the table."""
        return (
            "Device",
            "Devices",
            "Replicas",
            "Each carries [requests/s]",
            "Of which used",
            f"{self.of('TTFT')} [ms]",
            f"{self.of('TPOT')} [ms]",
            "USD per hour",
            "Power [kW]",
            "Times are",
        )


def slo_page(answer: SloAnswer) -> str:
    """Write the answer as HTML."""
    bars = bar_chart(bars_of(answer), "Devices needed, in the table below")
    head = "".join(f'<th scope="col">{name}</th>' for name in answer.heads)
    body = "".join(_table_row(row, answer) for _, row in answer.plans.iterrows())
    return (
        f"{PANEL_STYLE}"
        '<div class="llmcalc-status" role="status" aria-live="polite">'
        f"{escape(summary(answer))}</div>"
        f'<div class="llmcalc-panels"><section><h3>{heading_words(answer)}</h3>{bars}</section>'
        '<section class="llmcalc-wide" tabindex="0" role="region" aria-label="Devices">'
        f'<table class="llmcalc-slo"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</section>"
        f'<div class="llmcalc-note llmcalc-wide">{_note(answer)}</div></div>'
    )


def _note(answer: SloAnswer) -> str:
    """Say how requests come, and what times are of."""
    if answer.percentile is None:
        return (
            "Requests are taken to arrive evenly and to be alike; bursts and long ones need more. "
            "Times are means with every replica at what it can carry."
        )
    return (
        "Requests come at random (Poisson), are alike, and are simulated one by one on the layouts "
        "of each device that need the fewest devices in the mean. Times are "
        f"{percentile_text(answer.percentile)} with every replica at what it can carry."
    )


def heading_words(answer: SloAnswer) -> str:
    """Say what the bars are of."""
    at = at_words(answer.percentile)
    within = f" with the limits kept{at}" if at else ""
    return f"Fewest devices for {answer.load:,.10g} requests/s{within}"


def bars_of(answer: SloAnswer) -> list[Bar]:
    """Give a bar for each device, or why it has none."""
    most = _LONGEST * int(answer.plans["devices"].iloc[0])
    return [_bar(row, most) for _, row in answer.plans.iterrows()]


def summary(answer: SloAnswer) -> str:
    """Say which device needs fewest, and what each of its replicas does."""
    first = answer.plans.iloc[0]
    if first["rejected_for"]:
        return (
            f"No plan on any of these devices fits and keeps the limits at {number(answer.load)} "
            "requests/s, however many there are: the limits on times do not depend on how many."
        )
    return replicas_words(first, answer)


def replicas_words(row: Row, answer: SloAnswer) -> str:
    """Say how many replicas there are, how each is split, and what it carries."""
    replicas, wide = int(row["replicas"]), int(row["replica_devices"])
    if replicas > 1:
        all_devices = counted(int(row["devices"]), "device")
        several = f"{counted(replicas, 'replica')} of {wide:,}, {all_devices} in all"
    else:
        several = f"one replica of {counted(wide, 'device')}"
    each = "each" if replicas > 1 else "it"
    split = f"{row['hardware']}: {several}. Split as {split_words(row)}, {each} carries up to"
    carried, asked = _carried(row, answer), number(answer.load / replicas)
    first, token = seconds(row["ttft_s"]), seconds(row["tpot_s"])
    if answer.percentile is None:
        return (
            f"{split} {carried}, of which {asked} are asked: first token after {first}, then "
            f"{token} per token."
        )
    return (
        f"{split} {carried}, at which {answer.of('TTFT')} is {first} and {answer.of('TPOT')} "
        f"{token}; {asked} are asked of {each}."
    )


def _carried(row: Row, answer: SloAnswer) -> str:
    """Say what a replica carries: of means, with how many in flight."""
    carried = f"{number(row['replica_requests_per_s'])} requests/s"
    if answer.percentile is not None:
        return carried
    most = ", the most tried" if answer.request.is_largest_batch(row["batch"]) else ""
    return f"{carried} with {row['batch']:,} in flight{most}"


def _bar(row: Row, most: int) -> Bar:
    name, devices = str(row["hardware"]), int(row["devices"])
    if row["rejected_for"]:
        return Bar(name=name, value=None, words=why_not(row))
    split = f"{row['replicas']:,} {TIMES} {row['replica_devices']:,}"
    cut = "" if devices <= most else ", bar cut off"
    return Bar(name=name, value=min(devices, most), words=f"{devices:,} ({split}){cut}")


def _price_kind(row: Row, answer: SloAnswer) -> str:
    named = (one for one in answer.request.hardware if one.name == row["hardware"])
    return price_kind_words(next(named))


def _table_row(row: Row, answer: SloAnswer) -> str:
    name = f'<th scope="row">{escape(str(row["hardware"]))}</th>'
    if row["rejected_for"]:
        why = rejection_words(row, answer.request, answer.percentile)
        told = f"{why}, at best with {split_words(row)}"
        return (
            f'<tr>{name}<td colspan="{len(answer.heads) - 1}" class="said">{escape(told)}</td></tr>'
        )
    price, power = float(row["cost_usd_per_hour"]), float(row["power_w"]) / _KILO
    cells = (
        f"{row['devices']:,}",
        f"{row['replicas']:,} of {split_words(row)}",
        _carried(row, answer).replace(" requests/s", ""),
        f"{row['load']:.0%}".replace("%", " %"),
        banded_cell(row, "ttft"),
        banded_cell(row, "tpot"),
        f"{number(price)}, {escape(_price_kind(row, answer))}" if isfinite(price) else "no price",
        number(power) if isfinite(power) else "no power figure",
        str(row["basis"]),
    )
    return f"<tr>{name}" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
