"""The pages of docs: the reference lists what the packages export."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import llmcalc_core

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("package", ["llmcalc_core", "llmcalc_widgets"])
def test_the_reference_has_every_public_name(package: str) -> None:
    text = (DOCS / "reference.md").read_text("utf-8")
    listed = set(re.findall(rf"^   {package}\.(\w+)$", text, re.MULTILINE))
    if package == "llmcalc_core":
        listed |= set(re.findall(r"^- `(\w+)`", text, re.MULTILINE))
        assert listed == set(llmcalc_core.__all__)
    else:
        widgets = pytest.importorskip(package)
        assert listed == set(widgets.__all__)
