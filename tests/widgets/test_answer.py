"""The answer card and the question that an explorer opens with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import numpy as np
import pytest

from llmcalc_core import launch
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.text.plan_words import layout_words
from llmcalc_widgets.text.units import number, seconds


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer()
    yield made
    made.close()


def card(explorer: ParetoExplorer) -> str:
    """Give the words of the card."""
    return unescape(re.sub(r"<[^>]*>", " ", explorer.answer.card.value))


def command(explorer: ParetoExplorer) -> str:
    """Give what its button copies."""
    found = re.search("<textarea.*?>(.*?)</textarea>", explorer.answer.card.value, re.DOTALL)
    return "" if found is None else unescape(found[1])


def test_it_opens_with_how_few_devices_serve_chat_at_a_rate(explorer: ParetoExplorer) -> None:
    request = explorer.request
    assert (request.phase, request.request_rates) == ("serving", (10.0,))
    assert request.devices == (1, 2, 4, 8)
    assert explorer.workload == "chat"
    assert (request.ttft_limit_s, request.tpot_limit_s) == (0.45, 0.04)


@pytest.mark.parametrize(
    ("given", "load", "workload"),
    [
        ({"phase": "decode"}, "in_flight", None),
        ({"phase": "serving"}, "in_flight", None),
        ({"batch_max": 64}, "in_flight", None),
        ({"request_rate": 3}, "request_rate", None),
        ({"input_tokens": 700}, "request_rate", None),
        ({"workload": "batch"}, "request_rate", "batch"),
        ({"devices": 4, "precision": "fp8"}, "request_rate", "chat"),
    ],
)
def test_what_is_given_of_the_question_is_not_changed(given, load, workload) -> None:
    explorer = ParetoExplorer(model="llama3_8b", **given)
    assert (explorer.load_as, explorer.workload) == (load, workload)
    for name, value in given.items():
        assert getattr(explorer, name) == value
    explorer.close()


def test_the_card_has_the_recommended_plans_figures_with_bands_and_basis(explorer) -> None:
    row = explorer.recommended
    words = card(explorer)
    assert words.split()[0] == "Recommended"
    for said in (
        layout_words(row),
        seconds(row["ttft_s"]),
        seconds(row["tpot_s"]),
        number(row["tpot_low_s"] * 1e3),
        number(row["tpot_high_s"] * 1e3),
        number(row["cost_usd_per_hour"]),
        number(row["cost_usd_per_million_tokens"]),
        f"times {row['basis']}",
    ):
        assert said in words
    assert words.count("cloud price") == 2  # beside each USD


def test_its_command_is_what_launch_writes(explorer: ParetoExplorer) -> None:
    row = explorer.recommended
    assert command(explorer) == str(launch(explorer.request, row))
    explorer.select(int(explorer.front.index[-1]))
    assert card(explorer).split()[0] == "Selected"
    assert command(explorer) == str(launch(explorer.request, explorer.selected))


def test_a_plan_that_an_engine_cannot_start_says_why(explorer: ParetoExplorer) -> None:
    rows = explorer.df
    odd = rows[(rows["ep"] > 1) & (rows["ep"] < rows["tp"] * rows["attention_dp"])]
    assert len(odd)
    explorer.select(int(odd.index[0]))
    assert command(explorer) == ""
    assert "no command" in card(explorer)


def test_without_a_plan_it_says_what_would_help(explorer: ParetoExplorer) -> None:
    explorer.update(model="llama3_405b", devices=1)
    assert explorer.recommended is None
    assert "No plan" in card(explorer)
    assert "devices would do" in card(explorer)
    explorer.update(phase="prefill", model="llama3_8b", load_as="in_flight")
    assert "prompts, cloud price" in card(explorer)


def test_the_cost_axis_orders_plans_as_the_objective_does(explorer: ParetoExplorer) -> None:
    for load in ("request_rate", "in_flight"):
        explorer.update(load_as=load, y_axis="cost", x_axis="tpot", tpot_limit_ms=None,
                        ttft_limit_ms=None)  # fmt: skip
        paid = explorer.df["cost_usd_per_hour"].astype(float) / explorer.df["requests_per_s"]
        shown = explorer.chart._view.values[1]
        assert np.allclose(shown / paid, shown[0] / paid[0], rtol=1e-6)
