"""Hosts that the extra ``test`` does not install, in an environment of their own.

It has the packages of this one too, after its own, so that what hosts bring (another server,
extensions of JupyterLab) disturbs no other test.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

REQUIREMENTS = (
    "panel>=1.9,<2",
    "ipywidgets_bokeh>=1.8,<2",
    "solara-ui>=1.64,<2",
    "solara-server[starlette]>=1.64,<2",
    "solara-assets",  # Solara's own scripts, else from a CDN, of ...
    "ipyvuetify<2",  # ... Vuetify 2
)
INSTALL_S = 120
DATA = Path(sysconfig.get_path("data"), "share", "jupyter")
"""Of Jupyter, with the scripts of bqplot, anywidget and ipywidgets for the page."""

_CDN = re.compile(r"https://(?:unpkg\.com|cdn\.jsdelivr\.net/npm)/(\w+)@[^/]*/dist/(\w+)(?:\.js)?$")
"""Where pages without these scripts ask for one: package and file."""


def host_python(cache: Path) -> Path:
    """Install the hosts, and give the interpreter of their environment; skip where that fails.

    Parameters
    ----------
    cache : Path
        A folder that stays; an environment of the same requirements in it is taken as it is.
    """
    wanted = hashlib.sha256("\n".join((sys.prefix, sys.version, *REQUIREMENTS)).encode())
    folder = cache / wanted.hexdigest()[:12]
    python = folder / "bin" / "python"
    if python.exists():
        return python
    venv.create(folder, with_pip=False)
    site = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(site, "tests_own.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    done = subprocess.run(  # noqa: S603 - the line above
        [*install, *REQUIREMENTS], capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode:
        shutil.rmtree(folder)
        why = f"the hosts cannot be installed: {done.stderr[-500:]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return python


def give_scripts(page: Page) -> None:
    """Answer a page that asks a CDN for the scripts of widgets with those that are installed."""

    def give(route: Route) -> None:
        found = _CDN.match(route.request.url)
        file = DATA / "nbextensions" / found[1] / f"{found[2]}.js" if found else None
        if file is None or not file.exists():
            route.abort()
            return
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(path=file, content_type="text/javascript", headers=headers)

    page.route(_CDN, give)
