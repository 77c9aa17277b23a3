"""Load curves: nothing while folded, what the core simulates of a plan while open."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import find_hardware, load_curve
from llmcalc_widgets import ParetoExplorer, SloFinder
from llmcalc_widgets.panels.load import TITLE
from llmcalc_widgets.text.plan_words import TIMES
from tests.widgets.load.curves import ASKED, row_of, status_of


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
        ({"phase": "decode"}, None, "requests come and go in phase serving only, not in decode"),
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
        (
            {},
            {"pp": 2, "tp": 2},
            {"tp": 2, "pp": 2},
            "One replica of TP 2 x PP 2 on H100_80GB",
        ),
        (
            {"model": "mixtral_8x7b", "precision": "fp8"},
            {"attention_dp": 2, "pp": 1, "tp": 1},
            {"tp": 1, "ep": 2, "attention_dp": 2},
            "One replica of TP 1 x PP 1 x DP 2 (EP 2) on H100_80GB",
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
    assert words in status_of(panel).replace(TIMES, "x")
    scope: dict[str, Any] = {}
    exec(explorer.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["curve"], own)


def test_what_the_core_refuses_is_said(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no room for a request of 2,000 <tokens>")

    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", refuse)
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
