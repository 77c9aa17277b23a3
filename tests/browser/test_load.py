"""Load curves in JupyterLab: opened by keyboard, drawn, and looked at in another way."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from llmcalc_widgets.panels.load import TITLE
from tests.browser.conftest import OpenNotebook
from tests.browser.page import DARK, LIGHT

pytestmark = pytest.mark.browser

MAKE = """
from IPython.display import display
from llmcalc_widgets import ParetoExplorer, SloFinder
asked = {"model": "llama3_8b", "devices": 2, "input_tokens": 500, "output_tokens": 60,
         "ttft_limit_ms": 300}
explorer = ParetoExplorer(hardware="H100_80GB", phase="serving", batch_max=64, **asked)
finder = SloFinder(hardware="H100_80GB", requests_per_s=60, **asked)
display(explorer, finder)
"""


def test_it_is_drawn_and_follows(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    part = page.locator(".llmcalc-load").first
    expect(part).to_have_count(0)
    page.get_by_role("button", name=TITLE).first.focus()
    page.keyboard.press("Enter")
    chart = part.locator(".bqplot.figure")
    expect(chart).to_be_visible()
    status = part.get_by_role("status").last
    expect(status).to_contain_text("p99 of TTFT stays within 300 ms up to")
    expect(chart).to_contain_text("Time to the first token [ms]")
    expect(part.locator(".llmcalc-legend")).to_contain_text("limit 300 ms")

    part.get_by_role("button", name="end to end").click()
    expect(chart).to_contain_text("Time from request to last token [s]")
    part.get_by_label("Percentile").select_option("mean")
    expect(status).to_contain_text("Mean end-to-end latency is")
    part.get_by_text("As a table").click()
    expect(part.get_by_role("row")).to_have_count(13)

    before = status.inner_text()
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.load_percentile, len(explorer.load_curve)]") == ["mean", 12]
        kernel.run("explorer.output_tokens = 120")
        expect(status).not_to_have_text(before)
        expect(part).to_contain_text("120 out")
        kernel.run("explorer.phase = 'decode'")
        expect(status).to_contain_text("in phase serving only, not in decode")
        expect(chart).to_be_hidden()
        kernel.run("explorer.phase = 'serving'")
    expect(chart).to_be_visible()

    page.get_by_role("button", name=TITLE).nth(1).click()
    found = page.locator(".llmcalc-load").nth(1)
    expect(found.locator(".bqplot.figure")).to_be_visible()
    expect(found.locator(".llmcalc-legend")).to_contain_text("asked of each replica")
    for theme in (LIGHT, DARK):
        notebook.set_theme(theme)
        results = Axe().run(page, context=".llmcalc-load").response
        grave = [one for one in results["violations"] if one["impact"] in {"serious", "critical"}]
        assert grave == []
    with notebook.kernel() as kernel:
        kernel.run("explorer.close(); finder.close()")
    expect(page.locator(".llmcalc-load")).to_have_count(0)


LONG = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama3_8b", hardware="H100_80GB", devices=1, phase="serving", output_tokens=60_000)
explorer
"""


def test_a_long_simulation_says_how_far_it_is_and_is_cancelled(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([LONG])
    page = notebook.page
    page.get_by_role("button", name=TITLE).click()
    part = page.locator(".llmcalc-load")
    bar = part.get_by_role("progressbar", name="Simulated")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("value", re.compile(r"0\.(0[1-9]|[1-9]\d)"))
    part.get_by_role("button", name="Cancel").click()
    expect(part.get_by_role("status").last).to_contain_text("it was cancelled")
    expect(bar).to_be_hidden()
    expect(part.get_by_role("button", name="Simulate")).to_be_visible()
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.load.running, explorer.load_curve is None]") == [False, True]
        kernel.run("explorer.close()")
    expect(page.locator(".llmcalc-load")).to_have_count(0)
