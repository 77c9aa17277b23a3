"""Load curves, said and drawn."""

from __future__ import annotations

import re
from functools import partial
from html import unescape

import numpy as np
import pytest

from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.chart.load_plot import LoadPlot, load_legend
from llmcalc_widgets.chart.load_view import Here, LoadView, load_view
from llmcalc_widgets.export.figure_stills import paint_load
from llmcalc_widgets.export.stills import picture
from llmcalc_widgets.panels.load import TITLE, load_table, load_words
from tests.widgets.load.curves import GROWS, KEEPS_UP, NEVER, RATES, view_of
from tests.widgets.test_exports import texts


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (
            view_of([0.2, 0.5, 0.9, 1.4, 9.0], overloaded=4),
            f"p99 of TTFT stays within 1.00 s up to 6.00 requests/s; from 10.0 {GROWS}",
        ),
        (
            view_of([0.2, 0.5, 0.9, 0.8, 1.5], overloaded=3),
            f"p99 of TTFT stays within 1.00 s up to 6.00 requests/s; from 8.00 {GROWS}",
        ),
        (
            view_of([0.2, 1.5, 0.9, 0.8, 0.9]),
            f"p99 of TTFT stays within 1.00 s up to 2.00 requests/s; {KEEPS_UP}",
        ),
        (
            view_of([2.0, 2.5, 3.0, 4.0, 9.0], overloaded=4),
            f"p99 of TTFT is above 1.00 s already at 2.00 requests/s (2.00 s); from 10.0 {GROWS}",
        ),
        (
            view_of([0.2, 0.5, 0.9, 1.4, 9.0], overloaded=4, limit_s=None, percentile="mean"),
            "Mean TTFT is 80.0 ms at 2.00 requests/s and 560 ms at 8.00 requests/s; from 10.0 "
            + GROWS,
        ),
        (view_of([0.2, 0.5, 0.9, 1.4, 9.0], overloaded=0), NEVER),
        (view_of([np.nan] * 5, latency="tpot"), "An answer of one token has no TPOT."),
    ],
)
def test_the_sentence_names_the_largest_rate_and_the_knee(view: LoadView, words: str) -> None:
    assert load_words(view) == words


def test_the_figure_draws_what_is_said() -> None:
    here = Here(rate=5.0, words="asked <here>")
    view = view_of([0.2, 0.5, 0.9, 1.4, 9.0], overloaded=3, percentile="p95", here=here)
    plot = LoadPlot()
    plot.draw(view)
    across = 10.0 * 1.03
    assert plot.points.x == pytest.approx(np.array(RATES) / across)
    assert plot.lines.y.shape == (3, 5)
    assert (np.diff(plot.lines.y, axis=0) > 0).all(), "p50 below p90 below p99"
    assert (plot.lines.y[1] < plot.chosen.y).all(), "p95 between"
    assert (plot.chosen.y < plot.lines.y[2]).all()
    assert plot.shade.x.min() == pytest.approx(8.0 / across)
    assert plot.here.x[0] == pytest.approx(5.0 / across)
    assert plot.reached.x[0] == pytest.approx(6.0 / across), "p95 is 0.72 s there, then 1.12 s"
    at = plot.limit.y[1, 0]
    assert plot.chosen.y[2] < at < plot.chosen.y[3]
    assert plot.figure.axes[1].label == "Time to the first token [ms]"
    legend = load_legend(view)
    assert list(re.findall(r"</svg>(?:<b>)?(p\d+)", legend)) == [
        "p99", "p95", "p90", "p50",
    ]  # fmt: skip
    assert "asked &lt;here&gt;: 5.00 requests/s" in legend
    table = unescape(re.sub(r"<[^>]*>", " ", load_table(view)))
    assert table.count("overloaded") == 2
    assert "TTFT p95 [ms]" in table
    for part in plot.figure.marks:
        part.close()
    plot.figure.close()


def test_a_limit_that_is_far_away_does_not_flatten_the_lines() -> None:
    plot = LoadPlot()
    plot.draw(view_of([0.02, 0.02, 0.03, 0.03, 0.03], limit_s=60.0))
    assert (plot.limit.y[1] == -1).all()
    assert plot.chosen.y.max() > 0.5


def test_a_notebook_stores_the_curve_that_is_seen(
    explorer: ParetoExplorer, finder: SloFinder
) -> None:
    for shown in (explorer, finder):
        assert "data:image/png" not in list(shown._outputs())[-1][0]["text/html"]
    explorer.outputs.reveal(TITLE)
    finder.load_fold.reveal()
    for shown in (explorer, finder):
        stored = list(shown._outputs())[-1][0]["text/html"]
        assert 'src="data:image/png;base64,iVBOR' in stored
        assert "p99 of TTFT" in stored
        assert "Goodput [requests/s]" in stored
    view = load_view(explorer.load)
    assert view is not None
    told = texts(picture(partial(paint_load, view=view), "svg").decode())
    assert {"p50", "p90", "p99", "limit 300 ms", "overload"} <= {*told}
    assert "Time to the first token [ms]" in told
    assert load_words(view) in " ".join(told)
