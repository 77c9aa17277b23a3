"""What README.md and the pages count is what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from llmcalc_core import list_hardware, list_models
from tests.golden.answers import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ACCURACY = (ROOT / "docs/accuracy.md").read_text("utf-8")
SPEED = (ROOT / "docs/speed.md").read_text("utf-8")
PAGES = README + ACCURACY + (ROOT / "docs/features.md").read_text("utf-8")
FITS = tomllib.loads((ROOT / "llmcalc_core/calibration/kernel_fits.toml").read_text("utf-8"))


def fits_of(family: str) -> list[dict[str, Any]]:
    """The fits of a family of kernels, of all devices."""
    return [fit for device in FITS.values() for fit in device.get(family, [])]


COUNTS = {
    r"\*\*Models\*\*: ([\d,]+) by name": len(list_models()),
    r"\*\*Devices\*\*: ([\d,]+) by name": len(list_hardware()),
    r"timings: ([\d,]+) fits": sum(
        len(fits_of(one)) for one in {key for d in FITS.values() for key in d}
    ),
    r", ([\d,]+) of them of all-reduces": len(fits_of("all_reduce")),
    r"knows ([\d,]+) models": len(list_models()),
    r"models and ([\d,]+) devices": len(list_hardware()),
    r"golden file of\s+([\d,]+) predictions": len(read()),
}


@pytest.mark.parametrize(("pattern", "count"), COUNTS.items())
def test_counts_are_those_of_the_tables(pattern: str, count: int) -> None:
    found = re.search(pattern, PAGES)
    assert found
    assert int(found[1].replace(",", "")) == count


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("gemm", "products"),
        ("mixture", "experts"),
        ("attention_decode", r"attention in decode\s+steps"),
        ("attention_prefill", "of prompts"),
        ("latent_decode", "latent attention"),
        ("latent_prefill", r"latent attention [\d.]+ / [\d.]+ and"),
        ("recurrent_prefill", "delta rules"),
    ],
)
def test_errors_of_kernels_are_those_of_the_fits(family: str, words: str) -> None:
    found = re.search(rf"{words} ([\d.]+) / ([\d.]+)", ACCURACY)
    assert found
    for stated, name in zip(found.groups(), ("error", "error_p90"), strict=True):
        assert float(stated) == round(100 * median(fit[name] for fit in fits_of(family)), 1)


def test_the_readme_is_short_and_its_tables_are_those_of_the_pages() -> None:
    assert README.count("\n") < 150
    rows = [line for line in README.splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    assert not [row for row in rows if row not in ACCURACY and row not in SPEED]


@pytest.mark.parametrize("page", ["README.md", "docs/accuracy.md", "docs/speed.md"])
def test_every_table_of_figures_has_its_command(page: str) -> None:
    """``<!-- command -->`` stands above it."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    starts = [
        at
        for at, line in enumerate(lines)
        if line.startswith("|---") or re.match(r"\d+ of \d+ ", line)
    ]
    assert starts
    assert not [lines[at] for at in starts if not lines[at - 2].startswith("<!-- .venv/bin/")]


BUILT = {"_build", "examples", "generated"}
"""Folders of docs that Sphinx makes."""
WRITTEN = sorted(
    page
    for page in (ROOT / "docs").rglob("*.md")
    if not BUILT & set(page.relative_to(ROOT / "docs").parts)
)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
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
