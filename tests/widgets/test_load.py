"""Load curves: nothing while folded, what the core simulates while open, said and drawn."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import Techniques, find_hardware, load_curve
from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.chart.load_plot import LoadPlot, load_legend
from llmcalc_widgets.chart.load_view import Here, LoadView, load_view
from llmcalc_widgets.export.load_still import paint_load
from llmcalc_widgets.export.still import picture
from llmcalc_widgets.panels.load import TITLE, load_table, load_words
from llmcalc_widgets.settings import load_question
from llmcalc_widgets.settings.load_question import LoadQuestion
from llmcalc_widgets.settings.percentiles import PERCENTILES
from tests.widgets.test_exports import texts

ASKED = {"precision": "bf16", "engine": "vllm", "input_tokens": 500, "output_tokens": 60}
RATES = [2.0, 4.0, 6.0, 8.0, 10.0]
GROWS = "requests/s on the queue grows as long as requests come."
KEEPS_UP = "the server keeps up with every rate that was tried."
NEVER = (
    "The queue grows as long as requests come at every rate that was tried, from 2.00 requests/s "
    "on: this replica serves less."
)


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=4, stage="serving", ttft_limit_ms=300,
        **ASKED,
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def finder() -> Iterator[SloFinder]:
    made = SloFinder(
        model="llama3_8b", hardware=("A100_80GB", "H100_80GB"), requests_per_s=60,
        tpot_limit_ms=30, devices=2, **ASKED,
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Note every curve that is computed."""
    seen: list[dict[str, Any]] = []

    def noted(*models: Any, **given: Any) -> pd.DataFrame:
        seen.append(given)
        return load_curve(*models, **given)

    monkeypatch.setattr(load_question, "load_curve", noted)
    return seen


def row_of(explorer: ParetoExplorer, **plan: int) -> int:
    rows = explorer.df
    for name, value in plan.items():
        rows = rows[rows[name] == value]
    return int(rows.index[0])


def view_of(
    ttft_p99: list[float],
    *,
    overloaded: int = 5,
    limit_s: float | None = 1.0,
    latency: str = "ttft",
    percentile: str = "p99",
    here: Here | None = None,
) -> LoadView:
    """Look at a curve whose other percentiles are parts of the p99 that is given."""
    tall = np.array(ttft_p99)
    columns = {
        f"{name}_{level}_s": tall * share * scale
        for name, scale in (("ttft", 1.0), ("tpot", 0.1), ("e2e", 10.0))
        for level, share in zip(PERCENTILES, (0.4, 0.3, 0.6, 0.8, 1.0), strict=True)
    }
    curve = pd.DataFrame(
        {
            "request_rate": RATES,
            "requests_per_s": RATES,
            "goodput": RATES,
            "overloaded": np.arange(5) >= overloaded,
            **columns,
        }
    )
    question = LoadQuestion(
        model=None, hardware=None, precision=None, tp=1, pp=1, ep=1, attention_dp=None,  # type: ignore[arg-type]
        engine="vllm", input_tokens=1, output_tokens=2, memory_fraction=0.9,
        techniques=Techniques(), ttft_limit_s=limit_s,
    )  # fmt: skip
    return LoadView(
        curve=curve, question=question, latency=latency, percentile=percentile, here=here
    )


def status_of(panel: Any) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", panel.status.value))


def test_nothing_is_simulated_while_it_is_folded(
    explorer: ParetoExplorer, finder: SloFinder, asked: list[Any]
) -> None:
    explorer.input_tokens = finder.input_tokens = 400
    explorer.select(0)
    assert asked == []
    assert explorer.load_curve is None
    assert finder.load_curve is None
    assert "load_curve(" not in explorer.to_code()


