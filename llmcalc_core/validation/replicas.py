"""Data parallelism of a row: replicas of a dense model, attention ranks of a mixture."""

from __future__ import annotations

from collections.abc import Mapping

from llmcalc_core.model.config import ModelConfig
from llmcalc_core.validation.cells import count_or_one


def replicas_and_ranks(fields: Mapping[str, str], config: ModelConfig) -> tuple[int, int | None]:
    """Read the column ``dp``, where a file has it.

    Engines share the experts of a mixture among data parallel ranks; those of a dense model have
    nothing in common, and each serves its part of the requests.

    Returns
    -------
    tuple of (int, int or None)
        Replicas of the model, and attention ranks of each; None where the layout decides.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> dense, mixture = find_model("llama3_8b"), find_model("mixtral_8x7b")
    >>> replicas_and_ranks({"dp": "4"}, dense), replicas_and_ranks({"dp": "4"}, mixture)
    ((4, None), (1, 4))
    >>> replicas_and_ranks({}, dense)
    (1, None)
    """
    width = count_or_one(fields, "dp") if "dp" in fields else 1
    if config.num_experts > 1 and width > 1:
        return 1, width
    return width, None
