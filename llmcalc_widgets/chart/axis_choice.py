"""Two lists to choose the chart's axes from."""

from __future__ import annotations

from typing import Any

from ipywidgets import Dropdown, HBox, Layout

from llmcalc_widgets.apps.chart_options import ChartOptions
from llmcalc_widgets.chart.axes import AXES
from llmcalc_widgets.form.explaining import explained

_LISTS = {
    "x_axis": ("Across", "What the chart shows from left to right"),
    "y_axis": ("Up", "What the chart shows from bottom to top"),
}


class AxisChoice(HBox):
    """Shows what is across and up, and sets it.

    Parameters
    ----------
    options : ChartOptions
        What is set.
    """

    def __init__(self, options: ChartOptions) -> None:
        self._options = options
        self._stage = ""
        self._quiet = False
        self.lists = {
            name: Dropdown(
                options=[(axis.name, key) for key, axis in AXES.items()],
                **explained(label, about),
                layout=Layout(width="auto"),
                style={"description_width": "initial"},
            )
            for name, (label, about) in _LISTS.items()
        }
        super().__init__(
            list(self.lists.values()), layout=Layout(flex="1 1 auto", flex_flow="row wrap")
        )
        for chooser in self.lists.values():
            chooser.observe(self._chosen, "value")

    def show(self, names: tuple[str, str], stage: str) -> None:
        """Show the axes that are drawn."""
        self._stage, self._quiet = stage, True
        for chooser, name in zip(self.lists.values(), names, strict=True):
            chooser.value = name
        self._quiet = False

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            name = next(key for key, one in self.lists.items() if one is change["owner"])
            self._options.choose_axis(name, change["new"], self._stage)
