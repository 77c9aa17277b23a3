"""Take the pictures of the explorer in the README, in JupyterLab's light and dark theme.

Run by hand from the root of the repository, where ``chromium`` is on the path::

    python -m tests.browser.screenshots

The pictures are written to ``examples/images``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.chart import figure, steady_points
from tests.browser.conftest import CHROMIUM_FLAGS
from tests.browser.page import DARK, LIGHT, NotebookPage
from tests.browser.server import LabServer, lab_server

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "examples" / "images"
PICTURES = {LIGHT: IMAGES / "explorer.png", DARK: IMAGES / "explorer-dark.png"}
WINDOW = ViewportSize(width=1540, height=1100)
NAME = "explorer.ipynb"
CELL = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama2_70b", hardware="H100_80GB", devices=16, batch_max=512, tpot_limit_ms=40
)
explorer
"""
PLAN = "(explorer.df.tp == 4) & (explorer.df.pp == 1) & (explorer.df.batch == 64)"
CANDIDATES = 5


def take(browser: Browser, server: LabServer) -> None:
    """Open the notebook, select a plan, and write one picture per theme."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, server.notebooks / NAME)
    lab = NotebookPage(browser.new_context(viewport=WINDOW).new_page(), server)
    lab.open(NAME)
    lab.run_all()
    steady_points(figure(lab.page), CANDIDATES)
    with lab.kernel() as kernel:
        kernel.run(f"explorer.select(int(explorer.df.index[{PLAN}][0]))")
    for theme, file in PICTURES.items():
        lab.set_theme(theme)
        lab.page.mouse.move(5, 5)
        lab.page.wait_for_timeout(500)
        lab.page.locator(".llmcalc-row").screenshot(path=file)


def main() -> None:
    """Start the server and the browser, and take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = str(ROOT)
    with (
        TemporaryDirectory() as folder,
        lab_server(Path(folder) / "lab") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=list(CHROMIUM_FLAGS)
        )
        take(browser, server)
        browser.close()


if __name__ == "__main__":
    main()
