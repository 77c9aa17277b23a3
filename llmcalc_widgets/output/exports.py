"""What an explorer gives away: the code behind it."""

from __future__ import annotations

from llmcalc_widgets.output.code import code_of
from llmcalc_widgets.output.outputs import Outputs
from llmcalc_widgets.view.scene import Scene
from llmcalc_widgets.view.selection import Selection


class Exports:
    """Methods of an explorer that write down what it shows."""

    outputs: Outputs
    error: str
    _pointed: Selection

    def to_code(self) -> str:
        """Write the Python that gives the ``df``, ``front`` and ``selected`` of this moment.

        Returns
        -------
        str
            A program that calls :func:`llmcalc_core.explore`.
        """
        return code_of(self._scene(), self._pointed.row)

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
