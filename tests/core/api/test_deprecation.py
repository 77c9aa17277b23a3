"""Names of 0.1.0: they still work, and say what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core.deprecation import accepts_old_names

PHASE, TPOT, TTFT = (
    f"{old} is deprecated and goes with the next version: use {new}"
    for old, new in (
        ("stage", "phase"), ("latency_limit_s", "tpot_limit_s"), ("latency_limit_s", "ttft_limit_s")
    )
)  # fmt: skip


@pytest.mark.parametrize("function", [llm.explore, llm.make_request])
@pytest.mark.parametrize(
    ("phase", "message", "limit"),
    [("decode", TPOT, "tpot"), ("serving", TPOT, "tpot"), ("prefill", TTFT, "ttft")],
)
def test_stage_and_its_limit(
    function: Callable[..., Any], phase: str, message: str, limit: str
) -> None:
    asked = {"model": "llama2_7b", "hardware": "A100_80GB", "devices": 2, "batch": [1, 64]}
    now = function(**asked, phase=phase, **{f"{limit}_limit_s": 0.05})
    with (
        pytest.warns(DeprecationWarning, match=PHASE),
        pytest.warns(DeprecationWarning, match=message),
    ):
        before = function(**asked, stage=phase, latency_limit_s=0.05)
    with pytest.warns(DeprecationWarning, match=message):
        mixed = function(**asked, phase=phase, latency_limit_s=0.05)
    for found in (before, mixed):
        if isinstance(now, pd.DataFrame):
            pd.testing.assert_frame_equal(found, now)
        else:
            assert found == now


def test_a_request_takes_and_tells_them() -> None:
    usual = llm.make_request("llama2_7b", "A100_80GB", 2)
    with pytest.warns(DeprecationWarning, match=PHASE):
        prefill = replace(usual, stage="prefill")  # type: ignore[call-arg]
    assert prefill.phase == "prefill"
    with pytest.warns(DeprecationWarning, match=TTFT):
        limited = replace(prefill, latency_limit_s=0.5)  # type: ignore[call-arg]
    assert (limited.ttft_limit_s, limited.tpot_limit_s) == (0.5, None)
    with pytest.warns(DeprecationWarning, match=TPOT):
        limited = replace(usual, latency_limit_s=0.5)  # type: ignore[call-arg]
    assert (limited.ttft_limit_s, limited.tpot_limit_s) == (None, 0.5)


@pytest.mark.parametrize(("phase", "message"), [("prefill", TTFT), ("decode", TPOT)])
def test_a_request_still_has_them(phase: str, message: str) -> None:
    limits = {"ttft_limit_s": 0.5, "tpot_limit_s": 0.05}
    request = llm.make_request("llama2_7b", "A100_80GB", 2, phase=phase, **limits)
    with pytest.warns(DeprecationWarning, match=PHASE) as told:
        assert request.stage == phase
    assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=message) as told:
        assert request.latency_limit_s == limits[message.rsplit(maxsplit=1)[-1]]
    assert told[0].filename == __file__


def test_the_list_of_phases() -> None:
    with pytest.warns(DeprecationWarning, match="STAGES is deprecated .*: use PHASES"):
        assert llm.STAGES == llm.PHASES == ("prefill", "decode", "serving")
    with pytest.raises(AttributeError, match="'STAGE'"):
        _ = llm.STAGE


def test_the_warning_is_where_the_old_name_is() -> None:
    @accepts_old_names(stage="phase")
    def plan(*, phase: str = "decode") -> str:
        return phase

    with pytest.warns(DeprecationWarning, match=PHASE) as told:
        assert plan(stage="prefill") == "prefill"  # type: ignore[call-arg]
    assert told[0].filename == __file__
    assert plan() == "decode"
