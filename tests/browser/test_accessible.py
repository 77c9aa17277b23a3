"""axe-core finds nothing serious in the explorer, in either theme, with all its parts open."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.page import DARK, LIGHT

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(
    model="llama2_7b", hardware="A100_80GB", devices=2, batch_max=8, compared=({"hardware": "L4"},)
)
explorer.select(0)
explorer.form.fields["devices_min"].text.value = "nonsense"
explorer
"""
GRAVE = ("serious", "critical")


def test_nothing_serious_in_either_theme(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    page = notebook.page
    for name in ("Why this plan?", "Table of plans", "Python code", "Files"):
        page.get_by_role("button", name=name).click()
    found = []
    for theme in (LIGHT, DARK):
        notebook.set_theme(theme)
        expect(page.locator(".llmcalc-rivals")).to_be_visible()
        results = Axe().run(page, context=".llmcalc-row").response
        assert len(results["passes"]) > 10
        found += [
            f"{theme}: {one['id']}: {node['target']} {node['html'][:200]}"
            for one in results["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"]
        ]
    assert not found, "\n".join(found)
