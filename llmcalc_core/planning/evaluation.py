"""A request in, an evaluation out: the whole path of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.parallel import in_threads
from llmcalc_core.planning.blocks import Block
from llmcalc_core.planning.candidates import Candidates
from llmcalc_core.planning.case_grid import CaseGrid, candidates_of, lay_out
from llmcalc_core.planning.cases import Case, cases_of
from llmcalc_core.planning.columns import COLUMNS, column_names, value_of
from llmcalc_core.planning.frame import case_values, filled, frame_of, front
from llmcalc_core.planning.performance import TIMES
from llmcalc_core.planning.recommendation import recommended_row
from llmcalc_core.planning.request import EvaluationRequest, check_request
from llmcalc_core.planning.size import check_count, checked_cases, rows_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanFigures:
    """The figures of one candidate, each read when it is asked for.

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
        return self.evaluation.value(name, self.row)

    def get(self, name: str, default: Any) -> Any:  # noqa: ANN401 - as above
        """Read a figure, or give the default where plans have none of this name."""
        return self[name] if self.evaluation.has(name) else default


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The answer to a request: every candidate.

    What it holds are arrays over the layouts of each case; columns over all plans, and the frame
    of them, are made when they are first read. The times of the static phase that the request is
    not about, which some columns need, are added then, too.

    Attributes
    ----------
    request : EvaluationRequest
        The question.
    cases : tuple of CaseGrid
        The plans and workloads of each model, device, precision and way to serve.
    candidates : dict of Block to Candidates
        Those of every block of the cases, with the times of the request's phase.
    frame : DataFrame
        One row per candidate; see :func:`explore` for its columns.
    """

    request: EvaluationRequest
    cases: tuple[CaseGrid, ...] = field(repr=False)
    candidates: dict[Block, Candidates] = field(repr=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per candidate; names, reasons and bounds are categories."""
        both = self._with_other_phase
        return frame_of(self.request, self.cases, lambda _, some: both[some])

    def has(self, name: str) -> bool:
        """Say whether plans have a figure of this name, beside what they were asked for."""
        return name in column_names(self.request)

    def column(self, name: str) -> NDArray[Any]:
        """Give the values of a column, without the others.

        Parameters
        ----------
        name : str
            Which.

        Returns
        -------
        array
            One value per candidate: a number, a truth or, of a category, a word.
        """
        values, labels = self._values(name), COLUMNS[name].labels
        return np.array(labels, dtype=object)[values] if labels else values

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401 - figures differ in type
        """Give one value of a column, without the others of it.

        Raises
        ------
        KeyError
            If candidates have no such column.
        """
        if name == "on_front":
            return self._on_front[row]
        case, own = self._case_of(row)
        if name not in COLUMNS:
            return case_values(self.request, case)[name]
        candidates = self._candidates_for(name)
        places = ((some, some.place(case.shape, own)) for some in case.blocks)
        some, place = next((some, place) for some, place in places if place is not None)
        value, labels = value_of(candidates[some], name, place), COLUMNS[name].labels
        return labels[value] if labels else value

    def basis_reason(self, row: int) -> str:
        """Say in a sentence why the times of a candidate rest on no more than they do."""
        return self._case_of(row)[0].basis.reason

    def _case_of(self, row: int) -> tuple[CaseGrid, int]:
        """Give the case of a row, and which row of it that is."""
        for case in self.cases:
            if row < case.rows:
                return case, row
            row -= case.rows
        msg = f"row must be below the number of candidates, got {row} too many"
        raise IndexError(msg)

    def plan(self, row: int) -> PlanFigures:
        """Give the figures of one candidate, without making the frame."""
        return PlanFigures(evaluation=self, row=row)

    @cached_property
    def rejected(self) -> NDArray[np.bool_]:
        """Whether a candidate is rejected."""
        return np.asarray(self._values("rejected_for") != 0)

    @property
    def latency_column(self) -> str:
        """Column of the phase's latency: time per output token, or to the first token [s]."""
        return TIMES[self.request.phase]

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
        """Row of the quickest plan on the front within 2 % of the best; None if none fits.

        Best is what the objective says; see
        :func:`llmcalc_core.planning.recommendation.recommended_row`.
        """
        return recommended_row(self.column, self.request)

    @property
    def at_edge(self) -> bool:
        """Whether the recommended plan has the largest batch that was tried, of several."""
        row = self.recommended
        return row is not None and self.request.is_largest_batch(self.value("batch", row))

    @cached_property
    def _front_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self._on_front)

    @cached_property
    def _on_front(self) -> NDArray[np.bool_]:
        return front(self.request, self._filled, self.cases)

    def _values(self, name: str) -> NDArray[Any]:
        """Give a column; a category as positions in its labels."""
        return self._on_front if name == "on_front" else self._filled(name)

    def _filled(self, name: str) -> NDArray[Any]:
        """Fill a column with the figures of every case."""
        candidates = self._candidates_for(name)
        return filled((name,), self.cases, lambda _, some: candidates[some])[name]

    def _candidates_for(self, name: str) -> dict[Block, Candidates]:
        """Give the candidates with the times that a column needs."""
        known = next(iter(self.candidates.values())).performance
        both = any(getattr(known, time) is None for time in COLUMNS[name].times)
        return self._with_other_phase if both else self.candidates

    @cached_property
    def _with_other_phase(self) -> dict[Block, Candidates]:
        return {some: found.with_other_phase() for some, found in self.candidates.items()}


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Estimate every candidate of a request.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.

    Returns
    -------
    Evaluation
        The request and all its candidates.
    """
    return _evaluated(request, checked_cases(request))


def evaluate_frame(request: EvaluationRequest) -> pd.DataFrame:
    """Estimate every candidate of a request, and keep the frame alone.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.

    Returns
    -------
    DataFrame
        That of :func:`evaluate`.
    """
    laid = [lay_out(case, request) for case in checked_cases(request)]
    return frame_of(request, laid, lambda case, some: candidates_of(case, some).with_other_phase())


def evaluate_cases(request: EvaluationRequest) -> Iterator[Evaluation]:
    """Estimate the candidates of a request case by case, one after the other.

    For sweeps larger than memory: each model, device, precision and way to serve is a part of its
    own, whose frame can be written before the next is estimated.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.

    Yields
    ------
    Evaluation
        Of one case; the frames of all have the same columns and categories, and one after the
        other they are that of :func:`evaluate`. Only ``on_front`` of the objectives 'cost' and
        'energy', which compares devices, is that of the case alone.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> request = make_request("llama2_7b", ["A100_80GB", "L40S"], 1, batch=[1, 8])
    >>> [len(part.frame) for part in evaluate_cases(request)]
    [2, 2]
    """
    check_request(request)
    for case in cases_of(request):
        check_count(request, rows_of(case, request))
        yield _evaluated(request, (case,))


def _evaluated(request: EvaluationRequest, cases: Iterable[Case]) -> Evaluation:
    """Estimate every candidate of some cases of a request."""
    laid = tuple(lay_out(case, request) for case in cases)
    found: dict[Block, Candidates] = {}
    for case in laid:
        each = in_threads(partial(candidates_of, case), case.blocks)
        found |= zip(case.blocks, each, strict=True)
    return Evaluation(request=request, cases=laid, candidates=found)
