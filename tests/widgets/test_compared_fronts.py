"""Fronts side by side: pinned ones stay, compared ones follow, a table says how they differ."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets
import numpy as np
import pytest
from traitlets import TraitError

from llmcalc_core import explore, find_hardware
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.compared_fronts import _apart, _label, ratio_words, reached
from llmcalc_widgets.chart.curves import NO_CURVE
from llmcalc_widgets.chart.ticks import Ends

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="serving")
    yield made
    made.close()


def corners(explorer: ParetoExplorer, place: int) -> list[tuple[float, float]]:
    """Give the distinct corners of a other's line, as values of the axes."""
    lines = explorer.chart.drawing.compared_lines.lines
    at = [
        ends.low * (ends.high / ends.low) ** places[place]
        for ends, places in zip(explorer.chart.drawing.ends, (lines.x, lines.y), strict=True)
    ]
    return [(float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in zip(*at, strict=True)]


def front_of(frame) -> set[tuple[float, float]]:  # type: ignore[no-untyped-def]
    front = frame[frame["on_front"]]
    return {
        (float(f"{1 / tpot:.6g}"), float(f"{rate:.6g}"))
        for tpot, rate in front[["tpot_s", "tokens_per_s_per_device"]].to_numpy()
    }


def test_without_rivals_nothing_is_made(explorer: ParetoExplorer) -> None:
    assert explorer.chart.drawing.compared_lines.lines is None
    assert explorer.chart.compare._table.value == ""


def test_a_pin_stays_while_the_settings_change(explorer: ParetoExplorer) -> None:
    pinned = explorer.df
    explorer.chart.compare.pin_button.click()
    explorer.hardware = "H100_80GB"
    explorer.pin("the best")
    explorer.update(devices=2, precision="fp8")
    assert [pin["name"] for pin in explorer.pins] == ["A", "the best"]
    assert front_of(pinned) <= set(corners(explorer, 0))
    lines, table = explorer.chart.drawing.compared_lines.lines, explorer.chart.compare._table.value
    assert [label.strip() for label in lines.labels[:-1]] == ["A", "the best"]
    assert "hardware A100_80GB instead of H100_80GB" in table
    assert "devices 4 instead of 2" in table
    explorer.chart.compare.chips.children[0].click()
    assert [pin["name"] for pin in explorer.pins] == ["the best"]
    explorer.pins = ()
    assert explorer.chart.compare._table.value == ""
    assert explorer.chart.compare.chips.layout.display == "none"


@pytest.mark.parametrize(
    ("across", "side"), [([0.9, 0.1], "right"), ([0.1, 0.6], "middle"), ([0.1, 0.95], "left")]
)
def test_a_name_stays_inside_the_chart(across: list[float], side: str) -> None:
    label = _label("8-bit weights", (np.array(across), np.array(across)))
    empty = {"right": label[0].isspace(), "left": label[-1].isspace()}
    assert {where for where, moved in empty.items() if moved} == {side} - {"middle"}
    assert label.strip() == "8-bit weights"


def test_what_is_compared_follows_the_form(explorer: ParetoExplorer) -> None:
    search = explorer.chart.compare.search
    search.value = "hardware: H100_80GB"
    search.value = "L4"
    search.value = "workload: chat"
    assert explorer.compared[:2] == ({"hardware": "H100_80GB"}, {"hardware": "L4"})
    assert explorer.compared[2]["output_tokens"] == 1000
    assert search.value == ""
    explorer.input_tokens = 500
    frame = explore("llama2_7b", "H100_80GB", 4, phase="serving", input_tokens=500)
    assert front_of(frame) <= set(corners(explorer, 0))
    assert explorer.chart.drawing.compared_lines.names == ["H100_80GB", "L4", "Chat"]


def test_what_is_compared_is_called_by_what_differs(explorer: ParetoExplorer) -> None:
    explorer.pin("fp8")
    explorer.compared = [
        {"model": "meta-llama/Llama-3.1-8B"},
        {"precision": "fp8"},
        {"hardware": "L4", "devices": 2},
        {"hardware": "L4"},
        {"hardware": "L4"},
    ]
    names = [other.name for other in explorer.outputs.compared]
    assert names == ["fp8", "llama3_8b", "2", "3", "L4", "5"]


def test_names_at_the_ends_of_fronts_are_apart() -> None:
    rising = np.array([0.1, 0.9]), np.array([0.2, 0.8])
    lower = np.array([0.2, 0.9]), np.array([0.25, 0.7])
    curves = _apart([rising, rising, lower], NO_CURVE)
    assert [up[-1] for _, up in curves] == [0.8, 0.2, 0.7]
    # Two names at one height are apart where they are not one above the other.
    first, wide = (np.array([0.6, 0.8]), np.array([0.7, 0.3])), np.array([0.1, 0.75])
    curves = _apart([first, (wide, np.array([0.31, 0.32]))], NO_CURVE)
    assert [across[-1] for across, _ in curves] == [0.8, 0.1]
    # Nor is a name where the recommended plan is.
    kept_free = np.array([0.9]), np.array([0.8])
    assert [up[-1] for _, up in _apart([rising], kept_free)] == [0.2]
    assert _label("front", curves[0]) == "front"
    assert _label("front", curves[1]) == "\N{EM SPACE}" * 3 + "front"


def test_a_price_is_of_the_chosen_device(explorer: ParetoExplorer) -> None:
    explorer.update(phase="decode", x_axis="tpot", y_axis="cost", price_per_hour=9, power_watts=500)
    explorer.compared = [
        {"hardware": "H100_80GB"},
        {"precision": "fp8"},
        {"hardware": "L4", "price_per_hour": 1},
    ]
    used = [other.view.evaluation.request.hardware[0] for other in explorer.outputs.compared]
    h100 = find_hardware("H100_80GB")
    assert [one.price_per_hour for one in used] == [h100.price_per_hour, 9, 1]
    assert [one.power_watts for one in used][:2] == [h100.power_watts, 500]
    assert "price [USD/h] as listed instead of 9" in explorer.chart.compare._table.value
    names: dict[str, object] = {}
    exec(explorer.to_code(), names)  # noqa: S102 - running it is the point
    assert names["df"].equals(explorer.df)
    for other, frame in zip(explorer.outputs.compared, names["others"].values(), strict=True):
        assert frame.equals(other.view.frame)


def test_techniques_are_compared_and_followed(explorer: ParetoExplorer) -> None:
    search = explorer.chart.compare.search
    assert {"prefix hit rate: 0.5", "offload to fit: yes"} <= set(search.options)
    search.value = "prefix hit rate: 0.5"
    search.value = "LoRA adapters: 8; LoRA rank: 64"
    search.value = "prefill chunk [tokens]: none; offload to fit: yes"
    assert explorer.compared == (
        {"prefix_hit_rate": 0.5},
        {"lora_adapters": 8, "lora_rank": 64},
        {"prefill_chunk_tokens": None, "offload_to_fit": True},
    )
    explorer.kv_offload = 0.1
    frame = explore(
        "llama2_7b", "A100_80GB", 4, phase="serving", prefix_hit_rate=0.5, kv_offload=0.1
    )
    assert front_of(frame) <= set(corners(explorer, 0))
    table = explorer.chart.compare._table.value
    assert "prefix hit rate 0.5 instead of 0" in table
    assert "LoRA adapters 8 instead of 0" in table
    assert "offload to fit yes instead of no" in table
    for wrong, says in [("prefix hit rate: 2", "0 to 1"), ("LoRA adapters: yes", "whole number")]:
        search.value = wrong
        assert says in explorer.chart.compare._message.value
    assert len(explorer.compared) == 3


def test_a_wrong_comparison_is_a_message(explorer: ParetoExplorer) -> None:
    search, message = explorer.chart.compare.search, explorer.chart.compare._message
    search.value = "H101"
    assert "H100" in message.value
    assert explorer.compared == ()
    search.value = "B200"
    assert message.value == ""
    for wrong, says in [
        ([{"hardwear": "L4"}], "'hardware'"),
        ([{}], "empty"),
        ("L4", "list of dicts"),
        ([{"devices": 2}] * 13, "at most 12"),
    ]:
        with pytest.raises(TraitError, match=says):
            explorer.compared = wrong
    explorer.pin("A")
    with pytest.raises(TraitError, match="different names"):
        explorer.pin("A")


def test_what_cannot_be_drawn_says_why(explorer: ParetoExplorer) -> None:
    explorer.pin()
    explorer.compared = [{"model": "llama3_405b"}, {"batch_min": 128, "batch_max": 256}]
    explorer.update(phase="decode", batch_max=64)
    table = explorer.chart.compare._table.value
    assert "not drawn: it is of phase serving" in table
    assert "no plan fits and keeps the limits" in table
    explorer.compared = [{"batch_min": 128}]
    assert "batch_min must be at most batch_max" in explorer.chart.compare._table.value


def test_the_table_says_how_much_more_a_front_reaches(explorer: ParetoExplorer) -> None:
    explorer.prefill_chunk_tokens = 2048  # an engine's own budget goes by the device's name
    named = f"A100_80GB {NASTY}"  # so does what its driver keeps
    explorer.compared = [{"hardware": find_hardware("A100_80GB").replace(name=named)}]
    chart = explorer.chart
    (other,) = chart._compared
    assert ratio_words(other.view, chart._view) == "the same"
    assert NASTY not in chart.compare._table.value
    explorer.compared = [{"precision": "fp8"}]
    (other,) = chart._compared
    across = np.array([20.0, 60.0, 1e6])
    frame = explore("llama2_7b", "A100_80GB", 4, phase="serving", precision="fp8")
    fits = frame[frame["rejected_for"] == ""]
    best = [fits["tokens_per_s_per_device"][1 / fits["tpot_s"] >= x].max() for x in across]
    np.testing.assert_allclose(reached(other.view, across), best)
    assert "times" in chart.compare._table.value


def test_axes_show_rivals_too_and_closing_leaves_nothing() -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    explorer = ParetoExplorer(
        model="llama2_7b", hardware="L4", devices=4, compared=[{"hardware": "B200"}]
    )
    lines = explorer.chart.drawing.compared_lines.lines
    assert 0 < lines.x[0].min() < lines.x[0].max() < 1
    assert 0 < lines.y[0].min() < lines.y[0].max() < 1
    assert isinstance(explorer.chart.drawing.ends[0], Ends)
    explorer.pin()
    explorer.compared = ()
    explorer.close()
    assert set(registry) - before == set()


def test_what_tells_by_itself_what_it_is_of_is_taken(explorer: ParetoExplorer) -> None:
    search = explorer.chart.compare.search
    for typed in ("qwen3_8b", "fp8", "sglang", "L4"):
        search.value = typed
    assert explorer.compared == (
        {"model": "qwen3_8b"}, {"precision": "fp8"}, {"engine": "sglang"}, {"hardware": "L4"},
    )  # fmt: skip
    search.value = "zzz"
    assert "zzz" in explorer.chart.compare._message.value
