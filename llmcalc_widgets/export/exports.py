"""What an explorer gives away: the code behind it, stills, and what a notebook stores of it."""

from __future__ import annotations

from typing import Any

from llmcalc_widgets.chart.chart import Chart
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.selection import Selection
from llmcalc_widgets.export.chart_still import paint_chart
from llmcalc_widgets.export.code import code_of
from llmcalc_widgets.export.displayed import Pictured, Still
from llmcalc_widgets.export.outputs import Outputs
from llmcalc_widgets.export.reading import front_table, summary_of


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
        return code_of(self._scene(), self._pointed.row, self.outputs.rivals)

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the chart on matplotlib's figure: plans, front, 80 % band, limits and legend."""
        paint_chart(figure, self.chart.drawing, self._scene())

    def _scene(self) -> Scene:
        """Give what is shown.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        if self.outputs.scene is None:
            msg = f"the explorer needs an evaluation first: {self.error}"
            raise ValueError(msg)
        return self.outputs.scene

    def still(self) -> Still | None:
        """Give the picture, where matplotlib is installed, and the front as a table."""
        scene = self.outputs.scene
        if scene is None:
            return None
        png = self.png_if_possible()
        return Still(words=summary_of(scene), html=front_table(scene), png=png)
