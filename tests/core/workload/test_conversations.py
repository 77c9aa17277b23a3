"""Conversations of several turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcalc_core.workload.conversations import draw_conversations
from llmcalc_core.workload.lengths import FixedLengths, UniformLengths
from llmcalc_core.workload.requests import Requests


def turns(**changes: object) -> Requests:
    small = {
        "sessions": 2,
        "system_prompt_tokens": 100,
        "question_lengths": FixedLengths(tokens=10),
        "output_lengths": FixedLengths(tokens=5),
        "max_context_tokens": 130,
        "rate": 4,
    }
    return draw_conversations(5, **(small | changes))


def test_each_prompt_is_all_that_went_before_until_the_context_is_full() -> None:
    requests = turns()
    assert requests.arrival_s.tolist() == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert requests.input_tokens.tolist() == [110, 110, 125, 125, 110]
    assert requests.conversation.tolist() == [0, 1, 0, 1, 2]
    assert requests.after.tolist() == [-1, -1, 0, 1, 2]
    assert requests.prefix.tolist() == [0] * 5
    assert requests.prefix_tokens.tolist() == [100] * 5


@given(st.integers(1, 7), st.integers(0, 50), st.integers(0, 99))
def test_no_turn_is_longer_than_the_context(sessions: int, system: int, seed: int) -> None:
    requests = turns(
        sessions=sessions,
        system_prompt_tokens=system,
        question_lengths=UniformLengths(tokens=20, range_ratio=0.5),
        seed=seed,
    )
    assert (requests.input_tokens + requests.output_tokens <= 130).all()
    for turn, before in enumerate(requests.after):
        same = before >= 0 and requests.conversation[before] == requests.conversation[turn]
        grown = requests.input_tokens[turn] - system
        if same:
            grown -= requests.input_tokens[before] + requests.output_tokens[before] - system
        assert 10 <= grown <= 30


def test_a_context_that_no_turn_fits_into_is_refused() -> None:
    with pytest.raises(ValueError, match="got 114; the least valid value for these lengths is 115"):
        turns(max_context_tokens=114)
    with pytest.raises(ValueError, match="rate must be"):
        turns(rate=0)
