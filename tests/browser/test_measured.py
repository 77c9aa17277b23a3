"""The chart of estimates over measurements in JupyterLab: what is drawn, and what a point says."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chart import figure, filled_area, steady_points
from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

BAND, DOUBTED, TRUSTED = 0, 2, 3
"""Positions of marks in the figure."""

MAKE = """
import pandas as pd
from llmcalc_widgets import MeasuredChart
points = pd.DataFrame(
    [
        ("H100", "llama", "vllm", 10.0, 11.0, ""),
        ("A100", "llama", "vllm", 40.0, 36.0, ""),
        ("A100", "<img src=x onerror=window.hacked=1>", "trtllm", 90.0, 30.0, "a bad day"),
    ],
    columns=["device", "model", "engine", "measured_ms", "estimated_ms", "not_trusted"],
)
MeasuredChart(points, "Time per output token")
"""


def test_points_say_what_they_are_filled_or_hollow(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page, chart = notebook.page, figure(notebook.page)
    first, second = steady_points(chart, TRUSTED)
    (doubted,) = steady_points(chart, DOUBTED)
    assert first.x < second.x
    assert filled_area(chart, BAND).opacity > 0.1
    shown = page.locator(".llmcalc-tooltip:visible")
    for point, words in ((first, "estimated 11.0 ms (+10%)"), (doubted, "Not trusted: a bad day")):
        page.mouse.move(point.x - 3, point.y)
        page.mouse.move(point.x, point.y)
        expect(shown.filter(has_text=words)).to_be_visible()
    expect(shown.filter(has_text="<img")).to_be_visible()
    assert page.evaluate("window.hacked") is None
