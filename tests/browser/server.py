"""A JupyterLab server of the tests' own, on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 90

# User settings: nothing asks the network, and every cell is drawn, also those out of sight.
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "extensionmanager-extension/plugin": {"enabled": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


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

    def end_sessions(self) -> None:
        """Shut down every notebook's kernel."""
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", method="DELETE")


@contextmanager
def lab_server(folder: Path) -> Iterator[LabServer]:
    """Run ``jupyter lab`` with all its files below ``folder`` until the context ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    rooms = {
        name: folder / name
        for name in ("notebooks", "config", "data", "runtime", "workspaces", "ipython")
    }
    for room in rooms.values():
        room.mkdir(parents=True)
    server = LabServer(
        url=f"http://127.0.0.1:{port}/",
        token=token,
        notebooks=rooms["notebooks"],
        runtime=rooms["runtime"],
    )
    log = folder / "server.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={server.notebooks}",
                f"--IdentityProvider.token={token}",
                "--LabApp.expose_app_in_browser=True",
            ],
            env={
                **environ,
                "JUPYTER_CONFIG_DIR": str(rooms["config"]),
                "JUPYTER_DATA_DIR": str(rooms["data"]),
                "JUPYTER_RUNTIME_DIR": str(rooms["runtime"]),
                "IPYTHONDIR": str(rooms["ipython"]),
                "JUPYTERLAB_SETTINGS_DIR": str(_write_settings(folder / "settings")),
                "JUPYTERLAB_WORKSPACES_DIR": str(rooms["workspaces"]),
            },
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_up(server, process, log)
            yield server
            server.end_sessions()
        finally:
            process.terminate()


def _write_settings(folder: Path) -> Path:
    for plugin, settings in _SETTINGS.items():
        file = folder / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    return folder


def _wait_until_up(server: LabServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.api("status")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)  # no page is open yet, so nothing waits for Playwright's loop
        else:
            return
    message = f"jupyter lab did not answer within {START_TIMEOUT_S} s:\n{log.read_text()}"
    raise RuntimeError(message)
