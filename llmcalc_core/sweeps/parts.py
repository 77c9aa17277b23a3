"""A request in parts of bounded size, each of which is evaluated by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.planning.blocks import ranges
from llmcalc_core.planning.case_grid import candidates_of, lay_out
from llmcalc_core.planning.cases import Case, cases_of
from llmcalc_core.planning.frame import frame_of
from llmcalc_core.planning.plan_table import plan_table
from llmcalc_core.planning.request import EvaluationRequest

if TYPE_CHECKING:
    import pandas as pd

ROWS = 2**19
"""Candidates of a part, unless one load of one pair of lengths has more: a frame of 140 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some workloads of one case, or of all hardware whose plans compete.

    Attributes
    ----------
    number : int
        Its position among the parts of the request.
    cases : tuple of int
        Positions of its cases among those of the request.
    loads, inputs, outputs : slice
        Which batches (or request rates) and lengths.
    rows : int
        Number of its candidates.
    group : int or None
        Parts of one group have one front together; None for a part that has its own.
    """

    number: int
    cases: tuple[int, ...]
    loads: slice
    inputs: slice
    outputs: slice
    rows: int
    group: int | None = None


def parts_of(request: EvaluationRequest, most: int = ROWS) -> Iterator[Part]:
    """Divide a request into parts.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.
    most : int
        Candidates of a part; where one load of one pair of lengths has more, a part has that.

    Yields
    ------
    Part
        By cases, then by lengths: plans compete within a length, so that most parts have a front
        of their own. Batches are divided where those of one pair of lengths are too many.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> request = make_request("llama2_7b", "A100_80GB", 1, batch=[1, 8], input_tokens=[10, 20])
    >>> [(part.inputs, part.loads) for part in parts_of(request, most=2)]
    [(slice(0, 1, None), slice(None, None, None)), (slice(1, 2, None), slice(None, None, None))]
    """
    loads = len(request.request_rates or request.batches)
    inputs, outputs = len(request.input_tokens), len(request.output_tokens)
    number = group = 0
    for cases in _rivals(request):
        plans = sum(_plans(request, at) for at in cases)
        together = 1 if request.exact_batch else loads
        few = ranges(loads, max(most / plans, 1)) if together > 1 else ranges(loads, loads)
        answers = ranges(outputs, most / (plans * loads))
        prompts = ranges(inputs, most / (plans * loads * outputs))
        for asked, answered in product(prompts, answers):
            lengths = len(range(inputs)[asked]) * len(range(outputs)[answered])
            for some in few:
                yield Part(
                    number=number,
                    cases=cases,
                    loads=some,
                    inputs=asked,
                    outputs=answered,
                    rows=plans * lengths * len(range(loads)[some]),
                    group=group if len(few) > 1 else None,
                )
                number += 1
            group += 1


def frame_of_part(request: EvaluationRequest, part: Part) -> pd.DataFrame:
    """Evaluate a part of a request.

    Parameters
    ----------
    request : EvaluationRequest
        The whole.
    part : Part
        One of its parts.

    Returns
    -------
    DataFrame
        Of the columns and categories of the whole; ``on_front`` is that of the part.
    """
    loads = "request_rates" if request.request_rates else "batches"
    own = replace(
        request,
        input_tokens=request.input_tokens[part.inputs],
        output_tokens=request.output_tokens[part.outputs],
        context_parallel=request.contexts,
        **{loads: getattr(request, loads)[part.loads]},
    )
    laid = [lay_out(_cases(request)[at], own) for at in part.cases]
    return frame_of(request, laid, lambda case, some: candidates_of(case, some).with_other_phase())


def places_of(request: EvaluationRequest, part: Part) -> NDArray[np.intp]:
    """Give the rows of the frame of a request that are those of a part, in its order."""
    loads = len(request.request_rates or request.batches)
    lengths = len(request.input_tokens), len(request.output_tokens)
    rows = [_plans(request, at) * loads * lengths[0] * lengths[1] for at in range(part.cases[-1])]
    starts = np.cumsum([0, *rows])
    found = [
        starts[at]
        + np.arange(_plans(request, at) * loads * lengths[0] * lengths[1])
        .reshape(-1, loads, *lengths)[:, part.loads, part.inputs, part.outputs]
        .reshape(-1)
        for at in part.cases
    ]
    return np.concatenate(found)


@lru_cache(maxsize=4)
def _cases(request: EvaluationRequest) -> tuple[Case, ...]:
    return tuple(cases_of(request))


def _plans(request: EvaluationRequest, at: int) -> int:
    model = _cases(request)[at].model
    table = plan_table(model, request.devices, request.contexts, request.serves)
    return len(table.replicas)


def _rivals(request: EvaluationRequest) -> list[tuple[int, ...]]:
    """Give cases whose plans compete: each by itself, or those that differ in hardware alone."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, case in enumerate(_cases(request)):
        model, hardware, *others = case.position
        alone = hardware if request.objective == "throughput" else 0
        groups.setdefault((model, alone, *others), []).append(at)
    return [tuple(own) for own in groups.values()]
