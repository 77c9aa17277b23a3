"""A load curve seen by one latency and one percentile: its values, its limit, its knee."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from llmcalc_widgets.chart.axes import AXES, Quantity, Values
from llmcalc_widgets.settings.load import LoadQuestion
from llmcalc_widgets.state import LoadState

_QUANTITIES = {"ttft": "ttft", "tpot": "tpot", "e2e": "e2e_latency"}
"""Latencies of a curve, and the axes that show them."""

DRAWN = ("p50", "p90", "p99")
"""Percentiles that are always drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a plan is on its curve.

    Attributes
    ----------
    rate : float
        Requests per second of one of its replicas [1/s].
    words : str
        What that rate is.
    """

    rate: float
    words: str


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadView:
    """What is drawn of a load curve, and what is said of it.

    Attributes
    ----------
    curve : DataFrame
        A row per rate, the lowest first; see :func:`llmcalc_core.load_curve`.
    question : LoadQuestion
        What it is of.
    latency, percentile : str
        What is looked at, as the settings of a load curve name it.
    here : Here or None
        Where the plan is on it.
    """

    curve: pd.DataFrame
    question: LoadQuestion
    latency: str
    percentile: str
    here: Here | None = None

    @property
    def quantity(self) -> Quantity:
        """The latency as an axis shows it."""
        return AXES[_QUANTITIES[self.latency]]

    @property
    def subject(self) -> str:
        """What is looked at, in words."""
        noun = self.quantity.noun
        return f"mean {noun}" if self.percentile == "mean" else f"{self.percentile} of {noun}"

    @cached_property
    def rates(self) -> Values:
        """Requests that are sent per second [1/s]."""
        return self.curve["request_rate"].to_numpy(np.float64)

    def seconds(self, percentile: str) -> Values:
        """Give a percentile of the latency at every rate [s]; NaN where there is none."""
        return self.curve[f"{self.latency}_{percentile}_s"].to_numpy(np.float64)

    @property
    def known(self) -> bool:
        """Whether requests have this latency; those of one token have no time per token."""
        return bool(np.isfinite(self.seconds(self.percentile)).all())

    @property
    def limit_s(self) -> float | None:
        """The limit on the latency [s], if there is one."""
        return self.question.limit_s(self.latency)

    @cached_property
    def overloaded(self) -> int | None:
        """The first rate at which the server does not keep up, by its place; None for none."""
        return _first(self.curve["overloaded"].to_numpy(bool))

    @property
    def knee(self) -> int:
        """How many rates, from the lowest on, the server keeps up with."""
        return len(self.rates) if self.overloaded is None else self.overloaded

    @cached_property
    def within(self) -> int | None:
        """The largest rate up to which the limit is kept, by its place; None for none.

        A server that does not keep up keeps no limit: it is a matter of time.
        """
        over = np.zeros(len(self.rates), dtype=bool)
        if self.limit_s is not None:
            over = ~(self.seconds(self.percentile) <= self.limit_s)
        first = _first(over)
        count = self.knee if first is None else min(first, self.knee)
        return count - 1 if count else None


def load_view(state: LoadState, here: Here | None = None) -> LoadView | None:
    """Look at the curve of a state as its settings say; None where it has none."""
    found = state.found
    if found.curve is None or found.question is None:
        return None
    return LoadView(
        curve=found.curve,
        question=found.question,
        latency=state.load_latency,
        percentile=state.load_percentile,
        here=here,
    )


def _first(marked: np.ndarray) -> int | None:
    return int(marked.argmax()) if marked.any() else None
