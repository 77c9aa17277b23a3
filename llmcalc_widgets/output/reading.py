"""What a notebook stores of the explorer, to be read without a kernel: words, table and picture."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from llmcalc_widgets.output.columns import COLUMNS, cells
from llmcalc_widgets.view.scene import Scene
from llmcalc_widgets.view.sentences import question_words, status_words

MOST_ROWS = 40
"""Plans of the front that the table has room for."""


def summary_of(scene: Scene) -> str:
    """Say in a line of text what is shown."""
    deployed, workload = question_words(scene.evaluation.request)
    count = status_words(scene, len(scene.frame), None)
    return f"ParetoExplorer: {deployed}; {workload}; {count}"


def page_of(scene: Scene, still: bytes | None) -> dict[str, str]:
    """Write the picture, if there is one, and the front as a table.

    Parameters
    ----------
    scene : Scene
        What is shown.
    still : bytes or None
        A PNG file.

    Returns
    -------
    dict of str to str
        'text/html' and perhaps 'image/png', the latter in base 64.
    """
    words = escape(summary_of(scene))
    if still is None:
        return {"text/html": f"<div><p>{words}</p>{_table(scene)}</div>"}
    coded = b64encode(still).decode()
    image = f'<img alt="{words}" style="max-width:100%" src="data:image/png;base64,{coded}">'
    return {"text/html": f"<div>{image}{_table(scene)}</div>", "image/png": coded}


def _table(scene: Scene) -> str:
    """Write the plans on the front, from left to right."""
    shown = scene.front[:MOST_ROWS]
    left = len(scene.front) - len(shown)
    more = f", {left:,} more are left out" if left else ""
    heads = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in cells(scene, shown)
    )
    return (
        f"<table><caption>Plans on the Pareto front{more}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
