"""A request in, an evaluation out: the whole path of a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import architecture
from llmcalc_core.planning.frame import LABELS, Cases, as_frame, column_of
from llmcalc_core.planning.names import names_of
from llmcalc_core.planning.objective import front_of, gain_of
from llmcalc_core.planning.performance import LATENCY_COLUMNS
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.planning.table import REASONS, candidates

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The figures of one candidate, each read from its column when it is asked for.

    Attributes
    ----------
    evaluation : Evaluation
        Whose.
    row : int
        Its row in the frame.
    """

    evaluation: Evaluation
    row: int

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - figures differ in type
        """Read a figure by the name of its column."""
        return self.evaluation.column(name)[self.row]

    def get(self, name: str, default: Any) -> Any:  # noqa: ANN401 - as above
        """Read a figure, or give the default where plans have none of this name."""
        return self[name] if self.evaluation.has(name) else default


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The answer to a request: every candidate.

    Attributes
    ----------
    request : EvaluationRequest
        The question.
    cases : list
        The columns of each model, device, precision and way to serve, made when they are asked
        for; none are kept beside the frame.
    frame : DataFrame
        One row per candidate; see :func:`explore` for its columns. Made when it is first read.
    """

    request: EvaluationRequest
    cases: Cases = field(repr=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per candidate."""
        request, names = self.request, names_of(self.request)
        frame = as_frame(
            self.cases,
            models=tuple(names.model),
            hardware=tuple(names.hardware),
            precisions=tuple(names.precision),
            techniques=request.techniques,
            engine=request.engine,
        )
        if request.objective != "throughput":
            frame["on_front"] = front_of(frame, request.objective, self.latency_column)
        self.cases.clear()
        return frame

    def has(self, name: str) -> bool:
        """Say whether plans have a figure of this name, beside what they were asked for."""
        return name in (self.cases[0][1] if self.cases else self.frame)

    def column(self, name: str) -> NDArray[Any]:
        """Give the values of a column, without the others if it can.

        Parameters
        ----------
        name : str
            Which.

        Returns
        -------
        array
            One value per candidate: a number, a truth or, of a category, a word.
        """
        judged = name == "on_front" and self.request.objective != "throughput"
        if judged or not self.cases:
            return self.frame[name].to_numpy()
        values = column_of(self.cases, name)
        return np.array(LABELS[name], dtype=object)[values] if name in LABELS else values

    def plan(self, row: int) -> Plan:
        """Give the figures of one candidate, without making the frame."""
        return Plan(evaluation=self, row=row)

    @cached_property
    def rejected(self) -> NDArray[np.bool_]:
        """Whether a candidate is rejected."""
        if not self.cases:
            return (self.frame["rejected_for"] != "").to_numpy()
        reasons = column_of(self.cases, "rejected_for")
        return np.asarray(reasons != REASONS.index(""))

    @property
    def latency_column(self) -> str:
        """Column of the stage's latency: time per output token, or to the first token [s]."""
        return LATENCY_COLUMNS[self.request.stage]

    @property
    def band_columns(self) -> tuple[str, str]:
        """Columns of the ends of its 80 % band [s]."""
        name = self.latency_column.removesuffix("_s")
        return f"{name}_low_s", f"{name}_high_s"

    @cached_property
    def front(self) -> pd.DataFrame:
        """The candidates on the Pareto front, by latency."""
        latency = self.column(self.latency_column)[self._front_rows]
        return self.frame.iloc[self._front_rows[np.argsort(latency, kind="stable")]]

    @cached_property
    def feasible(self) -> pd.DataFrame:
        """The candidates that are not rejected."""
        return self.frame[~self.rejected]

    @cached_property
    def recommended(self) -> int | None:
        """Row of the front that is best at the objective; None if none fits."""
        if not len(self._front_rows):
            return None
        gain = gain_of(self.column, self.request.objective)[self._front_rows]
        return int(self._front_rows[gain.argmax()])

    @cached_property
    def _front_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.column("on_front"))


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Estimate every candidate of a request.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.

    Returns
    -------
    Evaluation
        The request and the frame of candidates.
    """
    names = names_of(request)
    position = {precision: at for at, precision in enumerate(names.precision.values())}
    cases = [
        (
            (model_at, hardware_at, position[precision], technique_at),
            candidates(architecture(model), hardware, precision, techniques, request),
        )
        for model_at, model in enumerate(request.models)
        for hardware_at, hardware in enumerate(request.hardware)
        for precision in request.precisions_of(model)
        for technique_at, techniques in enumerate(request.techniques)
    ]
    return Evaluation(request=request, cases=cases)
