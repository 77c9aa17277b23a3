"""How many candidates a request has, before anything is worked out."""

from __future__ import annotations

from llmcalc_core.planning.cases import Case, cases_of
from llmcalc_core.planning.plan_table import plan_table
from llmcalc_core.planning.request import EvaluationRequest, check_request

_ROW_BYTES = 270
"""Bytes of a candidate in a frame: 8 for each of some 30 figures, and 1 to 4 for the others."""


def rows_of(case: Case, request: EvaluationRequest) -> int:
    """Count the candidates of a case."""
    plans = plan_table(case.model, request.devices, request.contexts, request.serves)
    loads = len(request.request_rates or request.batches)
    lengths = len(request.input_tokens) * len(request.output_tokens)
    return len(plans.replicas) * loads * lengths


def checked_cases(request: EvaluationRequest) -> tuple[Case, ...]:
    """Give the cases of a request, if they do not have too many candidates together.

    Raises
    ------
    ValueError
        If it is no request, or there are more than ``max_candidates``, with how many there are and
        what would do.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> request = make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8], max_candidates=5)
    >>> checked_cases(request)
    Traceback (most recent call last):
    ...
    ValueError: a request must have at most 5 candidates (max_candidates), got 6 (a frame of about \
0.0 GB): ask for fewer batches, lengths or devices, for more, or a file (explore(to=...))
    """
    check_request(request)
    cases = tuple(cases_of(request))
    check_count(request, sum(rows_of(case, request) for case in cases))
    return cases


def check_count(request: EvaluationRequest, rows: int) -> None:
    """Refuse more candidates than a request may have; see :func:`checked_cases`."""
    if rows > request.max_candidates:
        msg = (
            f"a request must have at most {request.max_candidates} candidates (max_candidates), "
            f"got {rows} (a frame of about {rows * _ROW_BYTES / 1e9:.1f} GB): ask for fewer "
            "batches, lengths or devices, for more, or a file (explore(to=...))"
        )
        raise ValueError(msg)
