"""Readers without a kernel see a picture and a table; who has the live view does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import WINDOW, OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4)
explorer
"""

PLANNER = """
from llmcalc_widgets import MemoryPlanner
planner = MemoryPlanner(model="llama2_7b", hardware="A100_80GB", devices=1)
planner
"""


def picture_and_table(page: Page) -> tuple[Locator, Locator]:
    return page.locator(".jp-RenderedImage img"), page.locator(".llmcalc-still table").first


def test_a_page_that_nbconvert_makes_shows_them_offline(browser: Browser, tmp_path: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(cell) for cell in (MAKE, PLANNER)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "a.ipynb")
    export = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", "a.ipynb"]
    subprocess.run(export, cwd=tmp_path, check=True, capture_output=True, timeout=120)  # noqa: S603 - the line above
    context = browser.new_context(viewport=WINDOW, offline=True)
    page = context.new_page()
    page.goto((tmp_path / "a.html").as_uri())
    picture, table = picture_and_table(page)
    expect(picture).to_have_count(2)
    for one in picture.all():
        expect(one).to_be_visible()
        assert one.evaluate("image => image.complete && image.naturalWidth > 500")
    expect(table.get_by_role("cell", name="TP 4").first).to_be_visible()
    expect(page.locator(".llmcalc-still .llmcalc-drawing")).to_be_hidden()  # as the picture
    context.close()


def test_they_are_hidden_while_the_widget_is_live(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE, "from IPython.display import Image\nImage(explorer.to_png())"])
    picture, table = picture_and_table(notebook.page)
    expect(notebook.page.locator(".llmcalc-form")).to_be_visible()
    expect(picture.first).to_be_hidden()
    expect(table).to_be_hidden()
    expect(picture.nth(1)).to_be_visible()  # the user's own


def test_they_are_hidden_beside_an_answer_too(open_notebook: OpenNotebook) -> None:
    page = open_notebook([PLANNER]).page
    picture, table = picture_and_table(page)
    expect(page.locator(".llmcalc-form")).to_be_visible()
    expect(page.locator(".llmcalc-drawing").first).to_be_visible()
    expect(picture).to_be_hidden()
    expect(table).to_be_hidden()
