"""Stills, files and what a notebook stores: what is in them, and that names in them are text."""

from __future__ import annotations

import base64
import gzip
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import find_hardware, find_model
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.export import files

NASTY = "<img src=x onerror=alert(1)> $\\frac{x$ =cmd|'/c' ../../etc"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model="mixtral_8x7b", devices=8, tpot_limit_ms=30, ttft_limit_ms=9000, phase="decode"
    )
    yield made
    made.close()


@pytest.fixture
def nasty() -> Iterator[ParetoExplorer]:
    model = replace(find_model("llama2_7b"), model=NASTY)
    made = ParetoExplorer(model=model, hardware=replace(find_hardware("L4"), name=NASTY), devices=2)
    yield made
    made.close()


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - we have just made it
    found = root.iter("{http://www.w3.org/2000/svg}text")
    return ["".join(node.itertext()).strip() for node in found]


def saved(explorer: ParetoExplorer, name: str) -> tuple[str, bytes]:
    drawer = explorer.outputs.reveal("Files")
    drawer.buttons[name].click()
    found = re.search('download="(.*?)" href="data:[a-z/+]+;base64,(.*?)"', drawer.link.value)
    assert found is not None
    return found[1], base64.b64decode(found[2])


def test_a_still_says_what_the_chart_says(explorer):
    explorer.select(int(explorer.front.index[1]))
    words = texts(explorer.to_svg())
    plot = explorer.chart.plot
    for axis in (plot.x_axis, plot.y_axis):
        assert axis.label in words
        assert set(axis.tick_labels.values()) <= set(words)
    legend = re.findall("</svg>(.*?)</span>", explorer.chart._legend.value)
    assert len(legend) > 5
    assert set(legend) <= set(words)
    assert any(f"{len(explorer.front)} on the front" in word for word in words)


def test_a_still_of_other_axes_or_of_no_plan_names_what_it_has(explorer):
    explorer.update(x_axis="e2e_latency", y_axis="tokens_per_s", tpot_limit_ms=None)
    assert "80 % band" not in texts(explorer.to_svg())
    explorer.update(model="llama3_405b", devices=1)
    words = texts(explorer.to_svg())
    assert "rejected" in words
    assert "front" not in words


def test_a_still_draws_fronts_beside_the_present_one(explorer):
    before = explorer.to_svg()
    explorer.pin(NASTY)
    explorer.hardware = "H200_141GB"
    assert f"front: {NASTY}" in texts(explorer.to_svg())
    assert f"front: {NASTY}" not in texts(before)


def test_a_still_draws_the_points_of_the_chart(explorer):
    svg = explorer.to_svg()
    plot = explorer.chart.plot
    uses = re.findall(r'<use [^>]*?x="([\d.]+)" y="([\d.]+)"', svg)
    drawn = {(round(float(x), 1), round(float(y), 1)) for x, y in uses}
    width, height = 8.4 * 72, 5.6 * 72
    high = 1 - 0.205 - 0.71 / 5.6  # above the legend, below three lines of title
    places = [(mark.x, mark.y) for mark in (plot.candidates, plot.rejected)]
    for right, up in [*places, explorer.chart.drawing.recommended]:
        across = (0.085 + 0.9 * right) * width
        down = (1 - 0.205 - high * up) * height
        wanted = np.round(np.stack([across, down], axis=1), 1)
        near = [min(abs(x - a) + abs(y - b) for a, b in drawn) for x, y in wanted]
        assert max(near) < 0.3


def test_the_same_state_is_the_same_file_in_both_kinds(explorer):
    assert explorer.to_png().startswith(PNG)
    first = explorer.to_png(), explorer.to_svg()
    assert (explorer.to_png(), explorer.to_svg()) == first
    explorer.devices = 4
    assert explorer.to_png() != first[0]


