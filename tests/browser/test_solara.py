"""The explorer in Solara, whose messages have no buffers where there are none.

Needs ``solara`` and ``solara-assets`` from PyPI, which the extra ``test`` does not install.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.captions import status_words
from tests.browser.chart import figure
from tests.browser.conftest import WINDOW
from tests.browser.controls import control
from tests.browser.process import free_port, running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("solara") is None, reason="Solara is not installed"),
]

APP = """
import solara
from llmcalc_widgets import ParetoExplorer

@solara.component
def Page():
    solara.display(solara.use_memo(lambda: ParetoExplorer(), []))
"""


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Open a page of an app with an explorer."""
    app, port = tmp_path / "app.py", free_port()
    app.write_text(APP, encoding="utf-8")
    url = f"http://127.0.0.1:{port}/"
    arguments = ["run", str(app), "--host=127.0.0.1", f"--port={port}", "--no-open", "--production"]

    def is_up() -> None:
        urllib.request.urlopen(url, timeout=5).close()

    with running("solara", arguments, tmp_path / "server", is_up):
        page = browser.new_context(viewport=WINDOW).new_page()
        page.goto(url, timeout=60_000)
        figure(page)
        yield page
        page.context.close()


def test_chart_and_figures_are_of_the_same_request(page: Page) -> None:
    explorer = ParetoExplorer()
    explorer.tpot_limit_ms = 25
    best = explorer.df.iloc[explorer.state.evaluation.recommended]
    said = status_words(explorer.outputs.view, len(explorer.df), None).partition(", ")[2]
    explorer.close()
    limit = control(page, "TPOT limit [ms]").get_by_role("textbox")
    limit.fill("25")
    limit.press("Enter")
    expect(page.get_by_role("status").filter(has_text="on the front").first).to_contain_text(said)
    expect(page.locator(".llmcalc-details td").first).to_contain_text(f"TP {best['tp']}")
    expect(page.locator(".llmcalc-still")).to_be_hidden()
