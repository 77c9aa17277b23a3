"""Requests from a DataFrame."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from llmcalc_core.workload.request_frame import requests_from_frame


def frame(**columns: object) -> pd.DataFrame:
    three = {"arrival_s": [0.0, 1.0, 1.5], "input_tokens": [5, 6, 7], "output_tokens": [1, 2, 3]}
    return pd.DataFrame(three | columns)


def test_a_trace_is_read_as_it_is() -> None:
    requests = requests_from_frame(frame(user="a"))
    assert requests.arrival_s.tolist() == [0.0, 1.0, 1.5]
    assert requests.input_tokens.tolist() == [5, 6, 7]
    assert requests.output_tokens.tolist() == [1, 2, 3]
    assert requests.prefix.tolist() == requests.conversation.tolist() == [-1, -1, -1]
    assert requests.concurrency is None


def test_lengths_alone_are_sent_at_a_rate_or_in_a_closed_loop() -> None:
    lengths = frame().drop(columns="arrival_s")
    assert requests_from_frame(lengths, rate=2, burstiness=math.inf).arrival_s[-1] == 1.5
    assert requests_from_frame(lengths, concurrency=2).concurrency == 2


def test_shared_beginnings_have_a_length_or_are_conversations() -> None:
    shared = requests_from_frame(frame(prefix=["x", None, "x"], prefix_tokens=[4, None, 5]))
    assert shared.prefix.tolist() == [0, -1, 0]
    assert shared.prefix_tokens.tolist() == [4, 0, 5]
    assert shared.conversation.tolist() == [-1, -1, -1]
    turns = requests_from_frame(frame(prefix=["x", "y", "x"]))
    assert turns.prefix.tolist() == [-1, -1, -1]
    assert turns.conversation.tolist() == [0, 1, 0]
    both = frame(prefix="system", prefix_tokens=3, conversation=[1, 2, 1])
    assert requests_from_frame(both).conversation.tolist() == [0, 1, 0]
    assert requests_from_frame(both).prefix.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (frame().drop(columns="output_tokens"), "output_tokens is missing"),
        (
            frame().rename(columns={"input_tokens": "input_token"}),
            "input_tokens is missing; did you mean 'input_token'",
        ),
        (frame().iloc[:0], "must have 1 to 2000000 rows, got 0"),
        (frame(arrival_s=[0, math.nan, 2]), "arrival_s must be a finite number .* nan in row 1"),
        (frame(arrival_s=[0, math.inf, 2]), "got inf in row 1"),
        (frame(arrival_s=[-1, 0, 2]), "arrival_s must be at least 0 in every row, got -1 in row 0"),
        (frame(arrival_s=[0, 3, 2]), r'got 2 in row 2 after 3; .*sort_values\("arrival_s"\)'),
        (frame(input_tokens=[5, 0, 7]), "input_tokens must be a whole number of at least 1"),
        (frame(input_tokens=[5, 1.5, 7]), "got 1.5 in row 1"),
        (frame(output_tokens=[None, 2, None]), "got nan in row 0, and 1 more"),
        (frame(output_tokens=["a", "b", "c"]), "output_tokens must be numbers, got a column of"),
        (frame(prefix=1, prefix_tokens=[1, 9, 1]), "at most input_tokens in every row, got 9"),
        (frame(prefix=1, prefix_tokens=[1, -9, 1]), "whole number from 0 in every row, got -9"),
        (frame(prefix=1, prefix_tokens=None), "prefix_tokens must be"),
    ],
)
def test_a_frame_that_says_nonsense_is_refused(bad: pd.DataFrame, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        requests_from_frame(bad)