def test_without_matplotlib_it_says_what_to_install(explorer, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'llmcalc-planner\[still\]'"):
        explorer.to_png()
    (_, _), (table, _) = explorer._outputs()
    assert "<table>" in table["text/html"]
    assert "llmcalc-still below" not in table["text/html"], "there is no picture above it to hide"
    drawer = explorer.outputs.reveal("Files")
    drawer.buttons["Chart (PNG)"].click()
    assert "llmcalc-planner[still]" in drawer.link.value


def test_files_hold_the_frames_and_the_pictures(explorer):
    name, content = saved(explorer, "All plans (CSV)")
    assert name == "llmcalc-mistralai_Mixtral_8x7B_v0_1-8_x_H100_80GB-decode-plans.csv"
    exact = {"float_precision": "round_trip"}  # pandas before 3 reads the last digit otherwise
    read = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=["nan"], **exact)
    pd.testing.assert_frame_equal(read[["tp", "batch", "tpot_s", "rejected_for"]],
                                  explorer.df[["tp", "batch", "tpot_s", "rejected_for"]],
                                  check_dtype=False, check_categorical=False)  # fmt: skip
    _, content = saved(explorer, "Front (CSV)")
    assert (
        pd.read_csv(io.BytesIO(content), **exact)["tpot_s"].tolist()
        == explorer.front["tpot_s"].tolist()
    )
    assert saved(explorer, "Chart (PNG)")[1] == explorer.to_png()
    assert saved(explorer, "Chart (SVG)")[1].decode() == explorer.to_svg()


def test_a_name_that_begins_as_a_formula_is_saved_as_text(explorer):
    explorer.model = replace(find_model("llama2_7b"), model="=1+1")
    for kind in ("All plans (CSV)", "Front (CSV)"):
        read = pd.read_csv(io.BytesIO(saved(explorer, kind)[1]))
        assert read["model"].unique().tolist() == ["'=1+1"]


def test_a_large_file_is_compressed_and_a_larger_one_stays_in_the_kernel(explorer, monkeypatch):
    _, plain = saved(explorer, "All plans (CSV)")
    monkeypatch.setattr(files, "PLAIN_MOST", len(plain) - 1)
    name, content = saved(explorer, "All plans (CSV)")
    assert name.endswith("-plans.csv.gz")
    assert gzip.decompress(content) == plain
    assert saved(explorer, "Chart (PNG)")[0].endswith(".png")
    monkeypatch.setattr(files, "LINK_MOST", len(content) - 1)
    drawer = explorer.outputs.reveal("Files")
    drawer.buttons["All plans (CSV)"].click()
    assert "href" not in drawer.link.value
    assert "explorer.df.to_csv(&quot;plans.csv&quot;)" in drawer.link.value


def test_a_link_goes_with_what_it_was_made_of(explorer):
    saved(explorer, "Front (CSV)")
    explorer.devices = 4
    assert explorer.outputs.reveal("Files").link.value == ""


def test_a_notebook_stores_a_picture_and_the_front_after_the_view(explorer):
    (live, _), (picture, described), (table, _) = explorer._outputs()
    view = live["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.model_id
    assert f"{len(explorer.df)} plans" in live["text/plain"]
    assert base64.b64decode(picture["image/png"]) == explorer.to_png()
    assert described["image/png"]["alt"] == live["text/plain"]
    assert table["text/html"].count("<tr>") == len(explorer.front) + 1
    assert "TPOT [ms]" in table["text/html"]


def test_a_closed_explorer_shows_its_name_only():
    made = ParetoExplorer(model="llama2_7b", devices=1, phase="decode")
    made.close()
    ((shown, _),) = made._outputs()
    assert shown == {"text/plain": repr(made)}


def test_names_are_text_wherever_they_go(nasty):
    assert any(NASTY in word for word in texts(nasty.to_svg()))
    assert nasty.to_png().startswith(PNG)
    table, _ = list(nasty._outputs())[-1]
    assert "&lt;img" in table["text/html"]
    assert "<img src=x" not in table["text/html"]
    name, _ = saved(nasty, "All plans (CSV)")
    assert re.fullmatch(r"llmcalc-[A-Za-z0-9_-]+\.csv", name)
    assert len(name) < 255
    assert "<img" not in nasty.outputs.reveal("Files").link.value
    listing = nasty.outputs.reveal("Python code")
    assert "<img" not in listing.code.value
