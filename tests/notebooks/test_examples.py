"""The example notebooks as files; that each of them runs is a test of its own (nbmake)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat
import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
OPEN = {"llmcalc_core", "llmcalc_widgets", "pandas", "ipywidgets", *sys.stdlib_module_names}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_no_output_is_stored_and_any_kernel_of_python_runs_it(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)


def test_it_imports_what_a_user_has(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    assert {alias.name.split(".")[0] for alias in node.names} <= OPEN
                elif isinstance(node, ast.ImportFrom):
                    assert node.module.split(".")[0] in OPEN
