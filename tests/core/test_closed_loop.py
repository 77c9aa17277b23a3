"""What requests of a closed loop meet: by hand, and whatever the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core.estimate.closed_loop import closed_loop
from tests.core.loops import BEHAVIOUR, met


def test_a_closed_loop_by_hand() -> None:
    found = met()
    # Ten others' prompts of 100 ms in 100 tokens: 10 x 0.1 / 100 = 10 ms a token, as long as the
    # step itself: the load is one half. Half of the 0.4 that arrive together are met as a wait for
    # the first token instead: 10 x (1 - 0.4 / 2) = 8 ms.
    assert found.interference == pytest.approx(0.008, rel=1e-12)
    assert found.tpot == pytest.approx(0.010 + 0.008, rel=1e-12)
    # Fixed time, two prefills of its own and a step: 0.05 + 2 x 0.3 + 0.018 = 0.668 s. Of the ten
    # others 0.4 / 2 are before it, each 0.05 s: 0.2 x 10 x 0.05 = 0.1 s.
    assert found.ttft == pytest.approx(0.668 + 0.1, rel=1e-12)
    # All at once: (11 - 1) / 2 prompts before it on average: 5 x 0.05 s.
    assert found.burst_ttft == pytest.approx(0.668 + 0.25, rel=1e-12)
    # At random: load x prompt / (2 x (1 - load)) = 0.5 x 0.1 / (2 x 0.5) = 0.05 s.
    assert found.steady_ttft == pytest.approx(0.668 + 0.05, rel=1e-12)


def test_devices_read_all_prompts_while_a_request_is_in_flight() -> None:
    # One token each: eleven prompts of a second take eleven seconds.
    found = met(output_tokens=1.0, together=1.0)
    assert found.ttft == pytest.approx(11.0, rel=1e-12)
    # Two tokens: less the one step that it spends decoding.
    found = met(output_tokens=2.0, together=1.0)
    assert found.ttft + found.tpot == pytest.approx(11.0, rel=1e-12)


def test_an_own_prefill_is_never_skipped() -> None:
    eager = replace(BEHAVIOUR, first_token_prefills=0.2)
    assert met(behaviour=eager, requests=1.0).ttft == pytest.approx(0.05 + 0.3 + 0.01, rel=1e-12)


def test_attention_replicas_wait_for_each_other() -> None:
    # Four replicas wait twice (the root of four) as often as one, never more than in a burst.
    one, four = met(), met(ranks=4.0)
    own = 0.05 + 2 * 0.3 + one.tpot
    assert four.ttft - own == pytest.approx(2 * (one.ttft - own))
    assert four.tpot == one.tpot
    assert met(ranks=100.0).ttft <= met(ranks=100.0).burst_ttft


@given(
    requests=st.floats(1, 300), decode=st.floats(1e-4, 1), prefill=st.floats(1e-3, 10),
    packed=st.floats(0.1, 1), outputs=st.floats(1, 3e3), ranks=st.integers(1, 16),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_what_holds_in_any_closed_loop(
    *, requests: float, decode: float, prefill: float, packed: float, outputs: float, ranks: int
) -> None:
    given = {
        "decode": decode, "prefill": prefill, "occupied": prefill, "together": packed * prefill,
        "output_tokens": outputs, "behaviour": BEHAVIOUR, "ranks": ranks,
    }  # fmt: skip
    found, more = (
        closed_loop(**given, requests=requests),
        closed_loop(**given, requests=requests + 1),
    )
    assert found.tpot >= decode
    assert found.tpot <= more.tpot
    assert found.burst_ttft <= more.burst_ttft
    assert found.steady_ttft <= found.burst_ttft
    # Of many requests at once each waits for those before it; in a loop only while they last.
    cycle = found.ttft + (outputs - 1) * found.tpot
    assert cycle * (1 + 1e-9) >= requests * packed * prefill
    if cycle > requests * packed * prefill * (1 + 1e-9):
        assert found.ttft <= found.burst_ttft * (1 + 1e-9)


def test_arrays_and_numbers_agree() -> None:
    several = met(requests=np.array([1.0, 11.0]))
    for index, count in enumerate((1.0, 11.0)):
        one = met(requests=count)
        for name in ("ttft", "burst_ttft", "steady_ttft", "tpot", "interference"):
            assert getattr(several, name)[index] == getattr(one, name)
