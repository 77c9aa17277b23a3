"""``python -m tests.notebooks``: run the example notebooks and keep what readers see of them.

Kept are tables, text and still pictures; not kept is what only a kernel makes use of or what
differs from run to run: live views, states of widgets, times, and addresses of objects.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))
VIEW = "application/vnd.jupyter.widget-view+json"
_LONGEST_S = 600
_KEPT = {"image/png", "text/html", "text/plain"}


def renewed(path: Path) -> NotebookNode:
    """Run a notebook, and give it with outputs that need no kernel."""
    notebook = nbformat.read(path, as_version=4)
    kernel = notebook.metadata.kernelspec
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook, timeout=_LONGEST_S, resources=where, store_widget_state=False, record_timing=False
    ).execute()
    notebook.metadata = NotebookNode(kernelspec=kernel)
    for number, cell in enumerate((one for one in notebook.cells if "outputs" in one), start=1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)
        cell.outputs = [_kept(one, number) for one in cell.outputs if _is_seen(one)]
    return notebook


def _is_seen(output: NotebookNode) -> bool:
    """Say whether an output shows something without a kernel; warnings on stderr are noise."""
    if output.output_type == "stream":
        return bool(output.name == "stdout")
    return bool(
        output.output_type in {"display_data", "execute_result"} and VIEW not in output.data
    )


def _kept(output: NotebookNode, number: int) -> NotebookNode:
    """Keep what is shown of an output."""
    if output.output_type == "stream":
        return output
    data = {kind: value for kind, value in output.data.items() if kind in _KEPT}
    fields = {"output_type": output.output_type, "data": data, "metadata": {}}
    if output.output_type == "execute_result":
        fields["execution_count"] = number
    return nbformat.from_dict(fields)


def main() -> None:
    """Renew the named notebooks, or all."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    named = set(sys.argv[1:])
    for path in EXAMPLES:
        if not named or path.stem in named:
            nbformat.write(renewed(path), path)


if __name__ == "__main__":
    main()
