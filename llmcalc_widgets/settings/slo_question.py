"""``SloQuestion``: which replicas are simulated, and what percentile keeps which limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from llmcalc_core import CHECKPOINT, EvaluationRequest, slo_replicas
from llmcalc_widgets.text.request_words import arguments_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SloQuestion:
    """What is asked of replicas; see :func:`llmcalc_core.slo_replicas`.

    Attributes
    ----------
    request : EvaluationRequest
        Of single replicas, in phase serving, with the limits.
    percentile : float
        Part of the requests that must be within the limits [1].
    """

    request: EvaluationRequest
    percentile: float

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that ask for the replicas."""
        request = self.request
        (precision,) = request.precisions
        return {
            "replica_devices": request.devices,
            "engine": request.engine,
            "input_tokens": request.input_tokens[0],
            "output_tokens": request.output_tokens[0],
            "batch": request.batches,
            "precision": CHECKPOINT if precision is None else precision,
            "memory_fraction": request.memory_fraction,
            "ttft_limit_s": request.ttft_limit_s,
            "tpot_limit_s": request.tpot_limit_s,
            "percentile": self.percentile,
            **arguments_of(request.techniques[0]),
        }

    def replicas(self, progress: Callable[[float], object] | None = None) -> pd.DataFrame:
        """Simulate them.

        Parameters
        ----------
        progress : callable, optional
            Takes the share that is done; the rest is cancelled where it returns False.

        Raises
        ------
        ValueError
            For what is not simulated, such as speculative decoding.
        """
        request = self.request
        return slo_replicas(
            request.models[0], list(request.hardware), progress=progress, **self.arguments()
        )
