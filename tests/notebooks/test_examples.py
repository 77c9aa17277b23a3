"""The example notebooks as files; that each of them runs is a test of its own (nbmake)."""

from __future__ import annotations

import ast
import base64
import re
import sys
from pathlib import Path

import nbformat
import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
OPEN = {
    "llmcalc_core",
    "llmcalc_widgets",
    "numpy",
    "pandas",
    "ipywidgets",
    *sys.stdlib_module_names,
}

TEXTS = ("text/html", "text/plain")
MACHINE = re.compile(r"/(tmp|home|root|work|usr|Users)/|\b0x[0-9a-f]{6,}|file://")
WITH_PICTURES = ("01_quickstart", "03_in_your_notebook")


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_any_kernel_of_python_runs_it(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_what_is_stored_is_for_readers_alone(notebook):
    """No live view, state of widgets, time, warning, address of an object or machine's path."""
    assert set(notebook.metadata) == {"kernelspec"}
    for cell in notebook.cells:
        assert "execution" not in cell.metadata
        for output in cell.get("outputs", ()):
            assert output.get("name", "stdout") == "stdout"
            assert output.output_type in {"stream", "display_data", "execute_result"}
            assert set(output.get("data", {})) <= {"image/png", "text/html", "text/plain"}
            shown = output.get("data", {})
            words = [output.get("text", ""), *(shown.get(one, "") for one in TEXTS)]
            assert not MACHINE.search(" ".join(words))


def test_what_is_stored_is_small():
    assert sum(path.stat().st_size for path in EXAMPLES) < 1_500_000


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_a_reader_without_a_kernel_sees_pictures_and_answers(name):
    """``python -m tests.notebooks`` renews them."""
    path = next(path for path in EXAMPLES if path.stem == name)
    cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
    assert [one.execution_count for one in cells] == list(range(1, len(cells) + 1))
    shown = [output.data for output in cells[0].outputs]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert [base64.b64decode(one)[:4] for one in pictures] == [b"\x89PNG"]
    assert any("<table" in data.get("text/html", "") for data in shown)
    assert sum(bool(one.outputs) for one in cells) >= 7  # of 7 and 13


def test_widgets_have_pictures_and_cells_have_answers(notebook):
    cells = [one for one in notebook.cells if one.cell_type == "code"]
    assert all(one.execution_count for one in cells)
    shown = [output.get("data", {}) for one in cells for output in one.outputs]
    assert shown
    if re.search(
        r"ParetoExplorer|Workbench|Comparer|Planner", " ".join(one.source for one in cells)
    ):
        assert any("image/png" in data for data in shown)


def test_the_index_names_every_notebook():
    index = next(path for path in EXAMPLES if path.stem == "index").read_text("utf-8")
    assert not [path.name for path in EXAMPLES if path.stem != "index" and path.name not in index]


def test_it_imports_what_a_user_has(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    assert {alias.name.split(".")[0] for alias in node.names} <= OPEN
                elif isinstance(node, ast.ImportFrom):
                    assert node.module.split(".")[0] in OPEN
