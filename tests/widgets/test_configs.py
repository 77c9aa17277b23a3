"""Every widget as a plain dict and back, also of what 0.1.0 wrote."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

import llmcalc_widgets
from llmcalc_core import (
    PRECISIONS,
    find_hardware,
    find_model,
    list_hardware,
    list_models,
    parse_precision,
)
from llmcalc_widgets import (
    HardwareComparer,
    MemoryPlanner,
    ParetoExplorer,
    SloFinder,
    WhatIf,
    Workbench,
)
from llmcalc_widgets.apps.app import _restored, plain
from llmcalc_widgets.settings.load import LOAD_SETTINGS
from llmcalc_widgets.settings.registry import DEFAULTS
from llmcalc_widgets.settings.renamed import RENAMED

OWN = find_hardware("H100_80GB").replace(name="mine", price_per_hour=1.5)

MAKERS: list[Callable[[], Any]] = [
    lambda: MemoryPlanner(model="llama3_8b", hardware=OWN, devices=2, axis="input_tokens", batch=3),
    lambda: HardwareComparer(hardware=[OWN, "L40S"], workload="chat", metric="tokens_per_usd"),
    lambda: WhatIf(
        model="llama3_8b",
        hardware=OWN,
        hardware_changes={"flops": {"fp8": 3e15}},
        model_changes={"num_decoder_layers": 20},
        batch_max=4,
    ),
    lambda: SloFinder(model="llama3_8b", hardware=[OWN, "L40S"], requests_per_s=7, devices=4),
    lambda: SloFinder(
        model="llama3_8b", hardware=[OWN, "L40S"], devices=1, percentile="p90", load_of="L40S"
    ),
    lambda: HardwareComparer(model="llama3_8b", phase="serving", request_rate=3, hardware="L40S"),
    lambda: WhatIf(model="llama3_8b", phase="serving", request_rate=8, request_rate_min=2),
]


WRITTEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "configs_0_1_0.json").read_text(encoding="utf-8")
)
"""What ``to_config`` of version 0.1.0 gave of every widget in several states."""


SETTINGS = (
    DEFAULTS
    | {name: one.default for name, one in LOAD_SETTINGS.items()}
    | {
        "load_of": None,
        "colour_by": "tp",
    }
)
"""What settings are where nothing is said."""


def with_newer(written: Any, given: Any) -> Any:
    """Add the settings that came later, as they are where nothing is said; names are today's."""
    if isinstance(written, list) and isinstance(given, list):
        return [with_newer(one, other) for one, other in zip(written, given, strict=True)]
    if not (isinstance(written, dict) and isinstance(given, dict)):
        return written
    written = {RENAMED.get(name, name): one for name, one in written.items()}
    newer = {name: SETTINGS[name] for name in given if name in SETTINGS and name not in written}
    return newer | {name: with_newer(one, given.get(name)) for name, one in written.items()}


@pytest.mark.parametrize("written", WRITTEN, ids=[one["title"] for one in WRITTEN])
def test_what_0_1_0_wrote_is_read(written: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DeprecationWarning)
        made = getattr(llmcalc_widgets, written["widget"]).from_config(written["config"])
        assert ("stage" in str(written)) == any("use phase" in str(one.message) for one in told)
    given = json.loads(json.dumps(made.to_config()))
    assert given == with_newer(written["config"], given)
    assert written["widget"] == "Workbench" or made.error == ""
    made.close()


@pytest.mark.parametrize("make", MAKERS)
def test_everything_that_is_set_comes_back(make: Callable[[], Any]) -> None:
    made = make()
    config = json.loads(json.dumps(made.to_config()))
    again = type(made).from_config(config)
    assert {name: getattr(again, name) for name in made.known} == {
        name: getattr(made, name) for name in made.known
    }
    pd.testing.assert_frame_equal(again.df, made.df)
    assert again.answer.value == made.answer.value
    assert again.to_config() == config
    made.close()
    again.close()


def test_what_is_no_configuration_is_refused() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    with pytest.raises(ValueError, match="version of a configuration must be 1, got 2"):
        SloFinder.from_config({"version": 2})
    with pytest.raises(TypeError, match="must be a dict"):
        SloFinder.from_config("llama3_8b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="MemoryPlanner has no setting 'batch_max'"):
        MemoryPlanner.from_config({"version": 1, "batch_max": 3})
    with pytest.raises(TypeError, match="configuration has no setting 'tabs'; did you mean 'tab'"):
        Workbench.from_config({"tabs": "Plans"})
    with pytest.raises(ValueError, match=r"one of 'Plans', .*, got 'Plan'"):
        Workbench.from_config({"parts": {"Plan": {}}})
    with pytest.raises(TraitError, match="above 0"):
        Workbench.from_config({"tab": "Load", "parts": {"Load": {"requests_per_s": -1}}})
    assert set(ipywidgets.widgets.widget._instances) == before


def test_a_workbench_comes_back_and_makes_a_tab_when_it_is_opened() -> None:
    bench = Workbench(model="llama2_7b", hardware=OWN, devices=2)
    bench.parts["Plans"].select(3)
    bench.reveal("Load").requests_per_s = 4
    bench.reveal("Devices").metric = "tokens_per_joule"
    memory = bench.reveal("Memory")
    memory.devices, memory.layout = 4, "TP 2 \N{MULTIPLICATION SIGN} PP 2"
    config = json.loads(json.dumps(bench.to_config()))
    again = Workbench.from_config(config)
    assert list(again.parts) == ["Plans", "Memory"]
    assert again.tabs.selected_index == 1
    assert again.to_config() == config
    pd.testing.assert_frame_equal(again.parts["Memory"].df, memory.df)
    assert again.reveal("Load").requests_per_s == 4
    assert again.reveal("Devices").metric == "tokens_per_joule"
    assert again.reveal("Plans").devices == 4
    pd.testing.assert_frame_equal(again.reveal("Load").df, bench.reveal("Load").df)
    bench.close()
    again.close()


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model=find_model("llama2_7b").__class__(**_fields()),
        hardware=find_hardware("A100_80GB").replace(name="mine", price_per_hour=1.5),
        devices=4,
        devices_min=2,
        phase="serving",
        workload="chat",
        y_axis="cost",
        compared=[{"hardware": "L40S"}],
    )
    yield made
    made.close()


def _fields() -> dict[str, object]:
    return dict(_restored({k: v for k, v in plain(find_model("llama2_7b")).items() if k != "type"})
                | {"model": "own"})  # fmt: skip


def test_an_explorer_comes_back_with_its_selected_plan(explorer: ParetoExplorer) -> None:
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
    "settings",
    [
        {},
        {"phase": "prefill", "devices": 16, "batch_max": 1024},
        {"request_rate": 2.5, "percentile": "p95", "engine": "sglang", "ttft_limit_ms": 300},
        {"precision": "fp8", "enforce_eager": True, "engine_version": "0.11", "phase": "serving"},
    ],
    ids=["usual", "prefill", "rate", "engine"],
)
def test_a_line_carries_what_is_set(settings: dict[str, Any]) -> None:
    explorer = ParetoExplorer(model="llama3_8b", **settings)
    again = ParetoExplorer.from_text(explorer.to_text())
    assert again.settings() == explorer.settings()
    assert explorer.outputs.reveal("Files").text.value == explorer.to_text()
    for one in (explorer, again):
        one.close()


def test_a_model_of_ones_own_is_in_no_line(explorer: ParetoExplorer) -> None:
    with pytest.raises(ValueError, match="model, hardware must be known by its name"):
        explorer.to_text()
