"""One JupyterLab page and one kernel, in which one test after the other opens its notebook."""

from __future__ import annotations

from playwright.sync_api import Browser, ViewportSize

from tests.browser.kernel import connected
from tests.browser.page import LIGHT, NotebookPage
from tests.browser.server import LabServer

_RESET = """
from ipywidgets import Widget
Widget.close_all()
get_ipython().reset(new_session=True)
"""


class SharedLab:
    """JupyterLab, opened once: that takes longer than most tests, and so do a kernel's imports.

    Between two notebooks the page closes the first, and the kernel closes its widgets and forgets
    its names. What is left of a test that failed is thrown away.

    Parameters
    ----------
    browser : Browser
        Where its page is.
    server : LabServer
        What it shows, and where its kernel runs.
    window : ViewportSize
        Of the page.
    """

    def __init__(self, browser: Browser, server: LabServer, window: ViewportSize) -> None:
        self._browser, self._server, self._window = browser, server, window
        self._lab: NotebookPage | None = None
        self._kernel = ""
        self._alone = ""

    def open(self, notebook: str, *, own_kernel: bool = False) -> NotebookPage:
        """Open a notebook of the server's folder and run all its cells.

        Parameters
        ----------
        notebook : str
            Its file.
        own_kernel : bool
            Whether it gets a kernel that no other test uses.
        """
        lab = self._lab or self._new_page()
        self._lab = lab
        shared = self._kernel if self._server.is_running(self._kernel) else ""
        kernel = lab.open_here(notebook, "" if own_kernel else shared)
        if own_kernel:
            self._alone = notebook
        else:
            self._kernel = kernel
        lab.set_theme(LIGHT)
        lab.run_all()
        return lab

    def close(self) -> None:
        """Close what is open, and make ready for the next notebook."""
        if self._lab is not None:
            self._lab.close_notebooks()
        self._server.end_session(self._alone)
        self._alone = ""
        if self._server.is_running(self._kernel):
            with connected(self._server.connection_file(self._kernel)) as kernel:
                kernel.run(_RESET)

    def discard(self) -> None:
        """Throw page and kernel away; the next notebook gets new ones."""
        if self._lab is not None:
            self._lab.page.context.close()
        self._server.end_kernels()
        self._lab, self._kernel = None, ""

    def _new_page(self) -> NotebookPage:
        context = self._browser.new_context(viewport=self._window)
        lab = NotebookPage(context.new_page(), self._server)
        lab.open_lab()
        return lab
