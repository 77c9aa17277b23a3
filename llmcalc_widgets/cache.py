"""Evaluations that are kept, as they are asked for again and again."""

from __future__ import annotations

from llmcalc_core import Evaluation, EvaluationRequest, evaluate

_MOST = 32


class Kept:
    """Evaluates, and keeps the evaluations that were used last."""

    def __init__(self) -> None:
        self._kept: dict[EvaluationRequest, Evaluation] = {}

    def evaluated(self, request: EvaluationRequest) -> Evaluation:
        """Give the evaluation of a request.

        Raises
        ------
        ValueError
            For a request that makes no sense.
        """
        found = self._kept.pop(request, None) or evaluate(request)
        self._kept[request] = found
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return found
