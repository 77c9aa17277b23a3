"""What a notebook stores of the explorer, to be read without a kernel: words and a table."""

from __future__ import annotations

from html import escape

from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.table.columns import COLUMNS, cells
from llmcalc_widgets.text.sentences import question_words, status_words

MOST_ROWS = 40
"""Plans of the front that the table has room for."""


def summary_of(scene: Scene) -> str:
    """Say in a line of text what is shown."""
    deployed, workload = question_words(scene.evaluation.request)
    count = status_words(scene, len(scene.frame), None)
    return f"ParetoExplorer: {deployed}; {workload}; {count}"


def front_table(scene: Scene) -> str:
    """Write the plans on the front as HTML, from left to right."""
    shown = scene.front[:MOST_ROWS]
    left = len(scene.front) - len(shown)
    more = f", {left:,} more are left out" if left else ""
    caption = f"{escape(summary_of(scene))}. Plans on the Pareto front{more}"
    heads = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in cells(scene, shown)
    )
    return (
        f"<table><caption>{caption}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
