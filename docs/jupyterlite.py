"""The tutorials as a static site: ``python docs/jupyterlite.py NEW_FOLDER``.

Needs ``pip install jupyterlite-core==0.8.6 jupyterlite-pyodide-kernel==0.8.6 jupyter-server build``
and the extra ``widgets``. The site has a wheel of this checkout and the notebooks, each with a
first cell that installs it. Python itself (pyodide), numpy, pandas and matplotlib come from a CDN
when a page is opened, and scripts of bqplot and anywidget from the site.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

ROOT = Path(__file__).parents[1]
INSTALL = "%pip install -q llmcalc-planner[{extras}]"
NEEDS_SWEEP = ".parquet"
"""What a notebook that writes files of a sweep has in it; pyarrow is too large to load for all."""


def notebooks(folder: Path) -> None:
    """Copy the examples, each with a cell that installs the project."""
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns(".*"))
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        sweep = any(NEEDS_SWEEP in cell.source for cell in notebook.cells)
        install = INSTALL.format(extras="still,sweep,widgets" if sweep else "still,widgets")
        cell = nbformat.v4.new_code_cell(install, id="install")
        notebook.cells.insert(0, cell)
        nbformat.write(notebook, path)


def main() -> None:
    """Build the site."""
    site = Path(sys.argv[1]).resolve()
    python = Path(sys.executable)
    with TemporaryDirectory() as work:
        here = Path(work)
        notebooks(here / "files")
        run(python, "-m", "build", "--wheel", "--outdir", here / "wheel", ROOT, at=here)
        (wheel,) = (here / "wheel").glob("*.whl")
        what = ("--contents", "files", "--piplite-wheels", wheel, "--output-dir", site)
        run(python.with_name("jupyter-lite"), "build", *what, at=here)
    sys.stdout.write(f"{site}: {sum(1 for _ in site.rglob('*'))} files\n")


def run(*command: str | Path, at: Path) -> None:
    """Run a program of this environment."""
    subprocess.run([str(one) for one in command], cwd=at, check=True)  # noqa: S603 - no shell


if __name__ == "__main__":
    main()
