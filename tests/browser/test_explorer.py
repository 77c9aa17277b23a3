"""The explorer in JupyterLab, as a person with a mouse and a keyboard meets it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chart import (
    axis_texts,
    brush_around,
    click_point,
    figure,
    filled_area,
    loneliest,
    steady_points,
)
from tests.browser.conftest import OpenNotebook
from tests.browser.controls import choose, control, press_button, type_number
from tests.browser.page import NotebookPage

pytestmark = pytest.mark.browser

BAND, REJECTED, CANDIDATES = 0, 3, 4
"""Positions of marks in the figure."""

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
explorer
"""
NASTY = "<img src=x onerror=window.hacked=1>"
MAKE_NASTY = f"""
from dataclasses import replace
from llmcalc_core import find_hardware, find_model
from llmcalc_widgets import ParetoExplorer
model = replace(find_model("llama2_70b"), model={NASTY!r})
hardware = replace(find_hardware("L4"), name={NASTY!r})
explorer = ParetoExplorer(model=model, hardware=hardware, devices=1, phase="decode")
explorer
"""


@pytest.fixture
def notebook(open_notebook: OpenNotebook) -> NotebookPage:
    return open_notebook([MAKE])


def places(chart: Locator) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in steady_points(chart, CANDIDATES)]


def test_a_slider_moves_the_chart_and_the_table(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    before = places(chart)
    slider = page.locator(".llmcalc-field").filter(has_text="Devices").get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    status = page.get_by_role("status").filter(has_text="plans")
    with notebook.kernel() as kernel:
        notebook.wait_until(lambda: kernel.read("explorer.devices") == 10, "the slider to arrive")
        count = kernel.read("len(explorer.df)")
        assert kernel.read("explorer.df.devices.unique()") == [10]
    expect(status).to_contain_text(f"{count} plans")
    assert places(chart) != before


def test_the_axes_say_what_the_kernel_means(notebook: NotebookPage) -> None:
    chart = figure(notebook.page)
    before = axis_texts(chart)
    choose(notebook.page, "Model", "llama3_405b")
    with notebook.kernel() as kernel:
        notebook.wait_until(lambda: kernel.read("explorer.model") != "llama2_7b", "the model")
        steady_points(chart, REJECTED)
        axes = "[explorer.chart.plot.x_axis, explorer.chart.plot.y_axis]"
        labels = kernel.read(f"[[*axis.tick_labels.values()] for axis in {axes}]")
    assert [sorted(texts) for texts in axis_texts(chart)] == [sorted(texts) for texts in labels]
    assert labels != before


def test_a_click_selects_and_the_background_deselects(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    point = loneliest(steady_points(chart, CANDIDATES))
    click_point(chart, point)
    details = page.locator(".llmcalc-details")
    expect(details.get_by_role("columnheader", name="Selected")).to_be_visible()
    with notebook.kernel() as kernel:
        row = kernel.read(f"int(explorer.chart.drawing.rows['candidates'][{point.index}])")
        assert kernel.read("int(explorer.selected.name)") == row
        words = kernel.read("explorer.details.picker.label")
    tooltip = page.locator(".llmcalc-tooltip").filter(has_text="tokens/s per device")
    expect(tooltip.first).to_contain_text(words)
    for over in page.locator(".bqplot_tooltip_div, .bqplot_mark_tooltip").all():
        expect(over).to_have_css("pointer-events", "none")
    rejected = steady_points(chart, REJECTED)
    assert not {(at.x, at.y) for at in rejected} & set(places(chart))
    box = chart.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 40, box["y"] + box["height"] - 70)
    expect(details.get_by_role("columnheader", name="Selected")).to_have_count(0)
    with notebook.kernel() as kernel:
        assert kernel.read("explorer.selected is None")


def test_serving_has_a_chart_of_its_own(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    before, band = places(chart), filled_area(chart, BAND)
    press_button(page, "serving")
    choose(page, "Engine", "SGLang")
    expect(page.locator(".llmcalc-chart")).to_contain_text("continuous batching, SGLang")
    expect(control(page, "Across").locator("option:checked")).to_have_text("Tokens/s per user")
    assert places(chart) != before
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.request.phase, explorer.request.engine]") == [
            "serving",
            "sglang",
        ]
        columns = ["ttft_low_s", "ttft_high_s", "tpot_low_s", "tpot_high_s"]
        assert kernel.read(f"explorer.df[{columns}].gt(0).all(axis=None)")
        points = kernel.read("len(explorer.front)")
    details = page.locator(".llmcalc-details")
    expect(details.get_by_role("rowheader", name="In flight each")).to_be_visible()
    expect(details.locator(".band").first).to_contain_text("80 %:")
    assert points > 1
    served = filled_area(chart, BAND)
    assert served != band
    assert served.opacity > 0.1
    best = filled_area(chart, BAND, curve=3)  # a line of no length, whose ends are the diamond
    assert served.left < best.left == best.right < served.right
    assert served.top - 1 <= best.top <= served.bottom
    diamond = chart.locator("g:first-child > .curve:nth-child(4) path.line")
    expect(diamond).to_have_css("stroke-width", "15px")
    expect(diamond).to_have_css("stroke-linecap", "square")


