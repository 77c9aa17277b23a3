"""A notebook open in JupyterLab: run it, look at it, reach its kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page

from tests.browser.kernel import Kernel, connected
from tests.browser.server import LabServer
from tests.browser.watch import watched

LIGHT = "JupyterLab Light"
DARK = "JupyterLab Dark"

_RUN_TRIES = 5
_RUN_TAKEN_MS = 3_000
_POLL_MS = 50

_CODE_CELLS = """
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.widgets.filter(
        cell => cell.model.type === "code" && cell.model.sharedModel.getSource().trim());
"""
_RUN_ALL = "() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
_RUN_TAKEN = f"""() => {{ {_CODE_CELLS}
    return cells.some(cell => cell.model.executionCount || cell.model.executionState !== "idle");
}}"""
_ALL_RAN = f"""() => {{ {_CODE_CELLS}
    return cells.every(cell => cell.model.executionCount)
        && panel.sessionContext.session?.kernel?.status === "idle";
}}"""
_OPEN_HERE = """async ([path, id]) => {
    const panel = await window.jupyterapp.commands.execute(
        "docmanager:open", {path, factory: "Notebook", kernel: id ? {id} : undefined});
    await panel.context.ready;
    await panel.sessionContext.ready;
}"""
_CLOSE_ALL = """() => {
    for (const panel of [...window.jupyterapp.shell.widgets("main")]) {
        if (panel.context) panel.context.model.dirty = false;
        panel.close();
    }
}"""
_FIRST_ERROR = f"""() => {{ {_CODE_CELLS}
    for (const cell of cells)
        for (const output of cell.model.outputs.toJSON())
            if (output.output_type === "error")
                return `${{output.ename}}: ${{output.evalue}}\\n${{output.traceback.join("\\n")}}`;
    return null;
}}"""


class NotebookPage:
    """One notebook in one browser tab.

    Attributes
    ----------
    page : Page
        Playwright's page, for locators of the test's own.
    problems : list of str
        Console errors, uncaught errors, failed answers and requests to other hosts, so far.
    """

    def __init__(self, page: Page, server: LabServer) -> None:
        self.page = page
        self.problems = watched(page, server.url)
        self._server = server
        self._notebook = ""

    def open(self, notebook: str) -> None:
        """Open a notebook of the server's folder, with the kernel up and the side bar closed."""
        self._notebook = notebook
        workspace = quote(Path(notebook).stem)
        self.page.goto(
            f"{self._server.url}lab/workspaces/{workspace}/tree/{quote(notebook)}"
            f"?reset&token={self._server.token}"
        )
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
        self.page.evaluate(
            """async () => {
                await window.jupyterapp.restored;
                window.jupyterapp.shell.collapseLeft();
                await window.jupyterapp.shell.currentWidget.sessionContext.ready;
            }"""
        )
        self.wait_until(self._kernel_is_free, "the kernel to be connected and idle")

    def open_lab(self) -> None:
        """Open JupyterLab without a notebook, with the side bar closed."""
        self.page.goto(f"{self._server.url}lab/workspaces/tests?reset&token={self._server.token}")
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=60_000)
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")

    def open_here(self, notebook: str, kernel: str) -> str:
        """Open a notebook in the JupyterLab that is open.

        Parameters
        ----------
        notebook : str
            A file in the server's folder.
        kernel : str
            Id of a running kernel that it is to have; a new one where it is empty.

        Returns
        -------
        str
            Id of its kernel.
        """
        self._notebook = notebook
        self.page.evaluate(_OPEN_HERE, [notebook, kernel])
        self.wait_until(self._kernel_is_free, "the kernel to be connected and idle")
        session = self._server.session(notebook)
        return str(session["kernel"]["id"]) if session else ""

    def close_notebooks(self) -> None:
        """Close every notebook of this page without saving it; their kernels go on."""
        self.page.evaluate(_CLOSE_ALL)
        self.page.locator(".jp-NotebookPanel").first.wait_for(state="detached")

    def open_in(self, page: Page) -> NotebookPage:
        """Open the same notebook, with its kernel, in another browser tab."""
        other = NotebookPage(page, self._server)
        other.open(self._notebook)
        return other

    def run_all(self, *, timeout_s: float = 120) -> None:
        """Run every cell and wait until each has its prompt number.

        JupyterLab drops a run that it is given before the kernel has connected, so a run that no
        cell has taken up is given again.

        Raises
        ------
        RuntimeError
            Where a cell raised.
        TimeoutError
            Where the cells did not run in time.
        """
        for _ in range(_RUN_TRIES):
            self.page.evaluate(_RUN_ALL)
            if self._holds_soon(_RUN_TAKEN, within_ms=_RUN_TAKEN_MS):
                break
        self.wait_until(
            lambda: self.page.evaluate(_ALL_RAN), "all cells to run", timeout_s=timeout_s
        )
        error = self.page.evaluate(_FIRST_ERROR)
        if error:
            message = f"a cell of {self._notebook} raised {error}"
            raise RuntimeError(message)

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """Connect to the kernel that runs this notebook."""
        session = self._server.session(self._notebook)
        if session is None:
            message = f"{self._notebook} has no kernel"
            raise RuntimeError(message)
        with connected(self._server.connection_file(session["kernel"]["id"])) as kernel:
            yield kernel

    def end_session(self) -> None:
        """Shut down the kernel that runs this notebook, if one does."""
        self._server.end_session(self._notebook)

    def set_theme(self, theme: str) -> None:
        """Switch JupyterLab to a theme: ``LIGHT``, ``DARK`` or any other installed one.

        JupyterLab remembers it; a notebook that ``open_notebook`` opens starts in the light one.
        """
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        body = self.page.locator(f'body[data-jp-theme-name="{theme}"]')
        body.wait_for(state="attached", timeout=30_000)

    def hide_code(self) -> None:
        """Collapse the code of every cell, so that a screenshot shows the outputs."""
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('notebook:hide-all-cell-code')"
        )

    def wait_until(self, holds: Callable[[], object], what: str, *, timeout_s: float = 30) -> None:
        """Wait for a condition while Playwright's own loop goes on.

        Raises
        ------
        TimeoutError
            With ``what`` was waited for and the problems so far.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                message = f"waited {timeout_s} s for {what}; problems: {self.problems or 'none'}"
                raise TimeoutError(message)
            self.page.wait_for_timeout(_POLL_MS)

    def screenshot(self, file: Path) -> Path:
        """Write what is seen to a PNG file."""
        self.page.screenshot(path=file)
        return file

    def _holds_soon(self, script: str, *, within_ms: int) -> bool:
        for _ in range(within_ms // _POLL_MS):
            if self.page.evaluate(script):
                return True
            self.page.wait_for_timeout(_POLL_MS)
        return False

    def _kernel_is_free(self) -> bool:
        session = self._server.session(self._notebook)
        return (
            session is not None
            and session["kernel"]["connections"] >= 1
            and session["kernel"]["execution_state"] == "idle"
        )
