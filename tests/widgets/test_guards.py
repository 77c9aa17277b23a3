"""What a widget must not take: settings of others, None, and edits of what it has handed out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

from llmcalc_widgets import (
    HardwareComparer,
    MemoryPlanner,
    ParetoExplorer,
    SloFinder,
    WhatIf,
    Workbench,
)
from llmcalc_widgets.settings.registry import SETTINGS

SAID = {"engine_version": "engine", "memory_fraction": "memory share"}

SMALL: dict[str, Any] = {"model": "llama2_7b"}
APPS = {
    ParetoExplorer: {"hardware": "A100_80GB", "devices": 1, "batch_max": 4},
    MemoryPlanner: {"hardware": "A100_80GB", "devices": 1},
    HardwareComparer: {"hardware": ["A100_80GB"], "devices": 1, "batch_max": 4},
    SloFinder: {"hardware": ["A100_80GB"], "devices": 1},
    WhatIf: {"hardware": "A100_80GB", "devices": 1, "batch_max": 4},
}


@pytest.fixture(params=APPS, ids=lambda app: app.__name__)
def app(request: pytest.FixtureRequest) -> Any:
    made = request.param(**SMALL, **APPS[request.param])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (SloFinder, "phase", "decode"),
        (SloFinder, "stage", "decode"),
        (SloFinder, "price_per_hour", 2.0),
        (MemoryPlanner, "batch_max", 4),
    ],
)
def test_a_setting_of_other_widgets_is_refused(kind: Any, name: str, value: object) -> None:
    made = kind(**SMALL, **APPS[kind])
    before = made.df
    with pytest.raises(AttributeError, match=f"{kind.__name__} has no setting '{name}'; known"):
        setattr(made, name, value)
    assert made.df is before
    made.own_note = "a person's own attribute"
    made.close()


def test_none_is_taken_where_it_means_something_only(app: Any) -> None:
    entries = app.state.entries
    for name in app.known:
        before = getattr(app, name)
        try:
            setattr(app, name, None)
        except TraitError:
            assert getattr(app, name) == before
        else:
            assert name not in entries or entries[name].optional
        assert app.error == ""
    app.set_trait("devices", 2)
    assert app.error == ""


def test_what_is_handed_out_can_be_edited_without_the_widget_noticing(app: Any) -> None:
    shown = app.state.evaluation.frame.copy()
    column = next(name for name in app.df if app.df[name].dtype == np.float64)
    app.df.loc[:, column] = -1.0
    app.df["own"] = 1
    assert app.state.evaluation.frame.equals(shown)
    if isinstance(app, ParetoExplorer):
        app.front.loc[:, "tpot_s"] = -1.0
        assert "-1" not in app.details._table.value
        app.select(0)
        assert app.selected["tpot_s"] == shown["tpot_s"].iloc[0]
        app.x_axis = "ttft"
        assert app.front["tpot_s"].min() > 0


def test_what_it_is_called_is_short(app: Any) -> None:
    assert repr(app).startswith(f"{type(app).__name__}(model=llama2_7b, ")
    assert len(repr(app)) < 120


def test_a_workbench_says_what_its_tabs_share() -> None:
    bench = Workbench(model="llama2_7b", hardware="A100_80GB", devices=1)
    assert repr(bench) == "Workbench(tab='Plans')"
    said = bench.children[0].value
    assert "Tabs share model" in said
    named = said.partition("Phase, load")[0]
    for name, setting in SETTINGS.items():
        if setting.shared and setting.group == "deployment":
            assert SAID.get(name, name) in named
    bench.close()
