"""A request in, an evaluation out: what is asked, the whole path, and ``explore`` over both."""

from llmcalc_core.evaluation.answer import Evaluation, evaluate
from llmcalc_core.evaluation.asked import (
    BATCHES,
    HardwareLike,
    ModelLike,
    PrecisionLike,
    make_request,
)
from llmcalc_core.evaluation.every_plan import explore

__all__ = [
    "BATCHES",
    "Evaluation",
    "HardwareLike",
    "ModelLike",
    "PrecisionLike",
    "evaluate",
    "explore",
    "make_request",
]
