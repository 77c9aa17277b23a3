"""What README.md counts is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmcalc_core import list_hardware, list_models
from tests.golden.answers import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COUNTS = {
    r"\*\*Models\*\*: ([\d,]+) by name": len(list_models()),
    r"\*\*Devices\*\*: ([\d,]+) by name": len(list_hardware()),
    r"golden file of\s+([\d,]+) predictions": len(read()),
}


@pytest.mark.parametrize(("pattern", "count"), COUNTS.items())
def test_counts_are_those_of_the_tables(pattern: str, count: int) -> None:
    found = re.search(pattern, README)
    assert found
    assert int(found[1].replace(",", "")) == count


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_files_that_pages_name_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:llmcalc_core|llmcalc_widgets|tests|examples)/[\w/.]+?)`", text)
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize(
    "page",
    [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"],
    ids=lambda page: page.stem,
)
def test_files_that_pages_name_by_their_ends_are_there(page: Path) -> None:
    """Such as `workload/grid.py`, or `grid.py`; `costmodel/passes` without its ending."""
    there = [path.parts for path in ROOT.glob("*/**/*.py")]
    text = page.read_text("utf-8")
    rooms = "|".join(sorted(path.name for path in (ROOT / "llmcalc_core").glob("*/")))
    named = re.findall(r"`([\w/]+\.py)`", text)
    named += [f"{one}.py" for one in re.findall(rf"`((?:{rooms})/\w+)`", text)]
    ends = [Path(name).parts for name in named]
    assert not [end for end in ends if not any(one[-len(end) :] == end for one in there)]