def test_open_it_follows_plan_and_settings(
    explorer: ParetoExplorer, asked: list[dict[str, Any]]
) -> None:
    panel = explorer.outputs.reveal(TITLE)
    tp = int(explorer.df.iloc[explorer.state.evaluation.recommended]["tp"])
    own = load_curve("llama3_8b", "H100_80GB", tp=tp, ttft_limit_s=0.3, **ASKED)
    pd.testing.assert_frame_equal(explorer.load_curve, own)
    first = status_of(panel)
    assert "p99 of TTFT stays within 300 ms up to" in first
    explorer.select(row_of(explorer, tp=4, batch=8))
    assert asked[-1]["tp"] == 4
    assert status_of(panel) != first
    count = len(asked)
    explorer.select(row_of(explorer, tp=4, batch=16))
    explorer.price_per_hour = 3
    explorer.price_per_hour = None
    explorer.select(None)
    assert status_of(panel) == first
    assert len(asked) == count + 1, (
        "another price is another device; a curve that was there is kept"
    )
    explorer.ttft_limit_ms = 200
    assert asked[-1]["ttft_limit_s"] == 0.2
    count = len(asked)
    explorer.outputs.buttons[TITLE].value = False
    assert explorer.load_curve is None
    explorer.output_tokens = 70
    assert len(asked) == count


@pytest.mark.parametrize(
    ("settings", "plan", "words"),
    [
        ({"stage": "decode"}, None, "requests come and go in stage serving only, not in decode"),
        ({"engine": "sglang"}, {"pp": 2}, "pp must be 1 with sglang"),
        ({"context_parallel_max": 2}, {"cp": 2}, "context parallel is not simulated"),
        ({"offload_to_fit": True}, {"tp": 2}, "offload to fit must be left out of a simulation"),
        (
            {"model": "mixtral_8x7b", "precision": "fp8"},
            {"attention_dp": 2, "pp": 2},
            "one of pp and attention_dp must be 1, got 2 and 2",
        ),
        ({"model": "llama3_70b"}, {"tp": 1, "pp": 1}, "the plan does not fit in memory"),
        ({"tpot_limit_ms": 0.01}, None, "there is no plan that fits and keeps the limits"),
    ],
)
def test_a_plan_that_is_not_simulated_says_why(
    explorer: ParetoExplorer,
    settings: dict[str, Any],
    plan: dict[str, int] | None,
    words: str,
) -> None:
    panel = explorer.outputs.reveal(TITLE)
    explorer.update(**settings)
    if plan is not None:
        explorer.select(row_of(explorer, **plan))
    assert status_of(panel).strip().startswith("The load of this plan is not simulated: ")
    assert words in status_of(panel)
    assert explorer.load_curve is None
    assert panel._drawing.layout.display == "none"
    assert "load_curve(" not in explorer.to_code()


@pytest.mark.parametrize(
    ("settings", "plan", "asked_of_core", "words"),
    [
        ({}, {"pp": 2, "tp": 2}, {"tp": 2, "pp": 2}, "One replica of TP 2, PP 2 on H100_80GB"),
        (
            {"model": "mixtral_8x7b", "precision": "fp8"},
            {"attention_dp": 2, "pp": 1, "tp": 1},
            {"tp": 1, "ep": 2, "attention_dp": 2},
            "One replica of TP 1, EP 2, DP 2 on H100_80GB",
        ),
        (
            {"prefix_hit_rate": 0.5, "lora_adapters": 4},
            {"tp": 2},
            {"tp": 2, "prefix_hit_rate": 0.5, "lora_adapters": 4},
            "(Poisson); 50 % of the prompt cached; 4 LoRA adapters of rank 16.",
        ),
    ],
)
def test_pipelines_attention_replicas_and_techniques_are_simulated(
    explorer: ParetoExplorer,
    settings: dict[str, Any],
    plan: dict[str, int],
    asked_of_core: dict[str, Any],
    words: str,
) -> None:
    explorer.update(**settings)
    explorer.select(row_of(explorer, **plan))
    panel = explorer.outputs.reveal(TITLE)
    own = load_curve(
        explorer.model, "H100_80GB", ttft_limit_s=0.3, **ASKED | {"precision": explorer.precision},
        **asked_of_core,
    )  # fmt: skip
    pd.testing.assert_frame_equal(explorer.load_curve, own)
    assert words in status_of(panel)
    scope: dict[str, Any] = {}
    exec(explorer.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["curve"], own)