def test_the_band_does_not_take_a_click(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    click_point(chart, loneliest(steady_points(chart, CANDIDATES)))
    heading = page.locator(".llmcalc-details").get_by_role("columnheader", name="Selected")
    expect(heading).to_be_visible()
    band = filled_area(chart, BAND)
    page.mouse.click(band.left + 3, band.bottom - 3)
    expect(heading).to_have_count(0)


def test_a_brush_selects_rows(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    press_button(page, "Brush")
    points = sorted(steady_points(figure(page), CANDIDATES), key=lambda at: at.x)[:6]
    brush_around(chart, points)
    expect(page.get_by_text("in the brush")).to_be_visible()
    with notebook.kernel() as kernel:
        rows = kernel.read("explorer.selection.index")
        drawn = kernel.read("explorer.chart.drawing.rows['candidates']")
        assert {drawn[point.index] for point in points} <= set(rows)
        assert len(rows) < kernel.read("len(explorer.df)")
    press_button(page, "Brush")
    expect(page.get_by_text("in the brush")).to_have_count(0)


def test_a_wrong_value_shows_at_its_field(notebook: NotebookPage) -> None:
    page = notebook.page
    chart = figure(page)
    before = places(chart)
    field = control(page, "Devices").locator("input")
    field.fill("a few")
    field.press("Enter")
    expect(page.locator(".llmcalc-form").get_by_role("alert")).to_contain_text("whole number")
    assert places(chart) == before
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.devices, explorer.error != '']") == [8, True]
    type_number(page, "Devices", 4)
    expect(page.locator(".llmcalc-form").get_by_role("alert")).to_have_count(0)
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.devices, explorer.error]") == [4, ""]


def test_a_model_too_large_says_how_many_devices_would_do(notebook: NotebookPage) -> None:
    page = notebook.page
    type_number(page, "Devices", 1)
    choose(page, "Model", "llama2_70b")
    notice = page.locator(".llmcalc-notice")
    expect(notice).to_contain_text("does not fit on 1 device")
    expect(notice).to_contain_text("devices would do")
    assert steady_points(figure(page), REJECTED)
    choose(page, "Model", "llama2_7b")
    expect(notice).to_have_count(0)


def test_a_name_is_text_not_markup(open_notebook: OpenNotebook) -> None:
    page = open_notebook([MAKE_NASTY]).page
    expect(page.locator(".llmcalc-notice")).to_contain_text(NASTY)
    expect(page.locator(".llmcalc-chart h3")).to_contain_text(NASTY)
    click_point(figure(page), steady_points(figure(page), REJECTED)[0])
    expect(page.locator(".llmcalc-details")).to_contain_text("short per device")
    assert page.locator(".llmcalc img").count() == 0
    assert page.evaluate("window.hacked === undefined")
