"""axe-core finds nothing serious in the explorer, in either theme, with all its parts open."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from llmcalc_widgets.panels.load import TITLE
from tests.browser.conftest import OpenNotebook
from tests.browser.page import DARK, LIGHT

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama2_7b", hardware="A100_80GB", devices=2, batch_max=8, compared=({"hardware": "L4"},),
    phase="decode",
)
explorer.select(0)
explorer.form.reveal("More settings")
explorer.form.fields["devices_min"].text.value = "nonsense"
explorer
"""
WHATEVER = """
from IPython.display import display
from llmcalc_widgets import HardwareComparer, MemoryPlanner, PoolPlanner, SloFinder, WhatIf
shown = [
    explorer, MemoryPlanner(), HardwareComparer(), SloFinder(), PoolPlanner(), WhatIf(),
]
for one in shown:
    for title in one.form.folds:
        one.form.reveal(title)
for fold in shown[-1].folds.values():
    fold.reveal()
display(*shown[1:])
"""
UNEXPLAINED = """() => [...document.querySelectorAll(
        '.llmcalc-row :is(input, select, [role=slider])')]
    .filter(control => control.offsetParent && control.type !== 'radio')
    .filter(control => {
        const label = control.closest('.jupyter-widgets').querySelector('.widget-label');
        const titled = control.closest('[title]') || label?.querySelector('[title]');
        return !titled || !titled.title || titled.title === 'null';
    })
    .map(control => control.closest('.jupyter-widgets').textContent)"""
GRAVE = ("serious", "critical")


def test_nothing_serious_in_either_theme(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    for name in ("Why this plan?", TITLE, "Table of plans", "Python code", "Files"):
        page.get_by_role("button", name=name).click()
    found = []
    for theme in (LIGHT, DARK):
        notebook.set_theme(theme)
        expect(page.locator(".llmcalc-fronts")).to_be_visible()
        results = Axe().run(page, context=".llmcalc-row").response
        assert len(results["passes"]) > 10
        found += [
            f"{theme}: {one['id']}: {node['target']} {node['html'][:200]}"
            for one in results["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"]
        ]
    assert not found, "\n".join(found)


def test_every_control_has_a_tooltip(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE, WHATEVER])
    page = notebook.page
    page.get_by_role("button", name="Table of plans").click()
    expect(page.locator(".llmcalc-table").get_by_label("Filter")).to_be_visible()
    expect(page.locator(".llmcalc-what-if").first).to_be_attached()
    notebook.wait_until(lambda: page.evaluate(UNEXPLAINED) == [], "every control to be explained")
    model = page.locator(".llmcalc-row").first.get_by_label("Model", exact=True)
    expect(model).to_have_accessible_name("Model")
    expect(model).to_have_attribute("title", "What is deployed: type part of a name to search")
