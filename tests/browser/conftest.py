"""Fixtures: one JupyterLab server and one Chromium per run, one notebook page per test.

A test asks for ``open_notebook`` and gives it the cells of a notebook, or an existing notebook::

    def test_slider(open_notebook):
        notebook = open_notebook(["import ipywidgets as w", "w.IntSlider(description='n')"])

The page comes back with every cell run. At the end of the test any console error, uncaught error,
failed answer or request to another host fails it, and a screenshot lies in the test's ``tmp_path``.
A module of such tests says ``pytestmark = pytest.mark.browser``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.page import LIGHT, NotebookPage
from tests.browser.server import LabServer, lab_server

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WINDOW = ViewportSize(width=1600, height=1000)

OpenNotebook = Callable[[Path | Sequence[str]], NotebookPage]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Debian's Chromium; without one skip, and under CI fail."""
    found = shutil.which("chromium")
    if found is None:
        message = "the browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """Run one headless Chromium with a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """Run one JupyterLab server, and none where there is no browser for it."""
    del chromium
    with lab_server(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def open_notebook(
    browser: Browser, server: LabServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Return a function that opens a notebook in a tab of its own and runs all its cells."""
    pages: list[NotebookPage] = []

    def open_and_run(source: Path | Sequence[str]) -> NotebookPage:
        name = re.sub(r"\W+", "-", f"{request.node.name}-{len(pages)}") + ".ipynb"
        _write(server.notebooks / name, source)
        context = browser.new_context(viewport=WINDOW)
        notebook = NotebookPage(context.new_page(), server)
        pages.append(notebook)
        notebook.open(name)
        notebook.set_theme(LIGHT)
        notebook.run_all()
        return notebook

    yield open_and_run
    for count, notebook in enumerate(pages):
        notebook.screenshot(tmp_path / f"last-{count}.png")
        notebook.page.context.close()
    server.end_sessions()
    assert [problem for notebook in pages for problem in notebook.problems] == []


def _write(file: Path, source: Path | Sequence[str]) -> None:
    if isinstance(source, Path):
        shutil.copy(source, file)
        return
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in source],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, file)
