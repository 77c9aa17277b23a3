"""The static site with JupyterLite: its notebooks install what they import."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
ROOT = Path(__file__).parents[2]


def test_every_notebook_installs_the_project_first(tmp_path: Path) -> None:
    spec = spec_from_file_location("jupyterlite_site", ROOT / "docs" / "jupyterlite.py")
    assert spec is not None
    assert spec.loader is not None
    site = module_from_spec(spec)
    spec.loader.exec_module(site)
    site.notebooks(tmp_path / "files")
    copies = sorted((tmp_path / "files").glob("*.ipynb"))
    assert len(copies) == len([*(ROOT / "examples").glob("*.ipynb")]) > 10
    with_sweeps = []
    for copy in copies:
        first = nbformat.read(copy, as_version=4).cells[0].source
        assert first.startswith("%pip install -q llmcalc-planner[still,")
        if "sweep" in first:
            with_sweeps.append(copy.name)
    assert with_sweeps == ["12_a_thousand_scenarios.ipynb"]
