"""Separate pools beside one: the split to take, both fronts, and figures beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core import Hardware
from llmcalc_widgets.chart.curves import steps
from llmcalc_widgets.chart.legend import DIAMOND, drawing
from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.chart.specification import Dots, Line, Mark, Specification, Ticks
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.figure_svg import figure_svg
from llmcalc_widgets.settings.pools import SEPARATE, TOGETHER, PoolAnswer
from llmcalc_widgets.text.plan_words import TIMES, Row, banded_words, split_words
from llmcalc_widgets.text.request_words import price_kind_words
from llmcalc_widgets.text.units import change_words, counted, gigabytes, number, percent_text
from llmcalc_widgets.text.units import seconds as time_words

KINDS = {SEPARATE: "separate pools", TOGETHER: "one pool"}
"""Ways to serve, and their names on the page."""

ACROSS, UP = "Time per output token [ms]", "Tokens/s per device"
_LOOKS: dict[str, tuple[str, str, Literal["solid", "dashed"]]] = {
    SEPARATE: (PALETTE[5], PALETTE[5], "solid"),
    TOGETHER: ("faint", "back", "dashed"),
}
"""Colour, filling and line of each front."""

_MILLI = 1e-3
_SAME = 0.005
_UNKNOWN = "not known"
_WIDTHS = ("tp", "pp", "ep", "attention_dp", "cp")
_POOLS = {"prefill": "read", "decode": "generate"}
Tile = tuple[str, str, str]


def pools_page(answer: PoolAnswer) -> str:
    """Write the answer as HTML: in a card, as two fronts, and as a table."""
    best = answer.best(SEPARATE)
    card = _none(answer) if best is None else _card(best, answer)
    beside = "" if ends_of(answer) is None else _beside(answer)
    return (
        f'{svg.PANEL_STYLE}<div class="llmcalc-status" role="status" aria-live="polite">'
        f'{escape(summary(answer))}</div>{card}{beside}<div class="llmcalc-note">{_NOTE}</div>'
    )


def _beside(answer: PoolAnswer) -> str:
    """Write both fronts, and the figures of the best of each."""
    return (
        '<div class="llmcalc-panels llmcalc-pools"><section><h3>Pareto fronts within the limits'
        f"</h3>{fronts(answer)}{_LEGEND}{_facts(answer)}</section>"
        '<section tabindex="0" role="region" aria-label="Separate pools and one pool">'
        f"<h3>The best of each</h3>{_table(answer)}</section></div>"
    )


_NOTE = (
    "Requests are alike and come at random. The time to the first token is the wait for a prefill "
    "worker, the prefill, the transfer of the cache and what the engine adds. No run with separate "
    "pools was among the measurements: bands are those of one pool."
)


def summary(answer: PoolAnswer) -> str:
    """Say whether separate pools pay, and by how much."""
    apart, joint = answer.best(SEPARATE), answer.best(TOGETHER)
    if apart is None and joint is None:
        return "Neither separate pools nor one pool keeps the limits on these devices."
    if apart is None:
        return "Separate pools keep no such limits on these devices; one pool does."
    if joint is None:
        return "Only separate pools keep the limits on these devices; one pool does not."
    change = float(apart["tokens_per_s_per_device"] / joint["tokens_per_s_per_device"] - 1)
    if abs(change) < _SAME:
        return "Separate pools give as many tokens/s per device as one pool."
    verdict = "pay" if change > 0 else "do not pay"
    return (
        f"Separate pools {verdict}: {change_words(change)} tokens/s per device beside one pool, "
        "each at its best within the limits."
    )


def split_of(row: Row) -> str:
    """Say how devices are divided, such as '2 x (TP 4 x PP 1) : 1 x (TP 8 x PP 1)'."""
    return " : ".join(workers_of(row, pool) for pool in _POOLS)


def workers_of(row: Row, pool: str) -> str:
    """Say how many workers a pool has, and how each is split."""
    widths = {name: int(row[f"{pool}_{name}"]) for name in _WIDTHS}
    return f"{int(row[f'{pool}_workers']):,} {TIMES} ({split_words(widths)})"


def pool_devices(row: Row, pool: str) -> int:
    """Count the devices of a pool: the factors of a worker multiply to its own."""
    each = np.prod([int(row[f"{pool}_{name}"]) for name in ("tp", "pp", "attention_dp", "cp")])
    return int(row[f"{pool}_workers"]) * int(each)


def _none(answer: PoolAnswer) -> str:
    frame = answer.frame[answer.frame["serving"] == SEPARATE]
    words = "No two workers fit on so many devices: give more of them."
    if not frame.empty:
        first, token = (time_words(float(frame[f"{one}_s"].min())) for one in ("ttft", "tpot"))
        words = (
            f"The shortest times of any split are {first} to the first token and {token} per "
            "output token, not of the same one. Loosen a limit, or give more devices."
        )
    return (
        '<section class="llmcalc-answer none" aria-label="Answer"><h3>No split keeps the limits'
        f"</h3><p>{escape(words)}</p></section>"
    )


def _card(row: Row, answer: PoolAnswer) -> str:
    tiles = "".join(
        f"<li>{escape(name)} <b>{escape(figure)}</b> {escape(more)}</li>"
        for name, figure, more in _tiles(row, answer)
    )
    return (
        '<section class="llmcalc-answer" aria-label="Answer"><header>'
        f"<h3>{drawing(DIAMOND)}<span>Prefill : decode workers</span> <b>{escape(split_of(row))}"
        f"</b> <span>times {row['basis']}</span></h3></header><ul>{tiles}</ul></section>"
    )


def _tiles(row: Row, answer: PoolAnswer) -> Iterator[Tile]:
    """Give the figures that decide, each with its band or what it rests on."""
    reads, writes = (pool_devices(row, pool) for pool in _POOLS)
    yield "Devices", f"{int(row['devices']):,}", f"{reads:,} read, {writes:,} generate"
    for name, key in (("First token (TTFT)", "ttft"), ("Per token (TPOT)", "tpot")):
        time, _, band = _banded(row, key).partition(", ")
        yield name, time, band
    price = _price_words(answer)
    yield "USD per hour", _known(row, "cost_usd_per_hour"), price
    yield "USD per M read", _known(row, "cost_usd_per_million_input_tokens"), "of the prefill pool"
    generated = _known(row, "cost_usd_per_million_output_tokens")
    yield "USD per M generated", generated, "of the decode pool"
    gain = number(float(row["tokens_per_s_per_device"]))
    yield "Requests/s", number(float(row["requests_per_s"])), f"{gain} tokens/s per device"


def _known(row: Row, column: str) -> str:
    value = float(row[column])
    return number(value) if isfinite(value) else _UNKNOWN


def _banded(row: Row, key: str) -> str:
    return banded_words(*(float(row[f"{key}{end}_s"]) for end in ("", "_low", "_high")))


def _hardware(answer: PoolAnswer) -> tuple[Hardware, Hardware]:
    own = answer.request.hardware[0]
    return own, answer.request.decode_hardware or own


def _price_words(answer: PoolAnswer) -> str:
    return ", ".join(dict.fromkeys(price_kind_words(one) for one in _hardware(answer)))


def _table(answer: PoolAnswer) -> str:
    """Write the figures of the best of each kind beside each other."""
    rows = {name: answer.best(serving) for serving, name in KINDS.items()}
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("Figure", *rows))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f"<td>{'none' if row is None else escape(words(row))}</td>" for row in rows.values()
        )
        + "</tr>"
        for name, words in _lines(answer)
    )
    return (
        f'<table class="llmcalc-what-if"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>'
        "</table>"
    )


def _lines(answer: PoolAnswer) -> Iterator[tuple[str, Callable[[Row], str]]]:
    """Give the lines of the table: a name, and what writes the figure of a deployment."""
    for pool, does in _POOLS.items():
        yield f"Workers that {does}", partial(_worker_words, pool=pool)
    yield "Devices", lambda row: f"{int(row['devices']):,}"
    yield "Time to first token", lambda row: _banded(row, "ttft")
    yield "Time per output token", lambda row: _banded(row, "tpot")
    yield "End to end", lambda row: time_words(float(row["e2e_latency_s"]))
    yield "Requests/s", lambda row: number(float(row["requests_per_s"]))
    yield UP, lambda row: number(float(row["tokens_per_s_per_device"]))
    yield f"USD per hour, {_price_words(answer)}", lambda row: _known(row, "cost_usd_per_hour")
    yield (
        "USD per M read : generated",
        lambda row: " : ".join(
            _known(row, f"cost_usd_per_million_{side}_tokens") for side in ("input", "output")
        ),
    )
    yield "J per token generated", lambda row: _known(row, "energy_j_per_output_token")
    yield "Cache sent per request", _transfer_words
    yield (
        "Fullest devices",
        lambda row: " : ".join(
            dict.fromkeys(gigabytes(float(row[f"{pool}_memory_bytes"])) for pool in _POOLS)
        ),
    )
    yield "Times are", lambda row: str(row["basis"])


def _worker_words(row: Row, pool: str) -> str:
    """Say what the workers of a pool are and do; those of one pool do both."""
    apart = row["serving"] == SEPARATE
    if not apart and pool == "decode":
        return "the same"
    held = int(row[f"{pool}_batch"])
    does = f"{counted(held, 'prompt')} at once" if apart and pool == "prefill" else (
        f"{held:,} in flight each"
    )  # fmt: skip
    load = f", in use {percent_text(round(float(row[f'{pool}_load']), 2))}" if apart else ""
    return f"{row[f'{pool}_hardware']}: {workers_of(row, pool)}, {does}{load}"


def _transfer_words(row: Row) -> str:
    if row["serving"] != SEPARATE:
        return "none"
    sent = gigabytes(float(row["transfer_bytes"]))
    return f"{sent} in {time_words(float(row['transfer_s']))}"


def figures_of(front: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the times [ms] and the throughputs of a front, as they are drawn."""
    times = front["tpot_s"].to_numpy(dtype=np.float64) / _MILLI
    return times, front["tokens_per_s_per_device"].to_numpy(dtype=np.float64)


