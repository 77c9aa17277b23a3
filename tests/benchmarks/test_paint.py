"""From a changed control to the painted chart in JupyterLab, beside bqplot alone.

The explorer and a plain bqplot figure with as many marks are open in two notebooks of one server;
each round changes a control in one and then in the other, so that both meet the same noise.
``WhatIf``, whose answer is no bqplot figure, is measured by itself.
Needs the extra ``test`` and Debian's Chromium. Run as ``tests/benchmarks/test_speed.py`` says.
"""

from __future__ import annotations

from statistics import median, quantiles

import pytest

pytest.importorskip("playwright", reason="needs the extra: test")

from playwright.sync_api import expect

from tests.benchmarks.clock import REPORTED
from tests.benchmarks.painting import (
    AS_IT_OPENS,
    BARE,
    MANY_PLANS,
    WHAT_IF,
    ChartPage,
    WhatIfPage,
)
from tests.browser.conftest import browser, chromium, open_tab, server  # noqa: F401

MEDIAN_LIMIT_S = 0.075
P95_LIMIT_S = 0.12
ROUNDS, WARMUP_ROUNDS = 60, 3
DRAGS = 5
SETTLED_LIMIT_S, LEAST_REPAINTS = 0.25, 8


def p95(times: list[float]) -> float:
    """Return what 95 of 100 times are below [s]."""
    return quantiles(times, n=20, method="inclusive")[-1]


def scene(name, cell, least):
    """Name a scene's group; it has at least so many marks."""
    return pytest.param(cell, least, marks=pytest.mark.benchmark(group=name, timer=REPORTED))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("cell", "least"),
    [
        scene("change to painted chart, as the explorer opens", AS_IT_OPENS, 50),
        scene("change to painted chart, mixture on 32 devices", MANY_PLANS, 150),
    ],
)
def test_change_to_paint(benchmark, open_tab, cell, least):  # noqa: F811 - the fixture above
    ours = ChartPage(open_tab([cell]).page)
    marks = ours.marks()  # of one precision; of the other there are about as many
    bare = ChartPage(open_tab([BARE.format(marks=marks)]).page)
    alone = []
    benchmark.pedantic(
        lambda: REPORTED.add(ours.change_to_paint()),
        setup=lambda: alone.append(bare.change_to_paint()),
        rounds=ROUNDS,
        warmup_rounds=WARMUP_ROUNDS,
    )
    benchmark.extra_info |= {
        "by": "llmcalc",
        "marks": marks,
        "bqplot_s": median(alone[WARMUP_ROUNDS:]),
        "limit_s": MEDIAN_LIMIT_S,
        "p95_s": p95(benchmark.stats.stats.data),
        "p95_bqplot_s": p95(alone[WARMUP_ROUNDS:]),
        "p95_limit_s": P95_LIMIT_S,
    }
    assert bare.marks() == marks > least


@pytest.mark.browser
@pytest.mark.benchmark(group="WhatIf: change to painted table and fronts", timer=REPORTED)
def test_what_if_change_to_paint(benchmark, open_tab):  # noqa: F811 - as above
    page = WhatIfPage(open_tab([WHAT_IF]).page)
    benchmark.pedantic(
        lambda: REPORTED.add(page.change_to_paint()), rounds=ROUNDS, warmup_rounds=WARMUP_ROUNDS
    )
    benchmark.extra_info |= {
        "by": "llmcalc",
        "limit_s": MEDIAN_LIMIT_S,
        "p95_s": p95(benchmark.stats.stats.data),
        "p95_limit_s": P95_LIMIT_S,
    }


@pytest.mark.browser
@pytest.mark.benchmark(group="a slider dragged for a second: at rest after it", timer=REPORTED)
def test_drag(benchmark, open_tab):  # noqa: F811 - as above
    page = open_tab([MANY_PLANS]).page
    ours = ChartPage(page)
    bare = ChartPage(open_tab([BARE.format(marks=ours.marks())]).page)
    alone, dragged = [], []

    def drag() -> None:
        dragged.append(ours.drag())
        tokens = page.get_by_role("textbox", name="Input tokens").input_value()
        expect(page.locator(".llmcalc-chart")).to_contain_text(f"{tokens} tokens in", timeout=1)
        REPORTED.add(dragged[-1].settled_s)

    benchmark.pedantic(drag, setup=lambda: alone.append(bare.drag()), rounds=DRAGS, warmup_rounds=1)
    benchmark.extra_info |= {
        "by": "llmcalc",
        "marks": ours.marks(),
        "bqplot_s": median(one.settled_s for one in alone[1:]),
        "limit_s": SETTLED_LIMIT_S,
        "repaints": min(one.repaints for one in dragged[1:]),
        "repaints_bqplot": min(one.repaints for one in alone[1:]),
        "repaints_limit": LEAST_REPAINTS,
    }
