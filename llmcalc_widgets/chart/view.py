"""An evaluation seen along two axes: its values, its front, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core import Evaluation, pareto_mask
from llmcalc_widgets.chart.axes import AXES, DEFAULT_AXES, Quantity, Values, axes_of, usual_axes
from llmcalc_widgets.chart.ticks import limits

Rows = NDArray[np.intp]

_REACH = 3.0
"""A limit line is drawn up to this factor beyond the plans."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChartView:
    """What the chart draws, and what every count and list beside it is about.

    Attributes
    ----------
    evaluation : Evaluation
        Every plan.
    names : tuple of two str
        The axes across and up, as keys of ``AXES``.
    colour_by : str
        What tells plans apart in colour, a key of ``COLOUR_WORDS``.
    """

    evaluation: Evaluation
    names: tuple[str, str]
    colour_by: str = "tp"

    @property
    def frame(self) -> pd.DataFrame:
        """Every plan."""
        return self.evaluation.frame

    def same_axes(self, other: ChartView) -> bool:
        """Say whether another view has the same axes, of the same phase and percentile."""
        return self.axes == other.axes

    @cached_property
    def axes(self) -> tuple[Quantity, Quantity]:
        """The quantities across and up."""
        across, up = (AXES[name].of(self.evaluation.request) for name in self.names)
        return across, up

    @cached_property
    def values(self) -> tuple[Values, Values]:
        """Every plan's values across and up."""
        across, up = self.axes
        return across.values(self.evaluation), up.values(self.evaluation)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whether both values of a plan are known, and above 0 as logarithmic axes need them.

        Cost and energy are not known on every device, and a device may be free.
        """
        across, up = (np.isfinite(values) & (values > 0) for values in self.values)
        return across & up

    @cached_property
    def bands(self) -> tuple[Values, Values] | None:
        """Ends of every plan's 80 % band along :attr:`banded`; None if neither axis has one."""
        return None if self.banded is None else self.axes[self.banded].bands(self.evaluation)

    @property
    def banded(self) -> int | None:
        """The axis whose bands are drawn: 0 across, else 1 up; None if neither has one."""
        return next((at for at, axis in enumerate(self.axes) if axis.banded), None)

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Whether a plan is rejected."""
        return self.evaluation.rejected

    @cached_property
    def widths(self) -> NDArray[np.int32]:
        """Every plan's width, or count, that gives it its colour."""
        return self.evaluation.column(self.colour_by)

    @property
    def default_axes(self) -> bool:
        """Whether the front of the axes is the one that the evaluation has found already.

        One over a time orders plans as the time itself does.
        """
        (across, up), (latency, rate) = self.names, DEFAULT_AXES[self.evaluation.request.phase]
        return up == rate and AXES[across].column == AXES[latency].column

    @cached_property
    def front(self) -> Rows:
        """Rows on the Pareto front of the two axes, from left to right."""
        if self.default_axes:
            mask = self.evaluation.column("on_front")
        else:
            across, up = (axis.cost(self.evaluation) for axis in self.axes)
            mask = pareto_mask(np.where(self.rejected, np.nan, across), 1 / up)
        rows = np.flatnonzero(mask)
        return rows[np.argsort(self.values[0][rows], kind="stable")]

    @cached_property
    def front_frame(self) -> pd.DataFrame:
        """The plans on the front, from left to right."""
        return self.frame.iloc[self.front]

    @cached_property
    def limits(self) -> tuple[float | None, float | None]:
        """Limits across and up that are near enough to the plans to be drawn."""
        across, up = map(self._limit, (0, 1))
        return across, up

    def _limit(self, at: int) -> float | None:
        limit = self.axes[at].limit(self.evaluation.request)
        if limit is None:
            return None
        low, high = limits(self.values[at])
        return limit if low / _REACH < limit < high * _REACH else None


def chart_view(
    evaluation: Evaluation, x_axis: str | None, y_axis: str | None, colour_by: str = "tp"
) -> ChartView:
    """Look at an evaluation along chosen axes, or those usual in its phase."""
    return ChartView(
        evaluation=evaluation,
        names=axes_of(usual_axes(evaluation.request), x_axis, y_axis),
        colour_by=colour_by,
    )
