"""Stacked bars of a plan's memory and time, in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmcalc_core import MEMORY_COLUMNS, TIME_COLUMNS
from llmcalc_widgets.chart.palette import MEMORY_COLOURS, TIME_COLOURS
from llmcalc_widgets.text.units import gigabytes, seconds
from llmcalc_widgets.text.wording import (
    LATENCY_WORDS,
    MEMORY_WORDS,
    TIME_WORDS,
    Row,
    share_words,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a bar: its share of the bar's length [1], its colour and its words."""

    share: float
    colour: str
    words: str


def memory_bar(row: Row) -> str:
    """Draw what a plan needs on its fullest device against what may be used."""
    used, free = float(row["device_memory_bytes"]), float(row["memory_headroom_bytes"])
    usable = used + free
    whole = max(used, usable)
    parts = [
        Part(
            share=float(row[name]) / whole,
            colour=MEMORY_COLOURS[name],
            words=f"{MEMORY_WORDS[name]} {gigabytes(float(row[name]))}",
        )
        for name in MEMORY_COLUMNS
    ]
    if free >= 0:
        parts.append(Part(share=free / whole, colour="", words=f"free {gigabytes(free)}"))
        head = f"{gigabytes(used)} of {gigabytes(usable)} usable"
    else:
        head = f"{gigabytes(used)}, {gigabytes(-free)} more than usable"
    mark = usable / whole if free < 0 else None
    return _bar("Memory per device", head, parts, mark)


def time_bar(row: Row, latency: float, *, stage: str) -> str:
    """Draw where the time of the stage goes."""
    parts = [
        Part(
            share=float(row[name]) / latency,
            colour=TIME_COLOURS[name],
            words=f"{TIME_WORDS[name]} {share_words(float(row[name]), latency)}",
        )
        for name in TIME_COLUMNS
    ]
    return _bar(f"Time {LATENCY_WORDS[stage]}", seconds(latency), parts, None)


def _bar(name: str, head: str, parts: Sequence[Part], mark: float | None) -> str:
    pieces = "".join(
        f'<i style="width:{100 * part.share:.2f}%;background:{part.colour}"></i>'
        for part in parts
        if part.colour
    )
    line = "" if mark is None else f'<u style="left:{100 * mark:.2f}%"></u>'
    keys = "".join(f"<span>{_swatch(part.colour)}{part.words}</span>" for part in parts)
    return (
        f'<div class="llmcalc-bar"><div class="name"><b>{name}</b><span>{head}</span></div>'
        f'<div class="track" aria-hidden="true">{pieces}{line}</div>'
        f'<div class="llmcalc-key">{keys}</div></div>'
    )


def _swatch(colour: str) -> str:
    return f'<i style="background:{colour}"></i>' if colour else '<i class="free"></i>'