def test_what_the_core_refuses_is_said(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no room for a request of 2,000 <tokens>")

    monkeypatch.setattr(load_question, "load_curve", refuse)
    panel = explorer.outputs.reveal(TITLE)
    assert "not simulated: no room for a request of 2,000 <tokens>." in status_of(panel)
    assert "<tokens>" not in panel.status.value


def test_names_are_text(explorer: ParetoExplorer) -> None:
    panel = explorer.outputs.reveal(TITLE)
    explorer.hardware = find_hardware("H100_80GB").replace(name="<img src=x>")
    assert "on <img src=x>, simulated" in status_of(panel)
    assert "<img" not in panel.status.value


def test_a_chunk_is_the_budget_of_a_step(
    explorer: ParetoExplorer, asked: list[dict[str, Any]]
) -> None:
    explorer.prefill_chunk_tokens = 512
    explorer.outputs.reveal(TITLE)
    assert asked[-1]["prefill_chunk_tokens"] == 512


def test_the_finder_shows_the_plan_on_the_fewest_devices(finder: SloFinder) -> None:
    finder.load_fold.reveal()
    first = finder.df.iloc[0]
    own = load_curve(
        "llama3_8b", first["hardware"], tp=int(first["tp"]), tpot_limit_s=0.03, **ASKED
    )
    pd.testing.assert_frame_equal(finder.load_curve, own)
    assert f"on {first['hardware']}" in status_of(finder.load_panel)
    asked_each = 60 / first["replicas"]
    assert f"asked of each replica: {asked_each:.3g}" in finder.load_panel._legend.value
    finder.load_latency = "tpot"
    assert "p99 of TPOT stays within 30.0 ms up to" in status_of(finder.load_panel)
    finder.tpot_limit_ms = 0.01
    assert "there is no plan that fits" in status_of(finder.load_panel)
    assert finder.load_curve is None


def test_the_code_gives_the_same_curve(explorer: ParetoExplorer, finder: SloFinder) -> None:
    explorer.update(price_per_hour=3.0, memory_fraction=0.8)
    explorer.select(row_of(explorer, tp=4))
    listing = explorer.outputs.reveal("Python code")
    explorer.outputs.reveal(TITLE)
    finder.load_fold.reveal()
    for shown in (explorer, finder):
        scope: dict[str, Any] = {}
        exec(shown.to_code(), scope)  # noqa: S102 - what it is for
        pd.testing.assert_frame_equal(scope["curve"], shown.load_curve)
        pd.testing.assert_frame_equal(scope["df"], shown.df)
    assert "memory_fraction=0.8" in explorer.to_code().partition("curve = ")[2]
    assert "curve = load_curve(" in listing.code.value
    explorer.outputs.buttons[TITLE].value = False
    assert "load_curve(" not in listing.code.value


def test_percentile_and_latency_are_settings(explorer: ParetoExplorer, asked: list[Any]) -> None:
    panel = explorer.outputs.reveal(TITLE)
    seen: list[str] = []
    explorer.observe(lambda change: seen.append(change["new"]), "load_percentile")
    panel.fields["load_percentile"].dropdown.value = "p90"
    panel.fields["load_latency"].buttons.value = "e2e"
    assert (seen, explorer.load_percentile, explorer.load_latency) == (["p90"], "p90", "e2e")
    assert status_of(panel).strip().startswith("p90 of end-to-end latency is")
    explorer.load_percentile = "mean"
    assert panel.fields["load_percentile"].dropdown.value == "mean"
    assert status_of(panel).strip().startswith("Mean end-to-end latency is")
    assert len(asked) == 1
    with pytest.raises(TraitError, match="did you mean 'p99'"):
        explorer.load_percentile = "p999"
    with pytest.raises(TraitError, match="load_latency must be one of 'ttft', 'tpot', 'e2e'"):
        explorer.update(load_latency="itl")
    again = ParetoExplorer.from_config(explorer.to_config())
    assert (again.load_percentile, again.load_latency) == ("mean", "e2e")
    again.close()
    assert list(panel.fields["load_latency"].buttons._options_labels) == [
        "TTFT", "TPOT", "end to end",
    ]  # fmt: skip
    for field in panel.fields.values():
        assert field.message.tooltip


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
        assert "data:image/png" not in shown._outputs()[-1][0]["text/html"]
    explorer.outputs.reveal(TITLE)
    finder.load_fold.reveal()
    for shown in (explorer, finder):
        stored = shown._outputs()[-1][0]["text/html"]
        assert 'src="data:image/png;base64,iVBOR' in stored
        assert "p99 of TTFT" in stored
        assert "Goodput [requests/s]" in stored
    view = load_view(explorer.load)
    assert view is not None
    told = texts(picture(partial(paint_load, view=view), "svg").decode())
    assert {"p50", "p90", "p99", "limit 300 ms", "overload"} <= {*told}
    assert "Time to the first token [ms]" in told
    assert load_words(view) in " ".join(told)


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def rest(state: Any) -> None:
    await until(lambda: not state.running)


def test_it_blocks_no_change_and_the_last_one_wins(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []

    def slow(*models: Any, **given: Any) -> pd.DataFrame:
        computed.append(given["output_tokens"])
        time.sleep(0.15)
        return load_curve(*models, num_prompts=50, **given)

    monkeypatch.setattr(load_question, "load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        assert explorer.load_curve is None
        assert panel.button.layout.display is None
        assert panel.button.description == "Cancel"
        await asyncio.sleep(0.05)
        for tokens in (61, 62, 63):
            start = time.monotonic()
            explorer.output_tokens = tokens
            assert time.monotonic() - start < 0.14
            assert len(explorer.df) > 0
        await rest(explorer.load)
        assert computed == [60, 63]
        assert panel.button.layout.display == "none"
        assert "63 out" in status_of(panel)
        explorer.output_tokens = 64
        assert "llmcalc-stale" in panel._drawing._dom_classes
        explorer.output_tokens = 63
        assert not explorer.load.running
        assert "llmcalc-stale" not in panel._drawing._dom_classes
        await asyncio.sleep(0.4)
        assert computed == [60, 63]

    asyncio.run(run())


def test_it_can_be_cancelled_and_asked_for_again(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*models: Any, **given: Any) -> pd.DataFrame:
        time.sleep(0.1)
        return load_curve(*models, num_prompts=50, **given)

    monkeypatch.setattr(load_question, "load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        await asyncio.sleep(0.02)
        panel.button.click()
        assert "it was cancelled" in status_of(panel)
        await asyncio.sleep(0.3)
        assert explorer.load_curve is None
        assert panel.button.description == "Simulate"
        panel.button.click()
        await rest(explorer.load)
        assert len(explorer.load_curve) == 12
        explorer.output_tokens = 65
        explorer.outputs.buttons[TITLE].value = False
        assert not explorer.load.running
        await asyncio.sleep(0.4)
        assert explorer.load_curve is None

    asyncio.run(run())


def test_it_says_how_far_it_is_and_cancelling_ends_it(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []

    def slow(*models: Any, progress: Any, **given: Any) -> pd.DataFrame:
        def told(share: float) -> object:
            shares.append(share)
            time.sleep(0.001)
            return progress(share)

        return load_curve(*models, num_prompts=200, progress=told, **given)

    monkeypatch.setattr(load_question, "load_curve", slow)

    async def run() -> None:
        panel = explorer.outputs.reveal(TITLE)
        assert 'value="0.00"' in panel._bar.value
        await until(lambda: explorer.load.share > 0.2)
        assert panel._bar.layout.display is None
        assert f"{explorer.load.share:.0%}".replace("%", " %") in panel._bar.value
        panel.button.click()
        assert panel._bar.layout.display == "none"
        await asyncio.sleep(0.05)
        seen = len(shares)
        await asyncio.sleep(0.1)
        assert len(shares) == seen, "it has ended"
        assert shares[-1] < 0.9
        panel.button.click()
        await rest(explorer.load)
        assert len(explorer.load_curve) == 12

    asyncio.run(run())


def test_a_failure_is_shown_and_raised(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("lost")

    panel = explorer.outputs.reveal(TITLE)
    monkeypatch.setattr(load_question, "load_curve", fail)
    with pytest.raises(KeyError, match="lost"):
        explorer.output_tokens = 66
    assert "the simulation failed: KeyError: 'lost'" in status_of(panel)
    monkeypatch.undo()
    explorer.output_tokens = 67
    assert len(explorer.load_curve) == 12


def test_both_close_what_they_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=1, stage="serving", **ASKED
    )
    finder = SloFinder(model="llama3_8b", hardware="H100_80GB", devices=1, **ASKED)
    explorer.outputs.reveal(TITLE)
    finder.load_fold.reveal()
    explorer.stage = "decode"
    explorer.close()
    finder.close()
    assert set(ipywidgets.widgets.widget._instances) == before
