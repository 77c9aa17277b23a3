"""What a notebook shows to readers without a kernel: a code host, a viewer, a page of HTML."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

CELLS = [
    (
        "from llmcalc_widgets import HardwareComparer, ParetoExplorer, Workbench\n"
        "ParetoExplorer(model='llama2_7b', hardware='A100_80GB', devices=4, phase='decode')"
    ),
    "HardwareComparer(model='llama2_7b', hardware=['A100_80GB', 'H100_80GB'], devices=2)",
    (
        "bench = Workbench(model='llama2_7b', hardware='A100_80GB', devices=1)\n"
        "bench.reveal('Memory')\n"
        "bench"
    ),
]
VIEW = "application/vnd.jupyter.widget-view+json"


def run(folder: Path, **options: bool) -> NotebookNode:
    """Run the cells as ``jupyter nbconvert --execute`` does."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, resources=where, **options).execute()
    return notebook


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("stores_state", [True, False])
def test_a_page_of_html_shows_pictures_and_answers(tmp_path: Path, stores_state: bool):  # noqa: FBT001
    notebook = run(tmp_path, store_widget_state=stores_state)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    seen = BeautifulSoup(page, "html.parser")
    cells = seen.select(".jp-CodeCell")
    assert [len(cell.select('img[src^="data:image/png"]')) for cell in cells] == [1] * 3
    assert [len(cell.select("table")) > 0 for cell in cells] == [True] * 3
    assert "Plans on the Pareto front" in page
    assert "best plan of each device" in page
    assert "Largest batch that fits: 60" in page


@pytest.mark.usefixtures("importable")
def test_a_host_that_runs_and_draws_nothing_shows_pictures_and_tables(tmp_path: Path):
    """It takes no live views, and of HTML no scripts, styles, drawings or data in addresses."""
    notebook = run(tmp_path)
    shown = (output.data for cell in notebook.cells for output in cell.outputs)
    stills = [data for data in shown if VIEW not in data]
    pictures, answers = stills[::2], stills[1::2]
    for picture in pictures:
        assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    for data, words in zip(answers, ("memory bandwidth", "H100_80GB", "weights"), strict=True):
        left = BeautifulSoup(data["text/html"], "html.parser")
        for lost in left.select("script, style, svg, img[src^=data]"):
            lost.decompose()
        assert words in "".join(table.text for table in left.select("table"))
