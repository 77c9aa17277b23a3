"""What an explorer gives away: the code behind it, stills, and what a notebook stores of it."""

from __future__ import annotations

from importlib.util import find_spec

from llmcalc_widgets.output.code import code_of
from llmcalc_widgets.output.displayed import Displayed, Still
from llmcalc_widgets.output.outputs import Outputs
from llmcalc_widgets.output.reading import front_table, summary_of
from llmcalc_widgets.output.still import picture
from llmcalc_widgets.view.chart import Chart
from llmcalc_widgets.view.scene import Scene
from llmcalc_widgets.view.selection import Selection


class Exports(Displayed):
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

    def to_png(self) -> bytes:
        """Draw the chart as a PNG file.

        Returns
        -------
        bytes
            The file: plans, front, 80 % band, limits, titles with units and the legend.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``still`` installs.
        """
        return picture(self.chart.drawing, self._scene(), "png")

    def to_svg(self) -> str:
        """Draw the chart as the text of an SVG file; see :meth:`to_png`.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``still`` installs.
        """
        return picture(self.chart.drawing, self._scene(), "svg").decode()

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
        png = self.to_png() if find_spec("matplotlib") else None
        return Still(words=summary_of(scene), html=front_table(scene), png=png)
