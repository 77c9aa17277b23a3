"""Requests per second and percentiles in JupyterLab: chosen by hand, drawn, and cancelled."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.controls import choose
from tests.browser.page import DARK, LIGHT

pytestmark = pytest.mark.browser

EXPLORER = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama3_8b", hardware="H100_80GB", devices=4, batch_max=16, ttft_limit_ms=200,
    phase="decode",
)
explorer.form.reveal("More settings")
explorer
"""
FINDER = """
from llmcalc_widgets import SloFinder
finder = SloFinder(
    model="llama3_8b", hardware=["A100_80GB", "H100_80GB"], devices=2, requests_per_s=60,
    input_tokens=500, output_tokens=60, ttft_limit_ms=300)
finder
"""


def test_the_form_takes_a_rate_in_place_of_requests_in_flight(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([EXPLORER])
    page = notebook.page
    form, chart = page.locator(".llmcalc-form"), page.locator(".llmcalc-chart")
    load = form.get_by_label("Load given as")
    expect(load).to_be_hidden()
    form.get_by_role("button", name="serving").click()
    expect(load).to_be_visible()
    expect(form.get_by_role("textbox", name="Requests in flight to")).to_be_visible()
    percentile = form.get_by_label("Limits hold for")
    expect(percentile).to_be_disabled()
    expect(form).to_contain_text("Percentile needs requests per second")

    choose(page, "Load given as", "requests per second")
    expect(form.get_by_role("textbox", name="Requests in flight to")).to_be_hidden()
    expect(chart).to_contain_text("10 requests/s")
    expect(chart.locator(".bqplot.figure")).to_contain_text("Time to the first token [ms]")
    expect(percentile).to_be_enabled()
    choose(page, "Limits hold for", "p95")
    expect(chart.locator(".bqplot.figure")).to_contain_text("Time to the first token [ms], p95")
    expect(page.locator(".llmcalc-details")).to_contain_text("First token, p95")
    form.get_by_role("slider", name="Requests/s", exact=True).press("ArrowRight")
    expect(chart).to_contain_text("15 requests/s")
    rate = form.get_by_role("textbox", name="Requests/s", exact=True)
    rate.fill("900")
    rate.press("Enter")
    expect(chart.get_by_role("alert")).to_contain_text("Requests come faster than any plan")
    rate.fill("0")
    rate.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Must be a number above 0 [requests/s]")
    choose(page, "Load given as", "requests in flight")
    expect(form.get_by_role("alert")).to_have_count(0)
    expect(form.get_by_role("textbox", name="Requests in flight to")).to_have_value("16")

    choose(page, "Load given as", "requests per second")
    with notebook.kernel() as kernel:
        assert kernel.read("[explorer.request.percentile, *explorer.request.request_rates]") == [
            0.95,
            900.0,
        ]
        for theme in (LIGHT, DARK):
            notebook.set_theme(theme)
            found = Axe().run(page, context=".llmcalc-form").response["violations"]
            assert [one for one in found if one["impact"] in {"serious", "critical"}] == []
        kernel.run("explorer.close()")
    expect(page.locator(".llmcalc-form")).to_have_count(0)


def test_a_percentile_is_simulated_in_sight(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([FINDER])
    page = notebook.page
    answer = page.locator(".llmcalc-row")
    expect(answer).to_contain_text("Times are means")
    choose(page, "Limits hold for", "p99")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(answer).to_contain_text("p99 of TTFT [ms]", timeout=60_000)
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(answer).to_contain_text("with the limits kept at p99")
    choose(page, "Limits hold for", "p50")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Limits hold for")).to_have_value("p99")
    expect(answer).to_contain_text("with the limits kept at p99")

    answer.get_by_role("button", name="Load: latency").click()
    expect(page.locator(".llmcalc-load .bqplot.figure")).to_be_visible(timeout=60_000)
    choose(page, "Load curve of", "A100_80GB")
    expect(page.locator(".llmcalc-load")).to_contain_text("on A100_80GB, simulated", timeout=60_000)
    with notebook.kernel() as kernel:
        assert kernel.read("[finder.percentile, finder.load_of]") == ["p99", "A100_80GB"]
        kernel.run("finder.close()")
    expect(page.locator(".llmcalc-form")).to_have_count(0)
