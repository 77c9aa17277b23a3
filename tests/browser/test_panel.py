"""The explorer in Panel, which shows ipywidgets in ``pn.pane.IPyWidget``."""

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
import panel as pn
pn.extension("ipywidgets")
pn.pane.IPyWidget(noted_explorer()).servable()
"""


@pytest.fixture
def page(browser: Browser, hosts: Path, tmp_path: Path) -> Iterator[Page]:
    """Open a page of an app with an explorer."""
    app, port = tmp_path / "app.py", free_port()
    app.write_text(noted(tmp_path) + APP, encoding="utf-8")
    url = f"http://127.0.0.1:{port}/"
    arguments = ["serve", str(app), f"--port={port}"]

    def is_up() -> None:
        urllib.request.urlopen(f"{url}favicon.ico", timeout=5).close()  # noqa: S310 - the server below

    with running("panel", arguments, tmp_path / "server", is_up, python=hosts):
        page = browser.new_context(viewport=WINDOW).new_page()
        give_scripts(page)
        page.goto(f"{url}app", timeout=60_000)
        figure(page)
        yield page
        page.screenshot(path=tmp_path / "last.png")
        page.context.close()


def test_chart_figures_and_frame_are_of_the_same_request(page: Page, tmp_path: Path) -> None:
    expect(page.get_by_text("No kernel runs here")).to_have_count(0)
    agrees_after_each_change(page, tmp_path)
