"""How Sphinx builds the pages: ``sphinx-build -W docs docs/_build/html``.

Sphinx and not mkdocs, as numpydoc reads the docstrings as they are written here, checks that a
docstring's sections are known and its names exist, and as myst-nb takes the notebooks with the
outputs that are in them. A warning is an error.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
_EXAMPLES = HERE / "examples"

project = "llmcalc"
author = "The llmcalc authors"
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
html_theme = "furo"
html_title = f"llmcalc {release}"
root_doc = "start"
exclude_patterns = ["_build", "conf.py", "examples/measured/*.md"]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's words say more than the types
numpydoc_show_class_members = False
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # tests run the notebooks; here are the outputs in the files
suppress_warnings = [
    "myst.xref_missing",  # links to files of the repository, which a test follows
    "myst.header",  # notebooks begin with a title of their own
    "mystnb.unknown_mime_type",  # live views: a still picture stands beside each
]

# The notebooks and their pictures stand outside of this folder, and Sphinx reads what is inside.
if _EXAMPLES.exists():
    shutil.rmtree(_EXAMPLES)
shutil.copytree(HERE.parent / "examples", _EXAMPLES, ignore=shutil.ignore_patterns(".*", "*.csv"))
