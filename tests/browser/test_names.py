"""Names that are markup: the browser shows them as text everywhere, and runs nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from llmcalc_widgets.panels.load import TITLE
from tests.browser.chart import click_point, figure, loneliest, steady_points
from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="window.hacked=1">'
MAKE = f"""
from dataclasses import replace
from llmcalc_core import find_hardware, find_model
from llmcalc_widgets import ParetoExplorer
name = '''{NASTY}'''
explorer = ParetoExplorer(
    model=replace(find_model("llama2_7b"), model=name),
    hardware=replace(find_hardware("A100_80GB"), name=name),
    devices=2, batch_max=8,
    compared=[{{"hardware": replace(find_hardware("L4"), name=name)}}],
)
explorer.pin(name)
explorer.devices = 4
explorer
"""


def test_a_name_of_markup_is_text_and_runs_nothing(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    chart = figure(page)
    click_point(chart, loneliest(steady_points(chart, 4)))
    expect(page.locator(".llmcalc-tooltip").first).to_be_attached()
    for name in ("Why this plan?", TITLE, "Table of plans", "Python code", "Files"):
        page.get_by_role("button", name=name).click()
    expect(page.locator(".llmcalc-operations")).to_be_visible()
    for part in (".llmcalc-chart h3", ".llmcalc-fronts", ".llmcalc-compare button"):
        expect(page.locator(part).filter(has_text=NASTY).first).to_be_visible()
    page.wait_for_timeout(500)
    assert page.locator(".llmcalc-row img[src=x], .llmcalc-tooltip img").count() == 0
    assert page.evaluate("window.hacked") is None
