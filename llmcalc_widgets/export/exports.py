"""What an explorer gives away: the code behind it, stills, and what a notebook stores of it."""

from __future__ import annotations

from html import escape
from typing import Any

from llmcalc_widgets.chart.captions import status_words
from llmcalc_widgets.chart.chart import Chart
from llmcalc_widgets.chart.selection import Selection
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.export.displayed import Pictured, Still
from llmcalc_widgets.export.front_stills import paint_chart
from llmcalc_widgets.export.outputs import Outputs
from llmcalc_widgets.export.widget_code import explorer_code
from llmcalc_widgets.table.columns import COLUMNS, cells
from llmcalc_widgets.text.request_words import question_words

MOST_ROWS = 40
"""Plans of the front that the table has room for."""


class Exports(Pictured):
    """Methods of an explorer that write down what it shows at this moment."""

    chart: Chart
    outputs: Outputs
    error: str
    _pointed: Selection

    def to_code(self) -> str:
        """Write the Python that gives ``df``, ``front`` and, if a plan is selected, ``selected``.

        Returns
        -------
        str
            A program that calls :func:`llmcalc_core.explore`. What is pinned and compared is in
            its ``others`` and ``fronts``, by name.
        """
        return explorer_code(self._view(), self._pointed.row, self.outputs.compared)

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the chart on matplotlib's figure: plans, front, 80 % band, limits and legend."""
        paint_chart(figure, self.chart.drawing, self._view())

    def _view(self) -> ChartView:
        """Give what is shown.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        if self.outputs.view is None:
            msg = f"the explorer needs an evaluation first: {self.error}"
            raise ValueError(msg)
        return self.outputs.view

    def still(self) -> Still | None:
        """Give the picture, where matplotlib is installed, and the front as a table."""
        view = self.outputs.view
        if view is None:
            return None
        png = self.png_if_possible()
        return Still(words=summary_of(view), html=front_table(view), png=png)


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
    heads = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in cells(view, shown)
    )
    return (
        f"<table><caption>{caption}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
