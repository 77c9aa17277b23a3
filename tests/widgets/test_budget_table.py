"""The memory that an engine holds, as bars beside the words of its log."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from llmcalc_core import memory_budget
from llmcalc_widgets.panels.budget_table import budget_table

_BAR = re.compile(r"<th scope=\"row\">([^<]+)</th>.*?margin-left:([\d.]+)%;width:([\d.]+)%")


def bars(budget: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Where the bar of each part begins, and how wide it is [%]."""
    rows = budget_table(budget).split("<tr>")
    found = (_BAR.search(row) for row in rows)
    return {one[1]: (float(one[2]), float(one[3])) for one in found if one}


@pytest.mark.parametrize(("engine", "whole"), [("vllm", "allowed memory"),
                                               ("sglang", "visible memory")])  # fmt: skip
def test_bars_lie_end_to_end_and_fill_what_may_be_used(engine: str, whole: str) -> None:
    budget = memory_budget("Qwen/Qwen3.5-27B", "H100_80GB", engine=engine, max_model_len=4096)
    drawn = bars(budget)
    begins = 0.0
    for part in list(drawn)[2:]:
        assert drawn[part][0] == pytest.approx(begins, abs=0.3)
        begins += drawn[part][1]
    assert begins == pytest.approx(drawn[whole][1], abs=0.5)
    share = budget.value_of("weights") / budget.value_of("visible memory")
    assert drawn["weights"] == (0.0, pytest.approx(100 * share, abs=0.06))


def test_what_is_missing_has_no_bar_and_it_is_said_that_it_does_not_start() -> None:
    short = memory_budget("llama3_70b", "H100_80GB")
    drawn = bars(short)
    assert drawn["KV cache pool"][1] == 0.0
    assert all(begins + wide <= 100.0 + 1e-9 for begins, wide in drawn.values())
    assert "no room for one such request" in budget_table(short)
    assert "max_position_embeddings" in budget_table(memory_budget("gpt2", max_model_len=4000))
    assert "does not start" not in budget_table(memory_budget("llama3_8b", "H100_80GB"))


def test_names_are_escaped() -> None:
    nasty = memory_budget("llama3_8b").replace("num_gpu_blocks", "<img src=x onerror=alert(1)>")
    assert "<img" not in budget_table(nasty)
    assert "&lt;img" in budget_table(nasty)
