"""``LoadCurves``: what the widgets share that show the load curve of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcalc_widgets.apps.app import App
from llmcalc_widgets.apps.forwarded import traits_of
from llmcalc_widgets.chart.load_view import load_view
from llmcalc_widgets.export.load_still import load_still
from llmcalc_widgets.frame_trait import Frame
from llmcalc_widgets.runner.loads import LoadRunner
from llmcalc_widgets.settings.load import LOAD_SETTINGS
from llmcalc_widgets.state import LoadState

_LoadTraits: Any = traits_of(LoadState, LOAD_SETTINGS, "load")


class LoadCurves(_LoadTraits, App):
    """A widget with the load curve of one of its plans.

    Attributes
    ----------
    load_latency, load_percentile : str
        What is shown and said of the curve; see :class:`~llmcalc_widgets.settings.load.LoadValues`.
    load_curve : DataFrame or None
        Latencies over requests per second, of the plan that is shown; see
        :func:`llmcalc_core.load_curve`. None until it is unfolded and computed. Read-only.
    load : LoadState
        Its settings, and what was found.
    """

    load_curve = Frame(read_only=True)

    def make_load(self, values: Mapping[str, Any]) -> None:
        """Make the state of the curve of what is set of it, and ``loads``, which computes curves.

        It is called before ``__init__`` of this class, as the state has some of its traits.
        """
        self.load = LoadState(**values)
        self.loads = LoadRunner(self.load)

    def follow_load(self) -> None:
        """Give the kernel the curve that is shown, from now on."""
        self.load.observe(lambda change: self._give_load(change["new"].curve), "found")

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        if self._parts:
            self.loads.close()
        super().close()

    def load_still(self) -> str:
        """Write the curve that is seen in HTML, for readers without a kernel; empty for none."""
        view = load_view(self.load)
        return "" if view is None else load_still(view)

    def _give_load(self, curve: Any) -> None:  # noqa: ANN401 - a frame or None
        self.set_trait("load_curve", curve)


def split_load(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the settings of a load curve out of others: first these, then the others."""
    own = {name: value for name, value in values.items() if name in LOAD_SETTINGS}
    return own, {name: value for name, value in values.items() if name not in own}
