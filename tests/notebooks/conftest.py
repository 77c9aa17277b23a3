"""Fixtures: kernels that see this checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel import the packages of this checkout."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, known] if known else [root]))
