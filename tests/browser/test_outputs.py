"""What comes out of the explorer in JupyterLab: the drawers below it."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.chart import click_point, figure, loneliest, steady_points
from tests.browser.conftest import OpenNotebook
from tests.browser.controls import press_button

pytestmark = pytest.mark.browser

CANDIDATES = 4
"""Position of the plans in the figure."""
RIGHT = "cells => cells.map(cell => Math.round(cell.getBoundingClientRect().right))"

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
explorer
"""


def test_the_table_and_the_chart_select_the_same_plan(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    press_button(page, "Table of plans")
    table = page.locator(".llmcalc-table")
    expect(table.locator("tbody tr")).to_have_count(25)
    heads, cells = (table.locator(at) for at in (".llmcalc-sheet button", "tr:nth-child(1) td"))
    notebook.wait_until(
        lambda: cells.evaluate_all(RIGHT) == heads.evaluate_all(RIGHT)[1:],
        "the headings to stand above their columns",
    )
    order = "explorer.outputs.parts['Table of plans']._order"
    table.locator("tbody tr").nth(2).locator("td").nth(5).click(force=True)
    expect(table.get_by_role("radio").nth(2)).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(table.get_by_role("radio").nth(3)).to_be_checked()
    with notebook.kernel() as kernel:
        assert kernel.read(f"explorer.selected.name == {order}[3]")
    expect(
        page.locator(".llmcalc-details").get_by_role("columnheader", name="Selected")
    ).to_be_visible()
    field = table.get_by_label("Filter")
    field.fill("tp=1 fits")
    field.press("Enter")
    expect(table.get_by_role("status")).to_contain_text("that match")
    table.get_by_role("button", name="TPOT [ms]").click()
    expect(table.get_by_role("columnheader", name="TPOT [ms]")).to_have_attribute(
        "aria-sort", "descending"
    )
    chart = figure(page)
    point = loneliest(steady_points(chart, CANDIDATES))
    field.fill("")
    field.press("Enter")
    click_point(chart, point)
    chosen = table.locator("label").filter(has=page.locator(":checked"))
    with notebook.kernel() as kernel:
        words = kernel.read("explorer.details.picker.label")
    expect(chosen).to_have_text(words)


def test_files_are_saved(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    press_button(page, "Files")
    press_button(page, "Front (CSV)")
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save").click()
    assert saving.value.suggested_filename.endswith("-8_x_A100_80GB-decode-front.csv")
    saved = pd.read_csv(saving.value.path())
    with notebook.kernel() as kernel:
        assert saved["tpot_s"].tolist() == kernel.read("explorer.front.tpot_s.tolist()")
        kernel.run("explorer.devices = 4")
    expect(page.get_by_role("link", name="Save")).to_have_count(0)


def test_the_code_is_copied_and_runs_in_another_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press_button(page, "Python code")
    page.locator(".llmcalc-listing").get_by_role("button").click()
    expect(page.locator(".llmcalc-listing").get_by_role("button")).to_have_text("Copied")
    code = page.evaluate("navigator.clipboard.readText()")
    with notebook.kernel() as kernel:
        kernel.run(code)
        assert kernel.read("df.equals(explorer.df) and front.equals(explorer.front)")
