"""Readers without a kernel see a picture and a table; who has the live view does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from llmcalc_widgets.elements.page import _HIDE_STILL
from llmcalc_widgets.form.form import KernelNote
from tests.browser.conftest import WINDOW, OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
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


PAGE = """<div><div id=live><div class=llmcalc-row><div class=llmcalc-chart>{drawn}</div>
<style onload="{script}"></style></div></div></div>
<div><img id=picture alt=""></div><div><div class="llmcalc-still below" id=table>Front</div></div>
<img id=other alt="">"""
"""Outputs of a cell in a host that has no class of JupyterLab's."""


@pytest.mark.parametrize("drawn", [True, False], ids=["drawn", "not drawn"])
def test_they_are_hidden_only_where_the_chart_is_drawn(browser: Browser, drawn: bool) -> None:  # noqa: FBT001
    page = browser.new_page()
    chart = "<div class='bqplot figure'><svg></svg></div>" if drawn else "<p>Error</p>"
    page.set_content(PAGE.format(drawn=chart, script=_HIDE_STILL))
    page.wait_for_timeout(600)
    hidden = page.evaluate(
        """() => ["picture", "table", "other"].filter(
            (id) => !document.getElementById(id).checkVisibility())"""
    )
    assert hidden == (["picture", "table"] if drawn else [])
    page.close()


@pytest.mark.parametrize("live", [True, False, None])
def test_a_page_without_a_kernel_says_that_controls_need_one(
    browser: Browser,
    live: bool | None,  # noqa: FBT001
) -> None:
    page = browser.new_page()
    said = page.evaluate(
        """async ([script, live]) => {
            const module = await import(`data:text/javascript,${encodeURIComponent(script)}`);
            const el = document.createElement("div");
            const layout = { comm_live: live ?? undefined, on: () => {} };
            module.default.render({ model: { get: () => layout }, el });
            return el.textContent;
        }""",
        [KernelNote._esm, live],
    )
    assert ("No kernel runs here" in said) == (live is False)
    page.close()


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
    expect(page.get_by_text("No kernel runs here")).to_have_count(0)
    expect(page.locator(".llmcalc-drawing").first).to_be_visible()
    expect(picture).to_be_hidden()
    expect(table).to_be_hidden()
