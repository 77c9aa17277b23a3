"""What stays in the page of explorers that were opened and closed.

While a notebook's kernel lives, JupyterLab 4.6 holds every comm that was ever open: its CommHandler
listens to the kernel's status and never stops. The comm holds the widget's model (``_onClose`` is
bound to it), and the model every view that was made of it: ``WidgetView`` of ipywidgets says
``model.on("msg:custom", this.handle_message.bind(this))``, and its ``remove`` doesn't take it back.
So closed widgets of any kind stay in the page until the kernel ends, here as empty as can be.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import CDPSession

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.browser

MAKE = """
from llmcalc_widgets import ParetoExplorer
explorer = ParetoExplorer(model="mixtral_8x7b", devices=32, batch_max=1024)
explorer
"""
OPENED = 3
LEFT_NODES = 1_150
"""Nodes of the form's empty controls, for each closed explorer; an open one has over 3,000."""
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


def test_a_closed_explorer_leaves_its_empty_controls_at_most(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([MAKE])
    session = notebook.page.context.new_cdp_session(notebook.page)
    with notebook.kernel() as kernel:
        kernel.run("explorer.close()")
        notebook.run_all()
        with_one = nodes(session)
        for _ in range(OPENED):
            kernel.run("explorer.close()")
            notebook.run_all()
    notebook.wait_until(
        lambda: nodes(session) < with_one + OPENED * LEFT_NODES, "the nodes of points to go"
    )
