"""Take the pictures of every widget in the README and the examples, in both themes of JupyterLab.

Run by hand from the root of the repository, where ``chromium`` is on the path::

    python -m tests.browser.screenshots [NAME ...]

The pictures are written to ``examples/images``; without names, all of them.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS
from tests.browser.page import DARK, LIGHT, NotebookPage
from tests.browser.process import ROOT
from tests.browser.server import LabServer, lab_server

IMAGES = ROOT / "examples" / "images"
ENDINGS = {LIGHT: ".png", DARK: "-dark.png"}
SETTLED_MS = 4_000
PATIENCE_S = 600
"""A search at a percentile over all devices takes a while."""
COLOURS = 256
"""In a picture: as many as a byte tells apart, which halves the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture shows.

    Attributes
    ----------
    make : str
        The call that makes the widget.
    then : str
        What is done with it, as ``shown``, before the picture is taken.
    part : str
        Selector of what is in the picture.
    width : int
        Of the window [px].
    """

    make: str
    then: str = ""
    part: str = ".llmcalc-row"
    width: int = 1540


EXPLORER = 'ParetoExplorer(model="gpt_oss_120b", hardware="H100_80GB")'
DECODE = (
    'ParetoExplorer(model="llama2_70b", hardware="H100_80GB", devices=16, phase="decode", '
    "batch_max=512, tpot_limit_ms=40)"
)
SELECT = (
    "plans = shown.df\n"
    "shown.select(int(plans.index[(plans.tp == 4) & (plans.pp == 1) & (plans.batch == 64)][0]))"
)
PICTURES = {
    "explorer": Picture(make=EXPLORER),
    "compared": Picture(
        make='ParetoExplorer(model="llama3_70b", hardware="H100_80GB", devices=16, '
        'phase="serving", workload="chat", precision="fp8")',
        then='shown.pin("8-bit weights")\nshown.precision = "bf16"\n'
        'shown.compared = ({"hardware": "H200_141GB"}, {"hardware": "MI300X"})',
    ),
    "why": Picture(
        make=DECODE,
        then=f'{SELECT}\nshown.outputs.reveal("Why this plan?")',
        part=".llmcalc-why",
    ),
    "memory": Picture(
        make='MemoryPlanner(model="llama3_70b", hardware="H100_80GB", devices=4, batch=16, '
        "input_tokens=4000)",
        width=1240,
    ),
    "devices": Picture(
        make='HardwareComparer(model="llama3_70b", devices=8, workload="chat")', width=1300
    ),
    "load": Picture(
        make='SloFinder(model="llama3_70b", workload="chat", requests_per_s=20, percentile="p95")',
        then="shown.load_fold.reveal()",
        width=1240,
    ),
    "what_if": Picture(
        make='WhatIf(model="llama3_70b", hardware="H100_80GB", devices=8, workload="chat", '
        'hardware_changes={"memory_bandwidth": 4.8e12, "memory_bytes": 141e9})',
        width=1440,
    ),
    "workbench": Picture(
        make='Workbench(model="llama3_8b", hardware="L40S", devices=4, tpot_limit_ms=50)',
        part=".widget-tab",
    ),
}


def take(browser: Browser, server: LabServer, name: str, picture: Picture) -> None:
    """Open a notebook with one widget, and write a picture of it per theme."""
    cell = f"from llmcalc_widgets import *\nshown = {picture.make}\n{picture.then}\nshown"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, server.notebooks / f"{name}.ipynb")
    window = ViewportSize(width=picture.width, height=1900)
    lab = NotebookPage(browser.new_context(viewport=window).new_page(), server)
    lab.open(f"{name}.ipynb")
    lab.run_all(timeout_s=PATIENCE_S)
    for theme, ending in ENDINGS.items():
        lab.set_theme(theme)
        lab.page.mouse.move(5, 5)
        lab.page.wait_for_timeout(SETTLED_MS)
        shot = lab.page.locator(picture.part).first.screenshot()
        with Image.open(BytesIO(shot)) as seen:
            small = seen.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(IMAGES / f"{name}{ending}", optimize=True)
    lab.page.context.close()
    server.end_kernels()


def main(names: list[str]) -> None:
    """Start the server and the browser, and take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        lab_server(Path(folder) / "lab") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=list(CHROMIUM_FLAGS)
        )
        for name in names or PICTURES:
            take(browser, server, name, PICTURES[name])
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
