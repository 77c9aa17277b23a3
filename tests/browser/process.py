"""Start a server of Jupyter's as a process of its own, with all its files in one folder."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path

START_TIMEOUT_S = 90
ROOT = Path(__file__).parents[2]
"""Of the repository: the packages that kernels import are those beside these tests."""

_ROOMS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
"""Folders that Jupyter writes to, by the environment variable that names them."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def running(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    is_up: Callable[[], object],
    *,
    python: Path | str = sys.executable,
    **extra: str,
) -> Iterator[None]:
    """Run a module until the context ends.

    Parameters
    ----------
    module : str
        Which.
    arguments : sequence of str
        On its command line.
    folder : Path
        Where its files go, the log among them.
    is_up : callable
        Asks it something, and raises while it does not answer.
    python : Path or str
        The interpreter that runs it, by default this one.
    **extra : str
        Environment variables beside those that name folders.

    Raises
    ------
    RuntimeError
        With its log, where it does not answer in time.
    """
    rooms = {name: folder / room for name, room in _ROOMS.items()}
    for room in rooms.values():
        room.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [str(python), "-m", module, *arguments],
            env={
                **environ,
                "PYTHONPATH": str(ROOT),
                **{name: str(room) for name, room in rooms.items()},
                **extra,
            },
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_up(is_up, process, log)
            yield
        finally:
            process.terminate()


def _wait_until_up(
    is_up: Callable[[], object], process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            is_up()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)  # no page is open yet, so nothing waits for Playwright's loop
        else:
            return
    message = f"the server did not answer within {START_TIMEOUT_S} s:\n{log.read_text()}"
    raise RuntimeError(message)
