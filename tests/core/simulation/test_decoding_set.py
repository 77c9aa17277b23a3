"""Requests that decode together, by hand: blocks of 4 tokens."""

from __future__ import annotations

import pytest

from llmcalc_core.simulation.decoding_set import DecodingSet
from llmcalc_core.simulation.request_states import RequestStates
from tests.core.simulated import requests_of


@pytest.fixture
def decoders() -> DecodingSet:
    """Three requests of 6, 8 and 11 tokens computed, which sample 2, 5 and 5 more."""
    requests = requests_of([(6, 3), (8, 6), (11, 6)])
    found = DecodingSet(RequestStates(requests, 4), 4)
    for request, (computed, remaining) in enumerate([(6, 2), (8, 5), (11, 5)]):
        found.join(request, computed, remaining)
    return found


def test_progress_is_one_number(decoders: DecodingSet) -> None:
    assert (decoders.sequences, decoders.context, decoders.steps_left) == (3, 25, 2)
    assert decoders.go_on(1) == ()
    assert (decoders.steps, decoders.context) == (1, 28)
    assert decoders.go_on(1) == [0]
    assert (decoders.sequences, decoders.context, decoders.steps_left) == (2, 10 + 13, 3)
    assert decoders.last_steps == 5 + 5
    assert decoders.go_on(3) == [1, 2]
    assert (decoders.sequences, decoders.context, decoders.last_steps) == (0, 0, 0)


def test_blocks_that_are_opened(decoders: DecodingSet) -> None:
    # A block is full after 8 tokens: the second request needs one at once, the others in 2 and 1.
    assert decoders.opening([0, 1, 2]) == [1]
    assert [decoders.opened(steps) for steps in (1, 2, 3, 4, 5)] == [1, 2, 3, 3, 4]
    decoders.go_on(1)
    assert decoders.opened_next() == 1
    assert decoders.opening([0, 1, 2]) == [2]


def test_one_that_is_dropped_does_not_end(decoders: DecodingSet) -> None:
    decoders.go_on(2)
    assert decoders.drop(1) == 10
    assert (decoders.sequences, decoders.context, decoders.last_steps) == (1, 13, 5)
    decoders.join(1, 10, 3)  # again, to end with the same step
    assert decoders.go_on(3) == [2, 1]
