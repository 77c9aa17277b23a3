"""What an explorer gives the kernel: the frames of what is drawn, and the plan selected in it."""

from __future__ import annotations

from typing import Any

import traitlets

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.chart.selection import Selection, check_row
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.frames import Frame
from llmcalc_widgets.runner import Session


class Published(traitlets.HasTraits):
    """Traits to read and observe, of the evaluation that is shown.

    Attributes
    ----------
    df, front, selected, selection, selected_row, request
        See :class:`~llmcalc_widgets.apps.explorer.ParetoExplorer`.
    """

    df = Frame(read_only=True)
    front = Frame(read_only=True)
    selected = Frame(read_only=True)
    selection = Frame(read_only=True)
    selected_row: Any = traitlets.Any(None)
    request = traitlets.Instance(EvaluationRequest, allow_none=True, read_only=True)

    _session: Session
    _pointed: Selection

    def select(self, row: int | None) -> None:
        """Select a row of ``df``, or none.

        Raises
        ------
        ValueError
            If ``df`` has no such row.
        """
        check_row(row, self._session.evaluation)
        self._pointed.row = row

    @traitlets.validate("selected_row")
    def _check_row(self, proposal: Any) -> int | None:  # noqa: ANN401 - traitlets is untyped
        try:
            return check_row(proposal["value"], self._session.evaluation)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None

    @traitlets.observe("selected_row")
    def _point(self, change: dict[str, Any]) -> None:
        self._pointed.row = change["new"]

    def _publish(self, scene: ChartView) -> None:
        """Give what is drawn."""
        with self.hold_trait_notifications():
            self.set_trait("df", lambda: scene.evaluation.frame)
            self.set_trait("front", lambda: scene.front_frame)
            self.set_trait("request", scene.evaluation.request)
            self._publish_selection()

    def _publish_selection(self) -> None:
        """Give what is pointed at in it."""
        evaluation = self._session.evaluation
        row, brushed = self._pointed.row, self._pointed.brushed
        if evaluation is None:
            return
        rows = [*brushed] if brushed is not None else [] if row is None else [row]
        self.selected_row = row
        self.set_trait("selected", None if row is None else lambda: evaluation.frame.iloc[row])
        self.set_trait("selection", lambda: evaluation.frame.iloc[rows or slice(0)])
