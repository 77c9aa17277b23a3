"""The explorer in Notebook 7, by keyboard, while the notebook has keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from llmcalc_widgets import ParetoExplorer
from tests.browser.chart import figure
from tests.browser.conftest import WINDOW
from tests.browser.same_request import agrees, noted
from tests.browser.server import LabServer, lab_server
from tests.browser.watch import watched

pytestmark = pytest.mark.browser

NAME = "seven.ipynb"
MAKE = """
noted_explorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode")
"""
TRIES = 10


@pytest.fixture
def server(chromium: str, tmp_path: Path) -> Iterator[LabServer]:
    """Run a server for it alone.

    JupyterLab has files of the same names, and a server that has found a file of one refuses the
    other's: ``FileFindHandler`` keeps what it has found by the name alone.
    """
    del chromium
    with lab_server(tmp_path / "server") as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: LabServer, tmp_path: Path) -> Iterator[Page]:
    """Open the notebook there and run its cell; what goes wrong from then on fails the test.

    Notebook 7.6 logs errors of its own while it opens, whatever the notebook: of its list of
    shortcuts, of a command of its file browser, of fonts that it asks for too early.
    """
    cells = [nbformat.v4.new_code_cell(noted(tmp_path) + MAKE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.notebooks / NAME)
    page = browser.new_context(viewport=WINDOW).new_page()
    problems = watched(page, server.url)
    page.goto(f"{server.url}notebooks/{NAME}?token={server.token}")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
    run_cell(page)
    figure(page)
    page.wait_for_load_state("networkidle")
    problems.clear()
    yield page
    page.context.close()
    assert problems == []


def run_cell(page: Page) -> None:
    """Run the cell; a run that is given before the kernel has connected is dropped, so again."""
    untouched = page.locator(".jp-Notebook .jp-InputPrompt").filter(has_text="[ ]:")
    for _ in range(TRIES):
        dialog = page.locator(".jp-Dialog")
        assert not dialog.count(), dialog.first.inner_text()
        page.locator(".jp-Notebook .cm-content").first.click()
        page.keyboard.press("ControlOrMeta+Enter")
        page.wait_for_timeout(1000)
        if not untouched.count():
            return


def test_keys_move_sliders_and_step_along_the_front(page: Page, tmp_path: Path) -> None:
    chart = figure(page)
    page.keyboard.press("Escape")
    expect(page.locator(".jp-Notebook.jp-mod-commandMode")).to_have_count(1)
    slider = page.locator(".llmcalc-field").filter(has_text="Devices").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    expect(page.locator(".llmcalc-chart h3")).to_contain_text("on 10")
    same = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=10, phase="decode")
    agrees(page, tmp_path, same)
    same.close()
    expect(chart).to_have_attribute("role", "application")
    chart.focus()
    said = page.get_by_role("status").filter(has_text="elected")
    page.keyboard.press("Home")
    expect(said).to_contain_text("1 of ")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("2 of ")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("No plan selected")