def ends_of(answer: PoolAnswer) -> tuple[Ends, Ends] | None:
    """Give ends of the axes that show both fronts; None where there is neither."""
    drawn = [figures_of(answer.front(serving)) for serving in KINDS]
    across, up = (np.concatenate(one) for one in zip(*drawn, strict=True))
    return (Ends(*limits(across)), Ends(*limits(up))) if len(across) else None


def fronts(answer: PoolAnswer) -> str:
    """Draw the front with separate pools, and that with one, as SVG."""
    label = f"Pareto fronts with separate pools and with one: {UP} over {ACROSS}"
    return figure_svg(fronts_specification(answer), label=label)


def fronts_specification(answer: PoolAnswer) -> Specification:
    """Describe both fronts; the axes are those of both, or empty where there is neither."""
    ends = ends_of(answer)
    if ends is None:
        none = (Ticks(title=title, places=[], labels=[]) for title in (ACROSS, UP))
        return Specification(across=next(none), up=next(none), marks=[])
    across, up = (
        Ticks(title=title, places=places, labels=[*labels.values()])
        for (places, labels), title in zip((one.ticks() for one in ends), (ACROSS, UP), strict=True)
    )
    marks = [mark for serving in reversed(KINDS) for mark in _front(answer, serving, ends)]
    return Specification(across=across, up=up, marks=marks)


