"""Fronts beside each other in JupyterLab: pinned ones stay, compared ones follow the form."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chart import figure, steady_points
from tests.browser.conftest import OpenNotebook
from tests.browser.controls import press_button, type_number

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
explorer
"""
SLOW = """
import time
from llmcalc_widgets.runner import evaluations
quick = evaluations.evaluate
def slow(request):
    time.sleep(2)
    return quick(request)
evaluations.evaluate, explorer._runner._seconds_each = slow, 1.0
"""


def compare_with(page: Page, what: str) -> None:
    field = page.locator(".llmcalc-compare").get_by_label("Compare with")
    field.fill(what)
    field.press("Enter")


def test_a_pin_stays_and_a_compared_device_follows(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    bar, rows = page.locator(".llmcalc-compare"), page.locator(".llmcalc-fronts tbody tr")
    best = rows.nth(1).get_by_role("cell").nth(1)
    other = rows.nth(2).get_by_role("cell").nth(1)
    compare_with(page, "H100_80")
    expect(bar.get_by_role("alert")).to_contain_text("mean 'H100_80GB'")
    press_button(page, "Pin this front")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("the same")
    compare_with(page, "H100_80GB")
    expect(rows).to_have_count(3)
    pinned, compared = best.inner_text(), other.inner_text()
    type_number(page, "Output tokens", 2048)
    expect(rows.nth(1)).to_contain_text("times")
    expect(other).not_to_have_text(compared)
    expect(best).to_have_text(pinned)
    labels = figure(page).locator(".curve_label:visible")
    expect(labels.filter(has_text="A")).not_to_have_count(0)
    with notebook.kernel() as kernel:
        assert kernel.read("[[*one] for one in explorer.compared]") == [["hardware"]]
        assert kernel.read("[len(explorer.pins), explorer.output_tokens]") == [1, 2048]
    take_off = bar.get_by_role("button", name="\N{MULTIPLICATION SIGN}")
    take_off.nth(1).click()
    expect(rows).to_have_count(2)
    take_off.click()
    expect(page.locator(".llmcalc-fronts")).to_have_count(0)


def test_what_takes_long_can_be_cancelled(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE], own_kernel=True)
    page = notebook.page
    chart = figure(page)
    before = steady_points(chart, 4)
    with notebook.kernel() as kernel:
        kernel.run(SLOW)
    type_number(page, "Devices", 16)
    waiting = page.locator(".llmcalc-waiting")
    expect(waiting.get_by_role("status")).to_contain_text("Until then all figures are of")
    expect(page.locator(".bqplot.llmcalc-stale")).to_have_count(1)
    waiting.get_by_role("button", name="Cancel").click()
    expect(waiting).not_to_be_visible()
    expect(page.locator(".llmcalc-stale")).to_have_count(0)
    expect(page.locator(".llmcalc-chart h3")).to_contain_text("on 8")
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.devices, int(explorer.df.devices.max())]") == [8, 8]
    page.wait_for_timeout(2_200)
    assert steady_points(chart, 4) == before
