"""The widgets beside the explorer in JupyterLab, each shown twice: the views agree."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from IPython.display import display
from llmcalc_widgets import HardwareComparer, MemoryPlanner, SloFinder, WhatIf
planner = MemoryPlanner(model="llama2_7b", hardware="A100_80GB", devices=1)
comparer = HardwareComparer(model="llama2_7b", hardware=["A100_80GB", "H100_80GB"], devices=2)
finder = SloFinder(model="llama2_7b", hardware=["A100_80GB", "H100_80GB"], devices=2)
what_if = WhatIf(model="llama2_7b", hardware="A100_80GB", devices=1, batch_max=8)
display(planner, planner, comparer, comparer, finder, finder, what_if, what_if)
"""


def typed(view: Locator, name: str, value: str) -> None:
    field = view.get_by_role("textbox", name=name, exact=True)
    field.fill(value)
    field.press("Enter")


def test_each_answers_in_all_its_views(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    views = notebook.page.locator(".llmcalc-row")
    expect(views).to_have_count(8)
    planner, comparer, finder = (views.nth(first) for first in (0, 2, 4))

    typed(planner, "Batch", "64")
    for place in (0, 1):
        batch = views.nth(place).get_by_role("textbox", name="Batch", exact=True)
        expect(batch).to_have_value("64")
        expect(views.nth(place).get_by_role("status")).to_contain_text("that fits: 53")
    planner.get_by_label("Over").select_option("input tokens")
    expect(views.nth(1).locator("svg")).to_contain_text("tokens")
    planner.get_by_text("As a table").click()
    expect(planner.get_by_role("table").first).to_be_visible()

    comparer.get_by_label("Compare").select_option("per dollar")
    for place in (2, 3):
        expect(views.nth(place).get_by_role("heading", name="Tokens per USD")).to_be_visible()
        expect(views.nth(place).get_by_role("row").filter(has_text="H100")).to_be_visible()

    typed(finder, "Requests/s", "25")
    for place in (4, 5):
        expect(views.nth(place).get_by_role("heading", name="for 25 requests/s")).to_be_visible()
    typed(views.nth(5), "TPOT limit [ms]", "0.01")
    expect(finder).to_contain_text("No plan on any of these devices")

    edited = views.nth(6)
    edited.get_by_role("slider", name="Bandwidth [TB/s]").press("ArrowRight")
    edited.get_by_role("button", name="Edit the model").click()
    typed(edited, "Layers", "many")
    for place in (6, 7):
        expect(views.nth(place).get_by_role("status")).to_contain_text("Recommended plan: tokens/s")
        expect(views.nth(place).get_by_role("alert")).to_contain_text("Must be a number")
    views.nth(7).get_by_role("button", name="Reset all").click()
    for place in (6, 7):
        expect(views.nth(place).get_by_role("status")).to_contain_text("Nothing is changed yet")
        expect(views.nth(place).get_by_role("alert")).to_have_count(0)
        layers = views.nth(place).get_by_role("textbox", name="Layers", exact=True)
        expect(layers).to_have_value("32")

    with notebook.kernel() as kernel:
        assert kernel.read("[planner.batch, planner.axis, planner.largest > 0]") == [
            64,
            "input_tokens",
            True,
        ]
        assert kernel.read("[comparer.metric, finder.requests_per_s]") == ["tokens_per_usd", 25]
        kernel.run("planner.close(); comparer.close(); finder.close(); what_if.close()")
    expect(notebook.page.locator(".llmcalc-form")).to_have_count(0)
