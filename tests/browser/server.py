"""A JupyterLab server of the tests' own, on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.process import free_port, running

# User settings: nothing asks the network, and every cell is drawn, also those out of sight.
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "extensionmanager-extension/plugin": {"enabled": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_DISABLED = {"disabledExtensions": {"@jupyterlab/debugger-extension": True}}
"""What would log an error where a notebook is closed while it still asks the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabServer:
    """A running server.

    Attributes
    ----------
    url : str
        Address with a trailing slash, such as ``http://127.0.0.1:43121/``.
    token : str
        What a request must carry.
    notebooks : Path
        The folder that the server serves.
    runtime : Path
        The folder with the kernels' connection files.
    """

    url: str
    token: str
    notebooks: Path
    runtime: Path

    def api(self, path: str, *, method: str = "GET") -> Any:
        """Return the JSON answer of the server's REST API, such as ``api("kernels")``."""
        request = urllib.request.Request(  # noqa: S310 - the server on 127.0.0.1 started below
            f"{self.url}api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            text = answer.read()
        return json.loads(text) if text else None

    def session(self, notebook: str) -> dict[str, Any] | None:
        """Return the session of a notebook, or ``None`` while it has none."""
        return next((s for s in self.api("sessions") if s["path"] == notebook), None)

    def connection_file(self, kernel: str) -> Path:
        """Return where the kernel with this id can be reached."""
        return self.runtime / f"kernel-{kernel}.json"

    def is_running(self, kernel: str) -> bool:
        """Say whether a kernel with this id runs."""
        return any(one["id"] == kernel for one in self.api("kernels"))

    def end_session(self, notebook: str) -> None:
        """Shut down the kernel of a notebook, if it has one."""
        session = self.session(notebook)
        if session is not None:
            self.api(f"sessions/{session['id']}", method="DELETE")

    def end_kernels(self) -> None:
        """Shut down every kernel."""
        for kernel in self.api("kernels"):
            self.api(f"kernels/{kernel['id']}", method="DELETE")


@contextmanager
def lab_server(folder: Path) -> Iterator[LabServer]:
    """Run ``jupyter lab`` with all its files below ``folder`` until the context ends."""
    port = free_port()
    server = LabServer(
        url=f"http://127.0.0.1:{port}/",
        token=secrets.token_hex(16),
        notebooks=folder / "notebooks",
        runtime=folder / "runtime",
    )
    server.notebooks.mkdir(parents=True)
    arguments = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={server.notebooks}",
        f"--IdentityProvider.token={server.token}",
        "--LabApp.expose_app_in_browser=True",
    ]
    settings = str(_write_settings(folder / "settings"))
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps(_DISABLED))
    with running(
        "jupyterlab",
        arguments,
        folder,
        lambda: server.api("status"),
        JUPYTERLAB_SETTINGS_DIR=settings,
    ):
        yield server
        server.end_kernels()


def _write_settings(folder: Path) -> Path:
    for plugin, settings in _SETTINGS.items():
        file = folder / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    return folder
