"""Tabs that share what they are about, each made when it is opened."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets
import pytest
from traitlets import TraitError

from llmcalc_widgets import MemoryPlanner, ParetoExplorer, SloFinder, Workbench
from llmcalc_widgets.apps.workbench import TABS


@pytest.fixture
def bench() -> Iterator[Workbench]:
    made = Workbench(model="llama2_7b", hardware="A100_80GB", devices=2, tpot_limit_ms=50)
    yield made
    made.close()


def test_a_tab_is_made_when_it_is_opened(bench: Workbench) -> None:
    assert list(bench.parts) == ["Plans"]
    assert isinstance(bench.parts["Plans"], ParetoExplorer)
    bench.tabs.selected_index = 1
    assert list(bench.parts) == ["Plans", "Memory"]
    assert isinstance(bench.parts["Memory"], MemoryPlanner)
    assert bench.tabs.children[1].children == (bench.parts["Memory"],)
    assert bench.tabs.children[2].children == ()
    assert isinstance(bench.reveal("Load"), SloFinder)
    assert bench.tabs.selected_index == 3
    assert len(bench.tabs.titles) == len(bench.tabs.children) == 6


def test_what_is_set_in_one_tab_holds_in_those_opened_next(bench: Workbench) -> None:
    memory = bench.reveal("Memory")
    assert (memory.model, memory.hardware, memory.devices) == ("llama2_7b", "A100_80GB", 2)
    memory.hardware, memory.devices, memory.input_tokens = "H100_80GB", 4, 500
    plans = bench.parts["Plans"]
    assert plans.hardware == "A100_80GB"
    assert bench.reveal("Plans") is plans
    assert (plans.hardware, plans.devices, plans.input_tokens) == ("H100_80GB", 4, 500)
    assert set(plans.df["hardware"]) == {"H100_80GB"}
    plans.tpot_limit_ms, plans.model = 40, "llama3_8b"
    load = bench.reveal("Load")
    assert (load.model, load.tpot_limit_ms, load.input_tokens) == ("llama3_8b", 40, 500)
    load.hardware = ("H200_141GB", "H100_80GB")
    devices = bench.reveal("Devices")
    assert devices.hardware == ("H200_141GB", "H100_80GB")
    assert bench.reveal("Memory").hardware == "H100_80GB"
    assert bench.parts["Memory"].model == "llama3_8b"


def test_fewer_devices_than_a_range_begins_with_end_the_range(bench: Workbench) -> None:
    plans = bench.parts["Plans"]
    plans.devices, plans.devices_min = 8, 4
    bench.reveal("Memory").devices = 2
    bench.reveal("Plans")
    assert (plans.devices, plans.devices_min) == (2, None)
    assert set(plans.df["devices"]) == {2}


def test_a_model_that_cannot_draft_ends_the_drafting() -> None:
    bench = Workbench(model="deepseek_v3", devices=16)
    plans = bench.parts["Plans"]
    plans.speculative_tokens = 1
    bench.reveal("Memory").model = "llama2_7b"
    bench.reveal("Plans")
    assert (plans.model, plans.speculative_tokens, plans.error) == ("llama2_7b", 0, "")
    bench.close()


def test_nothing_hidden_is_computed(bench: Workbench) -> None:
    load = bench.reveal("Load")
    before = load.df
    bench.reveal("Plans").input_tokens = 300
    assert load.df is before
    bench.reveal("Load")
    assert load.df is not before
    assert load.df["input_tokens"][0] == 300


def test_opening_a_tab_where_nothing_changed_computes_nothing(bench: Workbench) -> None:
    before = bench.reveal("Load").df
    bench.reveal("Plans")
    assert bench.reveal("Load").df is before


def test_wrong_settings_and_names_are_refused(bench: Workbench) -> None:
    with pytest.raises(TypeError, match=r"Workbench .*'model'"):
        Workbench(modle="llama2_7b")
    with pytest.raises(TraitError, match="llama"):
        Workbench(model="lama2_7b")
    with pytest.raises(ValueError, match="'Memory'"):
        bench.reveal("memory")


def test_it_closes_what_its_tabs_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    made = Workbench(model="llama2_7b")
    for name in ("Memory", "Devices", "Load", "What if"):
        made.reveal(name)
    made.close()
    assert set(ipywidgets.widgets.widget._instances) == before


@pytest.mark.parametrize("tab", [*TABS])
def test_it_has_the_frame_and_the_code_of_the_open_tab(tab: str) -> None:
    bench = Workbench(model="llama3_8b", hardware="H100_80GB", devices=2)
    part = bench.reveal(tab)
    assert bench.df is part.df
    assert bench.to_code() == part.to_code()
    bench.close()
