"""Fixtures: one JupyterLab server, one Chromium, one page and one kernel per run.

A test asks for ``open_notebook`` and gives it the cells of a notebook, or an existing notebook::

    def test_slider(open_notebook):
        notebook = open_notebook(["import ipywidgets as w", "w.IntSlider(description='n')"])

The page comes back with every cell run. At the end of the test any console error, uncaught error,
failed answer or request to another host fails it; of a test that failed, a screenshot lies in its
``tmp_path``. A test that changes more of the page than its notebook, or needs two notebooks beside
each other, asks for ``open_tab`` instead, which opens a JupyterLab of its own: that takes seconds.
A module of such tests says ``pytestmark = pytest.mark.browser``. Of pytest-xdist's workers, one
runs them all (``tests/conftest.py``); what they share ends with them, as Playwright keeps an event
loop running.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import nbformat
import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from tests.browser.hosts import host_python
from tests.browser.lab import SharedLab
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
PATIENCE_MS = 20_000
"""How long a test waits for what it expects: on a busy machine everything takes longer."""
WINDOW = ViewportSize(width=1600, height=1000)

_FAILED = pytest.StashKey[bool]()


class OpenNotebook(Protocol):
    """Opens a notebook and runs all its cells."""

    def __call__(self, source: Path | Sequence[str], *, own_kernel: bool = False) -> NotebookPage:
        """Open a notebook, with a kernel that no other test uses if it asks for that."""


@pytest.fixture(scope="package")
def chromium() -> str:
    """Return the path of Debian's Chromium; without one skip, and under CI fail."""
    found = shutil.which("chromium")
    if found is None:
        message = "the browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Run one headless Chromium with a fresh profile."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def hosts(chromium: str, pytestconfig: pytest.Config) -> Path:
    """Return the interpreter of an environment with hosts that the tests' own lacks."""
    del chromium
    return host_python(pytestconfig.cache.mkdir("hosts"))


@pytest.fixture(scope="package")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """Run one JupyterLab server, and none where there is no browser for it."""
    del chromium
    with lab_server(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="package")
def lab(browser: Browser, server: LabServer) -> Iterator[SharedLab]:
    """Run one JupyterLab page, with one kernel."""
    shared = SharedLab(browser, server, WINDOW)
    yield shared
    shared.discard()


@pytest.fixture
def open_notebook(
    lab: SharedLab, server: LabServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Return a function that opens a notebook in the shared page and runs all its cells."""
    pages: list[NotebookPage] = []

    def open_and_run(source: Path | Sequence[str], *, own_kernel: bool = False) -> NotebookPage:
        name = _file_name(request, len(pages))
        _write(server.notebooks / name, source)
        notebook = lab.open(name, own_kernel=own_kernel)
        pages.append(notebook)
        return notebook

    try:
        yield open_and_run
        if request.node.stash.get(_FAILED, True):
            _take_screenshots(pages, tmp_path)
            lab.discard()
        else:
            lab.close()
        problems = [problem for notebook in pages for problem in notebook.problems]
        assert problems == []
    except BaseException:
        lab.discard()
        raise


@pytest.fixture
def open_tab(
    browser: Browser, server: LabServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Return a function that opens a notebook in a JupyterLab of its own and runs all its cells."""
    pages: list[NotebookPage] = []

    def open_and_run(source: Path | Sequence[str], *, own_kernel: bool = True) -> NotebookPage:
        del own_kernel
        name = _file_name(request, len(pages))
        _write(server.notebooks / name, source)
        notebook = NotebookPage(browser.new_context(viewport=WINDOW).new_page(), server)
        pages.append(notebook)
        notebook.open(name)
        notebook.set_theme(LIGHT)
        notebook.run_all()
        return notebook

    yield open_and_run
    if request.node.stash.get(_FAILED, True):
        _take_screenshots(pages, tmp_path)
    for notebook in pages:
        notebook.page.context.close()
        notebook.end_session()
    assert [problem for notebook in pages for problem in notebook.problems] == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Note for the fixtures whether their test failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


def _file_name(request: pytest.FixtureRequest, count: int) -> str:
    return re.sub(r"\W+", "-", f"{request.node.name}-{count}") + ".ipynb"


def _take_screenshots(pages: Sequence[NotebookPage], folder: Path) -> None:
    for count, notebook in enumerate(pages):
        notebook.screenshot(folder / f"last-{count}.png")


def _write(file: Path, source: Path | Sequence[str]) -> None:
    if isinstance(source, Path):
        shutil.copy(source, file)
        return
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in source],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, file)
