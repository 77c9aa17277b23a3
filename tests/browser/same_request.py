"""Whatever the host: chart, figures and DataFrame belong to the same request."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.captions import status_words
from tests.browser.chart import figure, steady_points
from tests.browser.controls import choose, type_number

CANDIDATES = 4
"""Position of the plans in the figure."""

_NOTED = """
from llmcalc_widgets import ParetoExplorer
def noted_explorer(**settings):
    explorer = ParetoExplorer(**settings)
    explorer.observe(lambda _: explorer.df.to_csv({file!r}, index=False), "df")
    return explorer
"""
NOTED = "frame.csv"
"""What an explorer of :func:`noted` writes its DataFrame into, after each change."""


def noted(folder: Path) -> str:
    """Write the Python that makes ``noted_explorer``, whose DataFrame lies in a folder."""
    return _NOTED.format(file=str(folder / NOTED))


def agrees_after_each_change(page: Page, folder: Path) -> None:
    """Move controls, and hold what is seen and what the kernel has to an explorer of this process.

    Parameters
    ----------
    page : Page
        With one explorer that nobody has touched.
    folder : Path
        Of :func:`noted`.
    """
    expected = ParetoExplorer()
    try:
        type_number(page, "TPOT limit [ms]", 25)
        expected.tpot_limit_ms = 25
        agrees(page, folder, expected)
        choose(page, "Model", "llama3_8b")
        expected.model = "llama3_8b"
        agrees(page, folder, expected)
        type_number(page, "Devices", 4)
        expected.devices = 4
        agrees(page, folder, expected)
    finally:
        expected.close()


def agrees(page: Page, folder: Path, expected: ParetoExplorer) -> None:
    """Hold chart, figures and DataFrame to an explorer of this process."""
    best = expected.recommended
    count = status_words(expected.outputs.view, len(expected.df), None).partition(", ")[2]
    heading = page.locator(".llmcalc-chart h3")
    expect(page.get_by_role("status").filter(has_text="on the front").first).to_contain_text(count)
    expect(heading).to_contain_text(f"{expected.devices} × {expected.hardware}")  # noqa: RUF001
    if best is not None:
        expect(page.locator(".llmcalc-details td").first).to_contain_text(f"TP {best['tp']} ")
    drawn = expected.chart.drawing.rows["candidates"]
    assert len(steady_points(figure(page), CANDIDATES)) == len(drawn)
    found = pd.read_csv(folder / NOTED)
    for name in ("tp", "devices", "tpot_s"):
        pd.testing.assert_series_equal(
            found[name], expected.df[name], check_dtype=False, check_index=False
        )
    assert set(found["model"]) == set(expected.df["model"].astype(str))
