"""The table of plans without a browser: what it shows, in which order, and what it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from llmcalc_core import find_hardware, make_request
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.table.columns import COLUMNS
from llmcalc_widgets.table.filters import matching
from llmcalc_widgets.table.table import PAGE, PlanTable, figures_table

NAME = "Table of plans"
DECODE = make_request("llama2_7b", "H100_80GB", 1)
SHOWN = [column for column in COLUMNS if column.there(DECODE)]
KEYS = [column.key for column in SHOWN[1:]]


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="mixtral_8x7b", devices=16, tpot_limit_ms=30, phase="decode")
    yield made
    made.close()


@pytest.fixture
def table(explorer: ParetoExplorer) -> PlanTable:
    opened = explorer.outputs.reveal(NAME)
    assert isinstance(opened, PlanTable)
    return opened


def shown(table: PlanTable) -> list[list[str]]:
    """Cells of the figures, row by row."""
    rows = re.findall("<tr>(.*?)</tr>", table._figures.value)[1:]
    return [re.findall("<td>(.*?)</td>", row) for row in rows]


def press(table: PlanTable, heading: str) -> None:
    next(head for head in table.heads.children if head.description.startswith(heading)).click()


def column(table: PlanTable, key: str) -> list[float]:
    return [float(row[KEYS.index(key)].replace(",", "")) for row in shown(table)]


def test_nothing_is_made_before_it_is_opened_or_kept_up_while_shut(explorer):
    assert explorer.outputs.parts == {}
    table = explorer.outputs.reveal(NAME)
    before = table._figures.value
    explorer.outputs.buttons[NAME].value = False
    explorer.devices = 8
    assert table._figures.value == before
    assert table.layout.display == "none"
    assert explorer.outputs.reveal(NAME) is table
    assert set(column(table, "devices")) == {8}


def test_a_drawer_has_a_name(explorer):
    with pytest.raises(ValueError, match=NAME):
        explorer.outputs.reveal("tabel")


def test_it_starts_with_the_best_and_counts(explorer, table):
    rates = column(table, "per_device")
    assert len(rates) == len(table.plans.options) == PAGE
    assert rates == sorted(rates, reverse=True)
    best = explorer.df.loc[explorer.df["rejected_for"] == "", "tokens_per_s_per_device"].max()
    assert rates[0] == pytest.approx(best, rel=0.005)
    assert f"1 to {PAGE} of {len(explorer.df)} plans" in table._status.value


def test_figures_are_those_of_the_frame_in_the_unit_of_the_heading(explorer, table):
    row = explorer.df.iloc[table._order[0]]
    units = {"cost": ("cost_usd_per_million_output_tokens", 1),
             "energy": ("energy_j_per_output_token", 1),
             "ttft": ("ttft_s", 1e3), "tpot": ("tpot_s", 1e3),
             "e2e": ("e2e_latency_s", 1),
             "tokens": ("tokens_per_s", 1), "requests": ("requests_per_s", 1),
             "memory": ("device_memory_bytes", 1e-9)}  # fmt: skip
    for key, (name, factor) in units.items():
        assert column(table, key)[0] == pytest.approx(row[name] * factor, rel=0.005)
    heads = [head.description for head in table.heads.children]
    assert heads[:6] == ["Plan", "TP", "PP", "DP", "EP", "Replicas"]


def test_cost_and_energy_are_of_the_stages_tokens_or_unknown(explorer, table):
    explorer.phase = "prefill"
    row = explorer.df.iloc[table._order[0]]
    assert column(table, "cost")[0] == pytest.approx(
        row["cost_usd_per_million_input_tokens"], rel=0.005
    )
    explorer.hardware = find_hardware("H100_80GB").replace(price_per_hour=None, power_watts=None)
    assert {cells[KEYS.index("cost")] for cells in shown(table)} == {"unknown"}
    assert {cells[KEYS.index("energy")] for cells in shown(table)} == {"unknown"}
    press(table, "USD/M tokens")
    assert len(table._order) == len(explorer.df)
    table.filter.value = "cost<1000"
    assert len(table._order) == 0


def test_a_heading_sorts_and_again_turns_the_order_with_rejected_plans_last(explorer, table):
    press(table, "TPOT")
    falling = table._order
    press(table, "TPOT")
    rising = table._order
    frame = explorer.df
    kept = int((frame["rejected_for"] == "").sum())
    times = frame["tpot_s"].to_numpy()
    assert (frame["rejected_for"].to_numpy()[rising[:kept]] == "").all()
    for part in (slice(None, kept), slice(kept, None)):
        assert (np.diff(times[rising[part]]) >= 0).all()
        assert (np.diff(times[falling[part]]) <= 0).all()
    assert sorted(rising) == list(range(len(frame)))
    assert 'aria-sort="ascending"><span>TPOT [ms]' in table._figures.value
    press(table, "Bound by")
    press(table, "Plan")
    press(table, "Plan")
    assert (np.diff(table._order[:kept]) > 0).all()


def test_the_pager_goes_through_all(explorer, table):
    first, previous, following, last = table.pager.children
    assert (first.disabled, previous.disabled, following.disabled) == (True, True, False)
    seen = list(table.plans.options)
    while not following.disabled:
        following.click()
        seen += table.plans.options
    assert len(seen) == len(set(seen)) == len(explorer.df)
    assert last.disabled
    first.click()
    assert list(table.plans.options) == seen[:PAGE]


def test_a_plan_of_the_table_is_selected_in_the_explorer(explorer, table):
    table.pager.children[2].click()
    table.plans.index = 3
    assert explorer.selected.name == table._order[PAGE + 3]
    assert len(explorer.chart.plot.selected.x) == 1
    assert table.plans.index == 3


def test_what_is_selected_in_the_chart_is_shown_in_the_table(explorer, table):
    row = int(table._order[2 * PAGE + 7])
    explorer.select(row)
    assert table._page == 2
    assert table.plans.index == 7
    explorer.select(None)
    assert table.plans.index is None
    explorer.select(row)
    explorer.batch_max = 128
    at = None if explorer.selected is None else explorer.selected.name
    chosen = table.plans.index
    assert (None if chosen is None else table._order[table._page * PAGE + chosen]) == at


def test_a_brush_shows_its_plans_only(explorer, table):
    explorer._selection.brushed = (3, 5, 8)
    assert sorted(table._order) == [3, 5, 8]
    assert f"3 plans that match in the brush, of {len(explorer.df)} plans" in table._status.value
    explorer._selection.brushed = None
    assert len(table._order) == len(explorer.df)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("tp=4", "tp == 4"),
        ("TP = 4, batch >= 64", "tp == 4 and batch >= 64"),
        ("tpot<12.5 fits", "tpot_s < 12.5e-3 and rejected_for == ''"),
        ("memory<=60;rejected", "device_memory_bytes <= 60e9 and rejected_for != ''"),
        ("front", "on_front"),
        ("pp!=1 free>0", "pp != 1 and memory_headroom_bytes > 0"),
        ("", "tp > 0"),
    ],
)
def test_conditions_mean_what_they_say(explorer, text, query):
    expected = explorer.df.query(query).index
    assert len(expected) > 0
    assert np.flatnonzero(matching(explorer.outputs.view, text)).tolist() == [*expected]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fist", "did you mean 'fits'"),
        ("tpt<3", "did you mean 'tpot'"),
        ("tp=four", "tp must be compared with a number, got 'four'"),
        ("@__import__('os').system('true')", "the filter has no"),
        ("<img>", "the filter has no"),
    ],
)
def test_a_wrong_condition_is_named_and_filters_nothing(explorer, table, text, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        matching(explorer.outputs.view, text)
    table.filter.value = text
    assert "all plans are shown" in table.message.value
    assert "<img" not in table.message.value
    assert len(table._order) == len(explorer.df)
    table.filter.value = "fits"
    assert table.message.value == ""


def test_no_match_is_said(explorer, table):
    table.filter.value = "tp=3"
    assert f"None of {len(explorer.df)} plans matches" in table._status.value
    assert table.plans.options == ()
    assert shown(table) == []


def test_cells_are_text():
    row = ("<img src=x onerror=alert(1)>", *["1"] * len(KEYS))
    headings = {column: column.heading for column in SHOWN}
    assert "<img" not in figures_table([row], headings, "tpot", rising=True)


def test_steps_move_the_selection_in_the_order_of_the_table(explorer: ParetoExplorer) -> None:
    table = explorer.outputs.reveal("Table of plans")
    order = table._order.tolist()
    assert len(order) > 2 * PAGE
    for rows, at in [(1, 0), (1, 1), (-1, 0), (-1, 0), (PAGE, PAGE), (1 << 40, len(order) - 1)]:
        table.step(rows)
        assert explorer.selected_row == order[at]
        assert table._page == at // PAGE
        assert table.plans.index == at % PAGE
    table.filter.value = "tp=1"
    table.step(-(1 << 40))
    assert explorer.selected_row == table._order[0]
    table.filter.value = "tp=3"
    table.step(1)
    assert explorer.selected_row is not None
