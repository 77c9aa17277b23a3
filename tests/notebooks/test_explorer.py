"""The explorer in a kernel without a browser."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    (
        "from llmcalc_widgets import ParetoExplorer\n"
        "explorer = ParetoExplorer(\n"
        "    model='llama2_7b', hardware='A100_80GB', devices=4, phase='decode')\n"
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


@pytest.mark.usefixtures("importable")
def test_a_notebook_with_the_explorer_runs(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = notebook.cells[0].outputs[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert notebook.cells[5].outputs[0]["text"].startswith("1 ")
