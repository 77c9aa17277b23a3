"""What stays in the page of explorers that were opened and closed.

While a notebook's kernel lives, JupyterLab 4.6 holds every comm that was ever open: its CommHandler
listens to the kernel's status and never stops, and through the comm it holds the widget's model,
which holds its views. Closed widgets of any kind stay so in the page. They go with the kernel.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import CDPSession

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4)
explorer
"""
OPENED = 3
SPARE_NODES = 500
"""Nodes that JupyterLab's own menus and dialogs may add; an explorer has thousands."""

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
    notebook.wait_until(lambda: nodes(session) < with_one + SPARE_NODES, "the nodes to go")
