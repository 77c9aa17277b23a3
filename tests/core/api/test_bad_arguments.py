"""Arguments that can't be the key of anything kept are refused in words, as all bad ones are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm

UNHASHABLE = (["0.11"], [[1]], {"a": 1}, {1, 2}, np.array([1.5, 2.5]), pd.Series([1.0]))
ESTIMATES = (
    llm.estimate_prefill_performance, llm.estimate_decode_performance,
    llm.estimate_serving_performance, llm.estimate_end_to_end_performance,
)  # fmt: skip
CASES = [
    *((function, name) for function in ESTIMATES for name in (
        "engine", "engine_version", "enforce_eager", "constants", "system_name", "bits",
        "tensor_parallel", "memory_fraction", "input_tokens",
    )),
    (llm.estimate_decode_performance, "debug"),
    (llm.estimate_serving_performance, "max_num_seqs"),
    (llm.estimate_serving_performance, "chunked_prefill"),
    (llm.get_best_parallelization_strategy, "debug"),
    (llm.get_best_parallelization_strategy, "total_nodes"),
    (llm.get_best_parallelization_strategy, "stage"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "name"), CASES, ids=[f"{function.__name__}-{name}" for function, name in CASES]
)
def test_what_has_no_hash_is_refused_in_words(function: Callable[..., Any], name: str) -> None:
    for value in UNHASHABLE:
        given = {"model": "llama3_8b"} | {name: value}
        with pytest.raises(ValueError, match=r"must|needs|unknown") as told:
            function(**given)
        assert "ambiguous" not in str(told.value)


def test_true_is_no_number_of_requests_though_it_is_kept_as_one() -> None:
    llm.estimate_serving_performance("llama3_8b", max_num_seqs=1)
    with pytest.raises(ValueError, match="max_num_seqs must be a whole number"):
        llm.estimate_serving_performance("llama3_8b", max_num_seqs=True)
    with pytest.raises(ValueError, match="enforce_eager must be True or False"):
        llm.estimate_serving_performance("llama3_8b", enforce_eager=0)  # type: ignore[arg-type]
