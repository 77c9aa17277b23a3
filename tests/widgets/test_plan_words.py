"""One way to write a plan: factors that multiply to its devices, and a flag of an engine each."""

from __future__ import annotations

import math
import re

import pytest

from llmcalc_core import explore
from llmcalc_widgets.state import PLAN
from llmcalc_widgets.text.plan_words import layout_words, named_layout, plan_words, split_words

TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def plans():
    return explore(
        "deepseek_v3", "H200_141GB", devices=[8, 16], phase="serving", context_parallel=[1, 2],
        batch=[16, 64],
    )  # fmt: skip


def test_a_plan_multiplies_out_to_its_devices(plans) -> None:
    for _, row in plans.iterrows():
        factors = re.sub(r" \(EP \d+\)", "", layout_words(row))
        assert math.prod(int(one) for one in re.findall(r"\d+", factors)) == row["devices"]


def test_no_two_plans_have_the_same_words(plans) -> None:
    words = [plan_words(row, "serving") for _, row in plans.iterrows()]
    devices = plans["devices"].to_numpy()
    assert len({*zip(words, devices, strict=True)}) == len(plans)


def test_what_issue_23_saw() -> None:
    # "TP 1 x PP 2, replicas 1, devices 8": the rest was attention_dp=4.
    row = {"tp": 1, "pp": 2, "ep": 4, "attention_dp": 4, "replicas": 1, "batch": 8}
    assert split_words(row) == f"TP 1 {TIMES} PP 2 {TIMES} DP 4 (EP 4)"
    assert plan_words(row, "serving") == f"TP 1 {TIMES} PP 2 {TIMES} DP 4 (EP 4), 8 in flight"


def test_a_layout_of_0_1_0_is_found() -> None:
    row = {"tp": 2, "pp": 1, "ep": 8, "attention_dp": 4, "cp": 1, "replicas": 2}
    assert set(row) <= {*PLAN, "cp"}
    old = f"TP 2 {TIMES} PP 1 {TIMES} EP 8 {TIMES} DP 4 {TIMES} 2 replicas"
    assert named_layout(old, [layout_words(row)]) == layout_words(row)
