"""Pictures of the widgets beside the explorer: they say what the live view says."""

from __future__ import annotations

import base64
import html
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from llmcalc_core import find_hardware, find_model
from llmcalc_widgets import (
    HardwareComparer,
    MemoryPlanner,
    ParetoExplorer,
    PoolPlanner,
    SloFinder,
    WhatIf,
    Workbench,
)
from tests.widgets.test_exports import NASTY, PNG, texts

MAKERS: dict[str, Callable[..., Any]] = {
    "planner": lambda **made: MemoryPlanner(**{"hardware": "L4", "devices": 1, **made}),
    "comparer": lambda **made: HardwareComparer(
        **{"hardware": ["L4", "H100_80GB", "A10G"], "tpot_limit_ms": 40, **made}
    ),
    "finder": lambda **made: SloFinder(**{"hardware": ["L4", "H100_80GB"], **made}),
    "pools": lambda **made: PoolPlanner(**{"hardware": "L4", "devices": 8, **made}),
    "what if": lambda **made: WhatIf(
        **{"hardware": "L4", "devices": 1, "batch_max": 8, **made},
        hardware_changes={"memory_bandwidth": 6e11},
    ),
}


@pytest.fixture(params=MAKERS)
def widget(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = MAKERS[request.param](model="llama3_8b")
    yield made
    made.close()


def shown(widget: Any) -> list[str]:
    """Read what stands in the live drawing."""
    found = re.findall("<text.*?>(.*?)</text>", widget.answer.value)
    return [html.unescape(word) for word in found]


def test_the_picture_has_the_words_of_the_answer(widget: Any) -> None:
    told = " ".join(texts(widget.to_svg()))
    for sentence in widget.words().split(". "):
        assert html.escape(sentence) in widget.answer.value
        assert sentence in told


def test_a_notebook_stores_it_before_the_tables(widget: Any) -> None:
    (live, _), (picture, described), (table, _) = widget._outputs()
    assert base64.b64decode(picture["image/png"]) == widget.to_png()
    assert described["image/png"]["alt"] == live["text/plain"]
    assert widget.words() in live["text/plain"]
    assert "<table" in table["text/html"]
    assert "llmcalc-still below" in table["text/html"]


def test_without_matplotlib_the_tables_are_stored(widget: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'llmcalc-planner\[still\]'"):
        widget.to_png()
    (_, _), (table, _) = widget._outputs()
    assert "llmcalc-still below" not in table["text/html"]


@pytest.mark.parametrize("name", ["comparer", "finder"])
def test_bars_have_the_names_and_words_of_the_live_ones(name: str) -> None:
    widget = MAKERS[name](model="llama3_8b")
    assert len(shown(widget)) == 2 * len(widget.hardware)
    assert set(shown(widget)) <= set(texts(widget.to_svg()))
    widget.close()


def test_memory_is_drawn_to_the_same_axis_with_the_same_marks() -> None:
    planner = MAKERS["planner"](model="llama3_8b")
    told = texts(planner.to_svg())
    assert {"Batch per replica [sequences]", "Memory per device [GB]", "here", "largest"} <= {*told}
    assert str(planner.largest) in told
    assert {*shown(planner)} <= {*told}
    planner.axis = "input_tokens"
    assert "Input tokens of each sequence" in texts(planner.to_svg())
    planner.close()


def test_fronts_before_and_after_are_named() -> None:
    what_if = MAKERS["what if"](model="llama3_8b")
    told = texts(what_if.to_svg())
    live = re.findall("<text.*?>(.*?)</text>", what_if.fronts.value)
    assert {*live} <= {*told}
    assert {"before", "after", "recommended before", "recommended after"} <= {*told}
    what_if.model = "llama3_405b"
    assert "before" not in texts(what_if.to_svg()), "no plan fits"
    what_if.close()


def test_the_workbench_gives_the_open_tab() -> None:
    bench = Workbench(model="llama2_7b", hardware="A100_80GB", devices=1)
    plans = bench.to_png()
    assert plans == bench.parts["Plans"].to_png()
    bench.reveal("Memory")
    assert bench.to_png() == bench.parts["Memory"].to_png() != plans
    assert list(bench._outputs())[1][0]["image/png"] == base64.b64encode(bench.to_png()).decode()
    bench.close()


def test_names_are_text(widget: Any) -> None:
    widget.model = replace(find_model("llama3_8b"), model=NASTY)
    device = replace(find_hardware("L4"), name=NASTY)
    widget.hardware = (device,) if isinstance(widget.hardware, tuple) else device
    assert "onerror" in " ".join(texts(widget.to_svg()))
    assert widget.to_png().startswith(PNG)
    assert "<img" not in list(widget._outputs())[-1][0]["text/html"]


def test_the_live_view_comes_before_the_picture_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1)
    painted: list[bool] = []
    monkeypatch.setattr(explorer, "paint", lambda _: painted.append(True))
    outputs = explorer._outputs()
    assert "application/vnd.jupyter.widget-view+json" in next(outputs)[0]
    assert painted == []
    assert "image/png" in next(outputs)[0]
    assert painted == [True]
    explorer.close()


def test_an_absent_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "llmcalc_widgets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "bqplot" else 1)
    with pytest.raises(
        ImportError, match=r"needs bqplot: pip install 'llmcalc-planner\[widgets\]'"
    ):
        import_module("llmcalc_widgets")


def test_marimo_shows_the_picture_and_the_table(
    widget: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, shown = widget._mime_()
    assert kind == "text/html"
    assert base64.b64encode(widget.to_png()).decode() in shown
    assert "<table" in shown
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "<table" in widget._mime_()[1]
    assert "data:image/png" not in widget._mime_()[1]
