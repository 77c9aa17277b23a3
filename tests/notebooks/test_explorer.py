"""The explorer in a kernel without a browser."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

CELLS = [
    (
        "from llmcalc_widgets import ParetoExplorer\n"
        "explorer = ParetoExplorer(model='llama2_7b', hardware='A100_80GB', devices=4)\n"
        "explorer"
    ),
    (
        "explorer.devices = 8\n"
        "assert set(explorer.df['devices']) == {8}, 'a change by code takes effect at once'"
    ),
    (
        "explorer.form.fields['devices'].slider.value = 16\n"
        "explorer.form.fields['devices'].slider.value = 32"
    ),
    (
        "import asyncio\n"
        "await asyncio.sleep(0.2)\n"
        "assert set(explorer.df['devices']) == {32}, 'a slider takes effect after a pause'"
    ),
    "import ipywidgets\nipywidgets.HBox([explorer.details, explorer.chart])",
    "explorer.select(0)\nprint(explorer.selected['tp'], len(explorer.front))",
    "explorer.close()",
]
OTHERS = [
    (
        "from llmcalc_widgets import HardwareComparer, Workbench\n"
        "HardwareComparer(model='llama2_7b', hardware=['A100_80GB', 'H100_80GB'], devices=2)"
    ),
    (
        "bench = Workbench(model='llama2_7b', hardware='A100_80GB', devices=1)\n"
        "bench.reveal('Memory')\n"
        "bench"
    ),
]


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel import the packages of this checkout."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, known] if known else [root]))


@pytest.mark.usefixtures("importable")
def test_a_notebook_with_the_explorer_runs(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = notebook.cells[0].outputs[-1]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert notebook.cells[5].outputs[0]["text"].startswith("1 ")


@pytest.mark.usefixtures("importable")
def test_an_exported_notebook_shows_a_picture_and_the_answers(tmp_path: Path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in (CELLS[0], *OTHERS)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    client = NotebookClient(
        notebook,
        timeout=120,
        store_widget_state=False,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    stored = notebook.cells[0].outputs[0]
    assert {"image/png", "text/html", "text/plain"} < set(stored["data"])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert f'src="data:image/png;base64,{stored["data"]["image/png"].strip()}"' in page
    assert "Plans on the Pareto front" in page
    assert "best plan of each device" in page
    assert "Largest batch that fits: 52" in page
