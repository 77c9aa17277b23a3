"""The workbench as a page of Voila, which has no notebook around it, in the dark theme."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from llmcalc_widgets import ParetoExplorer
from tests.browser.chart import brush_around, click_point, figure, loneliest, steady_points
from tests.browser.conftest import WINDOW
from tests.browser.controls import choose, press_button
from tests.browser.process import free_port, running
from tests.browser.same_request import agrees, noted
from tests.browser.watch import watched

pytestmark = pytest.mark.browser

CANDIDATES = 4
"""Position of the plans in the figure."""

MAKE = """
from llmcalc_widgets import Workbench
Workbench(noted_explorer(model="llama2_7b", hardware="A100_80GB", devices=8, phase="decode"))
"""
NOT_VOILAS = ("@jupyter-notebook/lab-extension", "jupyterlab-jupytext")
"""Extensions of JupyterLab that log errors in Voila, whatever the notebook shows."""

ICONS = "https://cdn.jsdelivr.net/npm/@fortawesome/**"
"""Icons, which Voila's own page asks of another host."""


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Open the notebook; what goes wrong in it fails the test at its end."""
    cells = [nbformat.v4.new_code_cell(noted(tmp_path) + MAKE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "bench.ipynb")
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    arguments = [
        str(tmp_path / "bench.ipynb"),
        "--no-browser",
        f"--port={port}",
        "--Voila.ip=127.0.0.1",
        "--theme=dark",
        *(f"--VoilaConfiguration.extension_denylist={name}" for name in NOT_VOILAS),
    ]

    def is_up() -> None:
        urllib.request.urlopen(f"{url}voila/static/voila.js", timeout=5).close()  # noqa: S310 - the server below

    with running("voila", arguments, tmp_path / "server", is_up):
        page = browser.new_context(viewport=WINDOW).new_page()
        problems = watched(page, url)
        page.route(ICONS, lambda route: route.fulfill(body="", content_type="text/css"))
        page.goto(url, timeout=60_000)
        yield page
        page.screenshot(path=tmp_path / "last.png")
        page.context.close()
    assert problems == []


def test_the_workbench_answers(page: Page, tmp_path: Path) -> None:
    chart = figure(page)
    heading = page.locator(".llmcalc-chart h3")
    choose(page, "Model", "llama3_8b")
    expect(heading).to_contain_text("Llama-3.1-8B on 8")
    slider = page.locator(".llmcalc-field").filter(has_text="Devices").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    expect(heading).to_contain_text("Llama-3.1-8B on 10")
    same = ParetoExplorer(model="llama3_8b", hardware="A100_80GB", devices=10, phase="decode")
    agrees(page, tmp_path, same)
    same.close()
    points = steady_points(chart, CANDIDATES)
    click_point(chart, loneliest(points))
    expect(page.get_by_role("columnheader", name="Selected")).to_be_visible()
    chart.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("status").filter(has_text="1 of ")).to_be_visible()
    press_button(page, "Brush")
    points = steady_points(figure(page), CANDIDATES)
    brush_around(chart, sorted(points, key=lambda at: at.x)[:6])
    expect(page.get_by_text("in the brush")).to_be_visible()
    page.get_by_role("button", name="Why this plan?").click()
    expect(page.locator(".llmcalc-operations")).to_be_visible()
    press_button(page, "Files")
    press_button(page, "Front (CSV)")
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save").click()
    assert saving.value.suggested_filename.endswith("-10_x_A100_80GB-decode-front.csv")
    page.get_by_role("tab", name="Memory").click()
    expect(page.get_by_role("heading", name="Llama-3.1-8B")).to_be_visible()
