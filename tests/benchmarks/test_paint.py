"""From a changed control to the painted chart in JupyterLab, beside bqplot alone.

The explorer and a plain bqplot figure with as many marks are open in two notebooks of one server;
each round changes the precision in one and then in the other, so that both meet the same noise.
Needs the extra ``test`` and Debian's Chromium. Run as ``tests/benchmarks/test_speed.py`` says.
"""

from __future__ import annotations

from statistics import median

import pytest

pytest.importorskip("playwright", reason="needs the extra: test")

from tests.benchmarks.clock import REPORTED
from tests.benchmarks.painting import BARE, EXPLORER, ChartPage
from tests.browser.conftest import browser, chromium, open_notebook, server  # noqa: F401

RATIO_LIMIT = 1.5
ROUNDS, WARMUP_ROUNDS = 20, 3


@pytest.mark.browser
@pytest.mark.benchmark(group="change to painted chart", timer=REPORTED)
def test_change_to_paint(benchmark, open_notebook):  # noqa: F811 - the fixture above
    ours = ChartPage(open_notebook([EXPLORER]).page)
    bare = ChartPage(open_notebook([BARE.format(marks=ours.marks())]).page)
    alone = []
    benchmark.pedantic(
        lambda: REPORTED.add(ours.change_to_paint()),
        setup=lambda: alone.append(bare.change_to_paint()),
        rounds=ROUNDS,
        warmup_rounds=WARMUP_ROUNDS,
    )
    needed = median(alone[WARMUP_ROUNDS:])
    benchmark.extra_info |= {
        "by": "llmcalc",
        "marks": ours.marks(),
        "bqplot_s": needed,
        "limit_s": RATIO_LIMIT * needed,
        "ratio": benchmark.stats.stats.median / needed,
    }
    assert ours.marks() == bare.marks() > 300
