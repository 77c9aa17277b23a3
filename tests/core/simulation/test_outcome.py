"""Figures of a run."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.recorder import POINTS
from llmcalc_core.simulation.scheduler import run
from tests.core.simulated import LinearSteps, requests_of, settings_of


def outcome_of(**changes: object) -> Outcome:
    """Two requests: a first token after 1 and 3 s, two more in 2 s each, and one of one token."""
    none = np.zeros(2, np.int64)
    values = {
        "arrival_s": np.array([0.0, 1.0]),
        "start_s": np.array([0.0, 3.0]),
        "first_token_s": np.array([1.0, 4.0]),
        "finish_s": np.array([5.0, 4.0]),
        "input_tokens": np.array([10, 20]),
        "output_tokens": np.array([3, 1]),
        "preemptions": none,
        "cached_tokens": none,
        "gap_s": np.array([2.0]),
        "gap_count": np.array([2]),
        "steps": 5,
        "timeline_s": np.zeros(2),
        "running": none,
        "waiting": none,
        "used_blocks": none,
    }
    return Outcome(**(values | changes))


def test_latencies_and_rates_by_hand() -> None:
    outcome = outcome_of()
    assert outcome.ttft_s.tolist() == [1.0, 3.0]
    assert outcome.e2e_s.tolist() == [5.0, 3.0]
    assert outcome.tpot_s[0] == 2.0
    assert math.isnan(outcome.tpot_s[1])
    assert outcome.mean("ttft") == 2.0
    assert outcome.mean("tpot") == outcome.mean("itl") == 2.0
    assert outcome.percentile("ttft", 0.9) == pytest.approx(2.8)
    assert outcome.duration_s == 5.0
    assert outcome.requests_per_s == 0.4
    assert outcome.tokens_per_s == 0.8


def test_inter_token_latencies_are_weighted_by_tokens() -> None:
    outcome = outcome_of(gap_s=np.array([3.0, 1.0, 2.0]), gap_count=np.array([1, 8, 1]))
    assert outcome.mean("itl") == pytest.approx(1.3)
    levels = (0, 0.5, 0.8, 0.85, 0.9, 0.95, 1)
    assert [outcome.percentile("itl", level) for level in levels] == [1, 1, 1, 2, 2, 3, 3]


def test_goodput_counts_what_is_within_the_limits() -> None:
    outcome = outcome_of()
    assert outcome.goodput() == 0.4
    assert outcome.goodput(ttft_s=2) == 0.2
    assert outcome.goodput(tpot_s=1) == 0.2
    assert outcome.goodput(ttft_s=2, tpot_s=1) == 0.0


def test_without_a_second_token_there_is_no_time_between_tokens() -> None:
    outcome = run(requests_of([(4, 1)]), LinearSteps(), settings_of())
    for name in ("tpot", "itl"):
        assert math.isnan(outcome.mean(name))
        assert math.isnan(outcome.percentile(name, 0.5))


def test_names_and_levels_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"latency must be one of .*did you mean 'ttft'"):
        outcome_of().mean("tfft")
    with pytest.raises(ValueError, match="level must be a number from 0 to 1, got 90"):
        outcome_of().percentile("ttft", 90)


def test_frames_hold_a_row_per_request_and_a_timeline() -> None:
    outcome = run(requests_of([(4, 3), (4, 2)]), LinearSteps(), settings_of())
    frame = outcome.requests_frame()
    assert frame["e2e_s"].tolist() == [3.0, 2.0]
    assert set(frame) >= {"ttft_s", "tpot_s", "preemptions", "cached_tokens", "input_tokens"}
    timeline = outcome.timeline_frame()
    assert timeline["time_s"].tolist() == [0.0, 1.0, 2.0]
    assert timeline["running"].tolist() == [2, 2, 1]
    assert timeline["used_blocks"].tolist() == [2, 4, 2]


def test_a_timeline_is_thinned() -> None:
    came = [5.0 * one for one in range(2 * POINTS)]
    outcome = run(requests_of([(4, 2)] * len(came), arrival_s=came), LinearSteps(), settings_of())
    assert POINTS / 2 <= outcome.timeline_s.size <= 2 * POINTS
    assert (np.diff(outcome.timeline_s) > 0).all()
    assert outcome.timeline_s[-1] > 0.99 * came[-1]


def test_a_run_does_without_pandas() -> None:
    asks = """
import sys
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.workload.lengths import FixedLengths
from llmcalc_core.workload.request_frame import requests_from_frame
from llmcalc_core.workload.requests import draw_requests
from tests.core.simulated import LinearSteps, settings_of
short = FixedLengths(tokens=8)
requests = draw_requests(3, input_lengths=short, output_lengths=short, rate=1)
run(requests, LinearSteps(), settings_of()).summary()
sys.exit("pandas" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", asks], check=True)  # noqa: S603 - this interpreter