def _front(answer: PoolAnswer, serving: str, ends: tuple[Ends, Ends]) -> list[Mark]:
    """Give a front as steps with a mark at each deployment, and a diamond around the best."""
    front, best = answer.front(serving), answer.best(serving)
    if front.empty:
        return []
    name, (colour, fill, style) = KINDS[serving], _LOOKS[serving]
    x, y = (one.places(values) for one, values in zip(ends, figures_of(front), strict=True))
    across, along = steps(x, y, level_first=True)
    told = [f"{name}: {_short(row)}" for row in front.to_dict("records")]
    own = (float(best["tpot_s"]) / _MILLI, float(best["tokens_per_s_per_device"]))
    best_x, best_y = (one.places(np.array([at])) for one, at in zip(ends, own, strict=True))
    return [
        Line(x=across, y=along, colour=colour, width=1.8, style=style),
        Dots(x=x, y=y, fill=fill, edge=colour, titles=told, name=name),
        Dots(x=best_x, y=best_y, fill="none", edge=colour, diamond=True, name=f"best, {name}"),
    ]


_LEGEND = (
    '<div class="llmcalc-key llmcalc-drawn">'
    f'<span><svg width="22" height="12" aria-hidden="true"><path d="M0 6H22" '
    f'stroke="{PALETTE[5]}" stroke-width="1.8"/></svg> separate pools</span>'
    '<span><svg width="22" height="12" aria-hidden="true"><path d="M0 6H22" '
    'stroke="var(--c-faint)" stroke-width="1.8" stroke-dasharray="5 3"/></svg> one pool</span>'
    f"<span>{drawing(DIAMOND)} the best</span></div>"
)


def _facts(answer: PoolAnswer) -> str:
    """Write the deployments on both fronts as a table to unfold."""
    rows: list[list[Any]] = []
    for serving, name in KINDS.items():
        front = answer.front(serving)
        figures = zip(*figures_of(front), front["ttft_s"], front.to_dict("records"), strict=True)
        rows += [
            [name, number(token), number(gain), time_words(first), _short(row)]
            for token, gain, first, row in figures
        ]
    return svg.data_table(["Front", ACROSS, UP, "TTFT", "Prefill : decode workers"], rows)


def _short(row: Row) -> str:
    return split_of(row) if row["serving"] == SEPARATE else workers_of(row, "decode")
