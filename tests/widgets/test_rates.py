"""Requests per second in place of requests in flight: the form, its request, words, code, files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import explore, make_request
from llmcalc_widgets import HardwareComparer, ParetoExplorer
from llmcalc_widgets.form.form import RARE
from llmcalc_widgets.panels.load import TITLE
from llmcalc_widgets.settings.registry import DEFAULTS, to_request
from llmcalc_widgets.text.units import number, seconds

PLAN: dict[str, Any] = {"model": "llama3_8b", "hardware": "H100_80GB"}
RATES = ("request_rate_min", "request_rate")
BATCHES = ("batch_min", "batch_max")


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        **PLAN, devices=4, phase="serving", request_rate=10, ttft_limit_ms=500, tpot_limit_ms=30
    )
    made.form.reveal(RARE)
    yield made
    made.close()


def text_of(html: str) -> str:
    return " ".join(
        unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)).split()
    )


def hidden(explorer: ParetoExplorer) -> set[str]:
    return {name for name, one in explorer.form.fields.items() if one.layout.display == "none"}


def test_it_asks_the_core_for_the_rate(explorer: ParetoExplorer) -> None:
    limits = {"ttft_limit_s": 0.5, "tpot_limit_s": 0.03}
    own = explore(**PLAN, devices=4, phase="serving", request_rate=10, **limits)
    pd.testing.assert_frame_equal(explorer.df, own)
    explorer.load_as = "in_flight"
    assert explorer.request.request_rates == ()
    assert "request_rate" not in explorer.df


def test_the_form_shows_the_fields_of_what_is_chosen_and_the_others_keep_their_values() -> None:
    explorer = ParetoExplorer(**PLAN, devices=2, batch_min=2, batch_max=8, phase="decode")
    explorer.form.reveal(RARE)
    choice = explorer.form.fields["load_as"].dropdown
    assert hidden(explorer) == {"load_as", "percentile", *RATES}, "decode: nothing comes or waits"
    explorer.phase = "serving"
    assert hidden(explorer) == {*RATES}
    assert [label for label, _ in choice.options] == ["requests in flight", "requests per second"]
    choice.value = "request_rate"
    assert hidden(explorer) == {*BATCHES}
    assert explorer.request.request_rates == (10.0,)
    explorer.form.fields["request_rate"].text.value = "4"
    explorer.form.fields["request_rate_min"].text.value = "0.5"
    assert explorer.request.request_rates == (0.5, 1.0, 2.0, 4.0)
    choice.value = "in_flight"
    assert explorer.request.batches == (2, 4, 8)
    choice.value = "request_rate"
    assert explorer.form.fields["request_rate"].text.value == "4"
    assert explorer.request.request_rates == (0.5, 1.0, 2.0, 4.0)
    explorer.phase = "prefill"
    assert hidden(explorer) == {"load_as", "percentile", *RATES}
    explorer.close()


@pytest.mark.parametrize("typed", ["0", "-1", "nan", "many", "inf"])
def test_a_wrong_rate_is_a_message_that_goes_when_its_field_does(
    explorer: ParetoExplorer, typed: str
) -> None:
    frame = explorer.df
    field = explorer.form.fields["request_rate"]
    field.text.value = typed
    assert "Must be a number above 0 [requests/s]" in field.message.value
    assert explorer.df is frame
    explorer.form.fields["request_rate_min"].text.value = "11"
    lowest = explorer.form.fields["request_rate_min"].message.value
    assert "Must be at most Requests/s, which is 10, got 11" in lowest
    explorer.form.fields["load_as"].dropdown.value = "in_flight"
    assert explorer.error == ""
    assert field.text.value == "10"


def test_bad_values_are_refused() -> None:
    with pytest.raises(TraitError, match="request_rate must be a number above 0"):
        ParetoExplorer(**PLAN, request_rate=0)
    with pytest.raises(TraitError, match="request_rate_min must be at most request_rate, which is"):
        ParetoExplorer(**PLAN, request_rate_min=20, request_rate=10)
    with pytest.raises(TraitError, match="load_as must be one of 'in_flight', 'request_rate'"):
        ParetoExplorer(**PLAN, load_as="request_rates")
    with pytest.raises(TraitError, match="did you mean 'p95'"):
        ParetoExplorer(**PLAN, percentile="p950")


def test_a_rate_that_is_given_is_what_counts() -> None:
    explorer = ParetoExplorer(**PLAN, devices=1, phase="serving", request_rate=3)
    assert explorer.load_as == "request_rate"
    explorer.update(load_as="in_flight")
    explorer.update(request_rate=5)
    assert explorer.request.request_rates == (5.0,)
    explorer.compared = [{"request_rate": 2}]
    assert explorer.compared[0] == {"request_rate": 2.0, "load_as": "request_rate"}
    explorer.options.compare_with("load given as: requests in flight")
    assert explorer.compared[1] == {"load_as": "in_flight"}
    explorer.close()


def test_percentiles_are_of_what_comes_at_a_rate(explorer: ParetoExplorer) -> None:
    field = explorer.form.fields["percentile"]
    field.dropdown.value = "p95"
    own = explore(
        **PLAN, devices=4, phase="serving", request_rate=10, percentile=0.95, ttft_limit_s=0.5,
        tpot_limit_s=0.03,
    )  # fmt: skip
    pd.testing.assert_frame_equal(explorer.df, own)
    assert not field.dropdown.disabled
    explorer.load_as = "in_flight"
    assert field.dropdown.disabled
    said = "Percentile needs requests per second, as requests of a closed loop have means alone."
    assert text_of(field.message.value) == said
    assert explorer.request.percentile is None
    explorer.load_as = "request_rate"
    assert explorer.request.percentile == 0.95
    explorer.phase = "decode"
    assert explorer.request.percentile is None
    assert explorer.error == ""


def test_words_say_of_which_percentile(explorer: ParetoExplorer) -> None:
    explorer.percentile = "p99"
    assert explorer.chart.plot.x_axis.label == "Time to the first token [ms], p99"
    assert explorer.chart.plot.y_axis.label == "Time per output token [ms], p99"
    assert "10 requests/s; times at p99" in text_of(explorer.chart._head.value)
    best = int(explorer.state.evaluation.recommended)
    explorer.select(best)
    said = text_of(explorer.chart._said.value)
    row = explorer.selected
    assert f"p99 of time per output token: {seconds(row['tpot_s'])}" in said
    assert f"p99 of TTFT: {number(1e3 * row['ttft_s'])} ms" in said
    table = text_of(explorer.details._table.value)
    assert f"First token, p99 {seconds(row['ttft_s'])}" in table
    assert f"mean per token {seconds(row['tpot_mean_s'])}" in table
    assert f"Time per output token {seconds(row['tpot_mean_s'])}" in text_of(
        explorer.details._bars.value
    ), "the parts of the mean sum to the mean"
    why = explorer.outputs.reveal("Why this plan?")
    assert f"{seconds(row['tpot_mean_s'])} per output token in the mean, of which" in text_of(
        why.panel.value
    )
    plans = explorer.outputs.reveal("Table of plans")
    heads = [head.description for head in plans.heads.children]
    assert {"TTFT p99 [ms]", "TPOT p99 [ms]", "Mean TTFT [ms]", "Mean TPOT [ms]"} <= {*heads}
    explorer.tpot_limit_ms = 0.5
    words = text_of(explorer.chart._notice.value)
    assert "500 µs per output token at p99 and 500 ms to the first token at p99" in words
    assert "per output token at p99: TP 4" in words
    assert "over the limit of 500 µs at p99" in text_of(explorer.chart._said.value)
    explorer.options.x_axis = "tokens_per_s_per_user"
    label = "Generated tokens/s per user, p99 of TPOT"
    assert explorer.chart.plot.x_axis.label == label


def test_words_say_at_which_rate(explorer: ParetoExplorer) -> None:
    assert "256 out; 10 requests/s" in text_of(explorer.chart._head.value)
    assert "6 keep up with the requests" in text_of(explorer.chart._status.value)
    best = explorer.df.iloc[explorer.state.evaluation.recommended]
    explorer.select(int(best.name))
    assert best["tpot_s"] == explorer.df["tpot_s"][explorer.df["rejected_for"] == ""].min()
    assert "Recommended: shortest time per output token of the plans that fit" in text_of(
        explorer.details._table.value
    )
    said = text_of(explorer.chart._said.value)
    assert f"at 10 requests/s, {best['batch']} in flight" in said
    assert "TTFT: " in said
    table = text_of(explorer.details._table.value)
    assert "Requests sent 10.0 /s" in table
    assert "Requests served 10.0 /s" in table


def test_what_is_not_served_says_so(explorer: ParetoExplorer) -> None:
    explorer.update(request_rate=60)
    slow = int(explorer.df.index[explorer.df["rejected_for"] == "load"][0])
    explorer.select(slow)
    assert "requests come faster than they are served" in text_of(explorer.chart._said.value)
    table = text_of(explorer.details._table.value)
    assert "longer and longer" in table
    assert "inf" not in table.replace("in flight", "")
    plans = explorer.outputs.reveal("Table of plans")
    assert "overloaded" in plans._figures.value
    assert "\N{INFINITY}" in plans._figures.value
    explorer.request_rate = 900
    most = explorer.df["requests_per_s"].max()
    assert (
        f"Requests come faster than any plan that fits serves them: at 900 requests/s the most is "
        f"{most:.1f}"
    ) in text_of(explorer.chart._notice.value)
    assert explorer.state.evaluation.recommended is None


def test_limits_that_none_keeps_are_told_from_overload(explorer: ParetoExplorer) -> None:
    explorer.update(request_rate=35, tpot_limit_ms=0.5)
    words = text_of(explorer.chart._notice.value)
    assert "No plan that fits in memory meets the limits" in words
    assert "longer and longer" not in words


@pytest.mark.parametrize(
    ("settings", "axes"),
    [
        ({}, ("ttft", "tpot")),
        ({"devices_min": 1}, ("tokens_per_s_per_user", "tokens_per_s_per_device")),
        ({"request_rate_min": 2}, ("tokens_per_s_per_user", "tokens_per_s_per_device")),
        ({"load_as": "in_flight"}, ("tokens_per_s_per_user", "tokens_per_s_per_device")),
    ],
)
def test_plans_that_all_give_as_many_tokens_are_told_apart_by_their_times(
    explorer: ParetoExplorer, settings: dict[str, Any], axes: tuple[str, str]
) -> None:
    explorer.update(**settings)
    assert explorer.outputs.view.names == axes
    fits = explorer.df[explorer.df["rejected_for"] == ""]
    if axes == ("ttft", "tpot"):
        assert np.ptp(fits["tokens_per_s_per_device"]) == 0
    assert set(explorer.front.index) <= set(fits.index)


@pytest.mark.parametrize(
    "settings", [{}, {"request_rate_min": 0.5}, {"devices_min": 1, "percentile": "p90"}]
)
def test_code_and_configuration_give_the_same(
    explorer: ParetoExplorer, settings: dict[str, Any]
) -> None:
    explorer.update(**settings)
    explorer.select(1)
    scope: dict[str, Any] = {}
    exec(explorer.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], explorer.df)
    pd.testing.assert_frame_equal(scope["front"], explorer.front)
    pd.testing.assert_series_equal(scope["selected"], explorer.selected)
    assert "batch=" not in explorer.to_code()
    config = json.loads(json.dumps(explorer.to_config()))
    again = ParetoExplorer.from_config(config)
    pd.testing.assert_frame_equal(again.df, explorer.df)
    assert again.selected_row == 1
    assert again.to_config() == config
    again.close()


def test_a_plan_stays_selected_while_the_rate_changes(explorer: ParetoExplorer) -> None:
    explorer.select(2)
    layout = explorer.selected[["tp", "pp", "replicas"]].tolist()
    in_flight = explorer.selected["batch"]
    explorer.request_rate = 20
    assert explorer.selected[["tp", "pp", "replicas"]].tolist() == layout
    assert explorer.selected["batch"] > in_flight
    explorer.update(request_rate_min=5, request_rate=20)
    explorer.select(int(explorer.df.index[explorer.df["request_rate"] == 10.0][0]))
    explorer.tpot_limit_ms = 25
    assert explorer.selected["request_rate"] == 10.0


def test_the_table_has_a_column_for_the_rate_while_there_is_one(explorer: ParetoExplorer) -> None:
    plans = explorer.outputs.reveal("Table of plans")
    assert all(" at " not in plan for plan in plans.plans.options), "that is a column"
    assert "Sent/s" in [head.description for head in plans.heads.children]
    explorer.update(request_rate_min=5)
    plans._sort("rate", None)
    plans.filter.value = "rate>=10"
    assert len(plans._order) == int((explorer.df["request_rate"] >= 10).sum())
    explorer.load_as = "in_flight"
    assert "Sent/s" not in [head.description for head in plans.heads.children]
    assert "the filter has no 'rate'" in unescape(plans.message.value).lower()


def test_the_load_curve_says_what_is_asked_of_each_replica(explorer: ParetoExplorer) -> None:
    explorer.select(int(explorer.df.index[explorer.df["replicas"] == 2][1]))
    panel = explorer.outputs.reveal(TITLE)
    assert "asked of each replica: 5.00 requests/s" in panel._legend.value


def test_why_a_plan_is_as_it_is(explorer: ParetoExplorer) -> None:
    why = explorer.outputs.reveal("Why this plan?")
    assert "per output token, of which" in text_of(why.panel.value)


def test_devices_are_compared_at_a_rate() -> None:
    comparer = HardwareComparer(
        model="llama3_8b", hardware=["H100_80GB", "L4"], devices=1, request_rate=6,
        input_tokens=1000, output_tokens=200,
    )  # fmt: skip
    page = text_of(comparer.answer.value)
    assert "overloaded" in page
    assert "requests come faster than they are served" in page
    comparer.close()


def test_settings_that_are_hidden_ask_nothing() -> None:
    asked = to_request(DEFAULTS | {"phase": "decode", "load_as": "request_rate"})
    assert asked.request_rates == ()
    assert asked.batches == make_request("llama2_7b", "H100_80GB", 1).batches
