"""The workbench in JupyterLab: each tab shows its own, about the same model."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import Workbench
bench = Workbench(model="llama2_7b", hardware="A100_80GB", devices=2, tpot_limit_ms=50)
bench
"""


def test_each_tab_shows_its_own_when_it_is_opened(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    expect(page.locator(".llmcalc-devices")).to_have_count(0)
    page.get_by_role("tab", name="Devices").click()
    expect(page.locator(".llmcalc-devices")).to_be_visible()
    expect(page.get_by_label("Model").locator("visible=true")).to_have_value("llama2_7b")
    page.get_by_label("Compare").locator("visible=true").select_option("per dollar")
    expect(page.get_by_role("heading", name="Tokens per USD")).to_be_visible()
    page.get_by_role("tab", name="Load").click()
    load = page.get_by_role("textbox", name="Requests/s").locator("visible=true")
    load.fill("25")
    load.press("Enter")
    expect(page.get_by_role("heading", name="Fewest devices for 25 requests/s")).to_be_visible()
