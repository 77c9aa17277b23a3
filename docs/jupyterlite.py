"""The tutorials as a static site: ``python docs/jupyterlite.py FOLDER``.

Needs ``pip install jupyterlite-core==0.8.6 jupyterlite-pyodide-kernel==0.8.6 jupyter-server build``
and the extra ``widgets``. The site has a wheel of this checkout and the notebooks, each with a first
cell that installs it. Python itself (pyodide), numpy, pandas and matplotlib come from a CDN when a
page is opened, and scripts of bqplot and anywidget from the site.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

ROOT = Path(__file__).parents[1]
INSTALL = "%pip install -q llmcalc-planner[widgets,still]"


def notebooks(folder: Path) -> None:
    """Copy the examples, each with a cell that installs the project."""
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns(".*"))
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        cell = nbformat.v4.new_code_cell(INSTALL, id="install")
        notebook.cells.insert(0, cell)
        nbformat.write(notebook, path)


def main() -> None:
    """Build the site."""
    site = Path(sys.argv[1]).resolve()
    with TemporaryDirectory() as work:
        here = Path(work)
        notebooks(here / "files")
        run("build", "--wheel", "--outdir", str(here / "pypi"), str(ROOT), at=here)
        (wheel,) = (here / "pypi").glob("*.whl")
        site_of = ("--contents", "files", "--piplite-wheels", str(wheel), "--output-dir", str(site))
        run("jupyter", "lite", "build", *site_of, at=here)
    sys.stdout.write(f"{site}: {sum(1 for _ in site.rglob('*'))} files\n")


def run(module: str, *arguments: str, at: Path) -> None:
    """Run a module of this interpreter."""
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=at, check=True)  # noqa: S603 - of this interpreter


if __name__ == "__main__":
    main()
