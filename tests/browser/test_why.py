"""Why, in JupyterLab: opened by keyboard, it follows the plan that is chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama2_7b", hardware="A100_80GB", devices=2, batch_max=8, phase="decode"
)
explorer
"""


def test_it_opens_by_keyboard_and_follows_the_plan(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    part = notebook.page.locator(".llmcalc-why")
    table = part.locator(".llmcalc-operations")
    expect(table).to_have_count(0)
    notebook.page.get_by_role("button", name="Why this plan?").focus()
    notebook.page.keyboard.press("Enter")
    expect(table).to_be_visible()
    expect(part.locator("svg.llmcalc-drawing")).to_have_count(2)
    status = part.get_by_role("status")
    before = status.inner_text()
    with notebook.kernel() as kernel:
        kernel.run("explorer.select(0)")
    expect(status).not_to_have_text(before)
    expect(status).to_contain_text("of which")
