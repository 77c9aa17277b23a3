"""Widgets with load curves, and a note of every curve that is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from llmcalc_core import load_curve
from llmcalc_widgets import ParetoExplorer, SloFinder
from tests.widgets.load.curves import ASKED


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=4, phase="serving", ttft_limit_ms=300,
        **ASKED,
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def finder() -> Iterator[SloFinder]:
    made = SloFinder(
        model="llama3_8b", hardware=("A100_80GB", "H100_80GB"), requests_per_s=60,
        tpot_limit_ms=30, devices=2, **ASKED,
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Note every curve that is computed."""
    seen: list[dict[str, Any]] = []

    def noted(*models: Any, **given: Any) -> pd.DataFrame:
        seen.append(given)
        return load_curve(*models, **given)

    monkeypatch.setattr("llmcalc_widgets.settings.load.load_curve", noted)
    return seen
