"""The explorer in Solara, whose messages have no buffers where there are none."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chart import figure
from tests.browser.conftest import WINDOW
from tests.browser.hosts import give_scripts
from tests.browser.process import free_port, running
from tests.browser.same_request import agrees_after_each_change, noted

pytestmark = pytest.mark.browser

APP = """
import solara

@solara.component
def Page():
    solara.display(solara.use_memo(noted_explorer, []))
"""


@pytest.fixture
def page(browser: Browser, hosts: Path, tmp_path: Path) -> Iterator[Page]:
    """Open a page of an app with an explorer."""
    app, port = tmp_path / "app.py", free_port()
    app.write_text(noted(tmp_path) + APP, encoding="utf-8")
    url = f"http://127.0.0.1:{port}/"
    arguments = ["run", str(app), "--host=127.0.0.1", f"--port={port}", "--no-open", "--production"]

    def is_up() -> None:
        urllib.request.urlopen(url, timeout=5).close()

    with running("solara", arguments, tmp_path / "server", is_up, python=hosts):
        page = browser.new_context(viewport=WINDOW).new_page()
        give_scripts(page)
        page.goto(url, timeout=60_000)
        figure(page)
        yield page
        page.screenshot(path=tmp_path / "last.png")
        page.context.close()


def test_chart_figures_and_frame_are_of_the_same_request(page: Page, tmp_path: Path) -> None:
    agrees_after_each_change(page, tmp_path)
    expect(page.locator(".llmcalc-still")).to_be_hidden()
