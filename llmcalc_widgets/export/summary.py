"""What a notebook stores of an explorer, to be read without a kernel: words and a table."""

from __future__ import annotations

from html import escape

from llmcalc_widgets.chart.captions import status_words
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.table.columns import cells, columns_of
from llmcalc_widgets.text.request_words import question_words

MOST_ROWS = 40
"""Plans of the front that the table has room for."""


def summary_of(view: ChartView) -> str:
    """Say in a line of text what is shown."""
    deployed, workload = question_words(view.evaluation.request)
    count = status_words(view, len(view.frame), None)
    return f"ParetoExplorer: {deployed}; {workload}; {count}"


def front_table(view: ChartView) -> str:
    """Write the plans on the front as HTML, from left to right."""
    shown = view.front[:MOST_ROWS]
    left = len(view.front) - len(shown)
    more = f", {left:,} more are left out" if left else ""
    caption = f"{escape(summary_of(view))}. Plans on the Pareto front{more}"
    request = view.evaluation.request
    headings = (column.heading_of(request) for column in columns_of(view))
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in cells(view, shown)
    )
    return (
        f"<table><caption>{caption}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
