"""An explorer as a plain dict, and its traits linked with other widgets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import (
    PRECISIONS,
    find_hardware,
    find_model,
    list_hardware,
    list_models,
    parse_precision,
)
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.apps.config import _restored, plain


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model=find_model("llama2_7b").__class__(**_fields()),
        hardware=find_hardware("A100_80GB").replace(name="mine", price_per_hour=1.5),
        devices=4,
        devices_min=2,
        stage="serving",
        workload="chat",
        y_axis="cost",
        compared=[{"hardware": "L40S"}],
    )
    yield made
    made.close()


def _fields() -> dict[str, object]:
    return dict(_restored({k: v for k, v in plain(find_model("llama2_7b")).items() if k != "type"})
                | {"model": "own"})  # fmt: skip


def test_everything_that_is_set_comes_back(explorer: ParetoExplorer) -> None:
    explorer.pin()
    explorer.select(5)
    config = json.loads(json.dumps(explorer.to_config()))
    again = ParetoExplorer.from_config(config)
    assert {name: getattr(again, name) for name in ParetoExplorer.known} == {
        name: getattr(explorer, name) for name in ParetoExplorer.known
    }
    pd.testing.assert_frame_equal(again.df, explorer.df)
    pd.testing.assert_frame_equal(again.front, explorer.front)
    pd.testing.assert_series_equal(again.selected, explorer.selected)
    assert again.to_config() == explorer.to_config()
    assert again.chart.compare._table.value == explorer.chart.compare._table.value
    again.close()


def test_a_part_of_a_config_is_enough_and_nonsense_is_refused() -> None:
    explorer = ParetoExplorer.from_config({"model": "llama2_7b", "selected": {"tp": 99}})
    assert explorer.selected is None
    explorer.close()
    with pytest.raises(TypeError, match="'model'"):
        ParetoExplorer.from_config({"modle": "llama2_7b"})
    with pytest.raises(ValueError, match="'Hardware'"):
        ParetoExplorer.from_config({"hardware": {"type": "Hardwar", "name": "mine"}})
    with pytest.raises(TraitError, match="known: tpot"):
        ParetoExplorer.from_config({"x_axis": 3})


def test_every_model_device_and_precision_survives() -> None:
    objects = [
        *map(find_model, list_models()),
        *map(find_hardware, list_hardware()),
        *map(parse_precision, PRECISIONS),
    ]
    for one in objects:
        assert _restored(json.loads(json.dumps(plain(one)))) == one


@pytest.mark.parametrize(
    ("trait", "widget", "value"),
    [
        ("model", ipywidgets.Dropdown(options=["llama2_7b", "llama2_13b"]), "llama2_13b"),
        ("hardware", ipywidgets.Text("H100_80GB"), "L40S"),
        ("tpot_limit_ms", ipywidgets.FloatText(20), 30.0),
        ("stage", ipywidgets.Dropdown(options=["decode", "serving"]), "serving"),
        ("x_axis", ipywidgets.Dropdown(options=["tpot", "ttft"]), "ttft"),
        ("workload", ipywidgets.Dropdown(options=["chat", "batch"]), "batch"),
        ("selected_row", ipywidgets.IntText(0), 2),
    ],
)
def test_scalar_traits_link_both_ways(
    trait: str, widget: ipywidgets.DOMWidget, value: object
) -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=2)
    first = widget.value
    link = ipywidgets.link((widget, "value"), (explorer, trait))
    assert getattr(explorer, trait) == first
    seen: list[object] = []
    explorer.observe(lambda change: seen.append(change["new"]), trait)
    setattr(explorer, trait, value)
    assert widget.value == value
    widget.value = first
    assert seen == [value, first]
    link.unlink()
    explorer.close()


def test_the_selected_row_selects_and_follows(explorer: ParetoExplorer) -> None:
    explorer.selected_row = 3
    assert explorer.selected.name == 3
    explorer.select(4)
    assert explorer.selected_row == 4
    with pytest.raises(TraitError, match="from 0 to"):
        explorer.selected_row = len(explorer.df)
    explorer.selected_row = None
    assert explorer.selected is None
