"""The keyboard in a notebook that is in command mode, where Jupyter binds plain keys of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chart import figure
from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
explorer
"""


def test_keys_are_the_explorers_while_it_has_the_focus(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    chart = figure(page)
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Escape")
    expect(page.locator(".jp-Notebook.jp-mod-commandMode")).to_have_count(1)
    slider = page.locator(".llmcalc-field").filter(has_text="Devices").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    said = page.get_by_role("status").filter(has_text="elected")
    expect(chart).to_have_attribute("role", "application")
    with notebook.kernel() as kernel:
        notebook.wait_until(lambda: kernel.read("explorer.devices") == 10, "the slider to move")
        front = kernel.read("explorer.front.index")
    chart.focus()
    page.keyboard.press("Home")
    expect(said).to_contain_text(f"1 of {len(front)} on the front")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text(f"2 of {len(front)} on the front")
    with notebook.kernel() as kernel:
        assert kernel.read("explorer.selected_row") == front[1]
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("No plan selected")
    expect(page.locator(".jp-Cell")).to_have_count(1)


def test_arrows_move_from_row_to_row_and_from_page_to_page(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    page.get_by_role("button", name="Table of plans").click()
    rows = page.get_by_role("radiogroup", name="Plans").get_by_role("radio")
    expect(rows).to_have_count(25)
    with notebook.kernel() as kernel:
        order = kernel.read("explorer.outputs.parts['Table of plans']._order")
        rows.nth(23).focus()
        for key, at in (("Space", 23), ("ArrowDown", 24), ("ArrowDown", 25), ("ArrowUp", 24)):
            page.keyboard.press(key)
            notebook.wait_until(
                lambda at=at: kernel.read("explorer.selected_row") == order[at], f"row {at}"
            )
            expect(rows.nth(at % 25)).to_be_focused()
            expect(rows.nth(at % 25)).to_be_checked()
