"""What stays in the page of widgets that were opened and closed: next to nothing.

See :class:`llmcalc_widgets.transport.disposal.Disposal` for what JupyterLab would keep without it.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import CDPSession

from tests.browser.conftest import OpenNotebook
from tests.browser.page import NotebookPage

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="mixtral_8x7b", devices=32, batch_max=1024, phase="decode")
explorer
"""
OPENED = 3
LEFT_NODES = 50
"""Nodes that may be left of each; an open explorer has over 3,000, and Jupyter's menus a few."""
SPARE_NODES = 500
"""Nodes that JupyterLab's own menus and dialogs may add; an explorer has thousands."""
PAUSE_MS = 500

_CLOSE = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.save();
    await panel.sessionContext.shutdown();
    panel.close();
}"""


def nodes(session: CDPSession) -> int:
    """Count the nodes of the page that something holds, shown or not."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    return int(session.send("Memory.getDOMCounters")["nodes"])


def wait_until_gone(notebook: NotebookPage, session: CDPSession, most: int) -> None:
    """Wait until there are fewer nodes, and pause in between: to count them takes long."""

    def gone() -> bool:
        if nodes(session) < most:
            return True
        notebook.page.wait_for_timeout(PAUSE_MS)
        return False

    notebook.wait_until(gone, "the nodes to go")


def test_explorers_are_gone_when_their_notebook_is_closed(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    session = notebook.page.context.new_cdp_session(notebook.page)
    with_one = nodes(session)
    with notebook.kernel() as kernel:
        for _ in range(OPENED):
            kernel.run("explorer.close()")
            notebook.run_all()
    notebook.page.evaluate(_CLOSE)
    notebook.page.locator(".jp-NotebookPanel").wait_for(state="detached")
    wait_until_gone(notebook, session, with_one + SPARE_NODES)


@pytest.mark.parametrize("made", ["ParetoExplorer", "SloFinder", "Workbench"])
def test_of_closed_widgets_nothing_is_left(open_notebook: OpenNotebook, made: str) -> None:
    notebook = open_notebook([f"from llmcalc_widgets import {made}\nwidget = {made}()\nwidget"])
    session = notebook.page.context.new_cdp_session(notebook.page)
    with notebook.kernel() as kernel:
        kernel.run("widget.close()")
        notebook.run_all()
        with_one = nodes(session)
        for _ in range(OPENED):
            kernel.run("widget.close()")
            notebook.run_all()
    wait_until_gone(notebook, session, with_one + OPENED * LEFT_NODES)
