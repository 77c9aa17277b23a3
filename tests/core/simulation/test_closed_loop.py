"""What requests of a closed loop meet: by hand, and whatever the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core.simulation.closed_loop import closed_loop
from llmcalc_core.workload.arrivals import Arrivals
from tests.core.loops import BEHAVIOUR, loop_times

FIXED = Arrivals(fixed_lengths=True)


def test_a_closed_loop_by_hand() -> None:
    found = loop_times()
    # Ten others' prompts of 100 ms in 100 tokens: 10 x 0.1 / 100 = 10 ms a token, as long as the
    # step itself: the load is one half. One request in ten is of the first burst, and reads half of
    # the prompts before its own: 0.95 of that.
    assert found.interference == pytest.approx(0.0095, rel=1e-12)
    assert found.tpot == pytest.approx(0.0195, rel=1e-12)
    # Fixed time, its own prefill and a step: 0.05 + 0.1 + 0.0195 = 0.1695 s.
    # All at once, eleven prompts of 50 ms: (11 + 1) / 2 x 0.05 = 0.3 s, its own 0.1 of it.
    assert found.burst_ttft == pytest.approx(0.1695 + 0.2, rel=1e-12)
    # Dispersed: 11 x 0.05 / (100 x 0.01) = 0.55 prompts of 50 ms, times the mean of
    # 1 / (2 w root k) over nine rounds with w = 0.2 / 0.9, 1.1763: 32.35 ms; a tenth waits for the
    # burst.
    roots = sum(k**-0.5 for k in range(1, 10)) / 9
    dispersed = 0.05 * 0.55 * roots / (2 * 0.2 / 0.9)
    assert dispersed == pytest.approx(0.03235, rel=1e-3)
    assert found.ttft == pytest.approx(0.1695 + 0.2 / 10 + 0.9 * dispersed, rel=1e-12)
    # At random: load x prompt / (2 x (1 - load)) = 0.5 x 0.1 / (2 x 0.5) = 0.05 s.
    assert found.steady_ttft == pytest.approx(0.1695 + 0.05, rel=1e-12)


def test_requests_of_one_length_each_wait_for_the_one_before() -> None:
    found = loop_times(arrivals=FIXED)
    assert found.tpot == pytest.approx(0.0195, rel=1e-12)
    assert found.ttft == pytest.approx(0.1695 + 0.2 / 10 + 0.9 * 0.05, rel=1e-12)
    alone = loop_times(arrivals=FIXED, requests=1.0)
    assert alone.ttft == pytest.approx(0.05 + 0.1 + 0.01, rel=1e-12)


def test_an_engine_that_reads_first_lets_requests_of_one_length_decode_in_step() -> None:
    eager = replace(BEHAVIOUR, prefill_first=1.0)
    found = loop_times(arrivals=FIXED, behaviour=eager, packed_prompts=4.0)
    # Groups of four: those behind one's own, (11 - 4) / 2 prompts of 50 ms, delay 100 tokens.
    assert found.tpot == pytest.approx(0.01 + 3.5 * 0.05 / 100, rel=1e-12)
    # Every round is a burst: (11 + 4) / 2 x 0.05 = 0.375 s, its own 0.1 of it.
    assert found.ttft == pytest.approx(0.05 + 0.1 + found.tpot + 0.275, rel=1e-12)
    assert found.ttft == pytest.approx(found.burst_ttft, rel=1e-12)
    drawn = loop_times(behaviour=eager)
    assert (drawn.tpot, drawn.ttft) == (loop_times().tpot, loop_times().ttft)


def test_an_engine_that_overlaps_sends_tokens_a_step_later() -> None:
    late = replace(BEHAVIOUR, overlaps=1.0)
    # The next step reads a prompt of 50 ms too: half of the time, or always where all are in step.
    assert loop_times(behaviour=late).ttft - loop_times().ttft == pytest.approx(0.5 * 0.05)
    fixed = loop_times(behaviour=late, arrivals=FIXED).ttft - loop_times(arrivals=FIXED).ttft
    assert fixed == pytest.approx(0.05)


def test_a_server_that_holds_prompts_back_delays_the_first_token_alone() -> None:
    held = loop_times(arrivals=Arrivals(held_steps=20.0))
    assert held.ttft - loop_times().ttft == pytest.approx(20 * 0.0195)
    assert held.tpot == loop_times().tpot


def test_devices_read_all_prompts_while_a_request_is_in_flight() -> None:
    # One token each: eleven prompts of a second take eleven seconds.
    found = loop_times(output_tokens=1.0, packed_prefill=1.0)
    assert found.ttft == pytest.approx(11.0, rel=1e-12)
    # Two tokens: less the one step that it spends decoding.
    found = loop_times(output_tokens=2.0, packed_prefill=1.0)
    assert found.ttft + found.tpot == pytest.approx(11.0, rel=1e-12)


def test_attention_replicas_take_turns() -> None:
    # After the burst, in which they read side by side, two wait twice as often as one.
    one, two = loop_times(), loop_times(attention_dp=2.0)
    read_at_once = 0.1695 + 0.2 / 10
    assert two.ttft - read_at_once == pytest.approx(2 * (one.ttft - read_at_once))
    assert two.tpot == one.tpot
    assert loop_times(attention_dp=100.0).ttft <= loop_times(attention_dp=100.0).burst_ttft


@given(
    requests=st.floats(1, 300), decode=st.floats(1e-4, 1), prefill=st.floats(1e-3, 10),
    packed=st.floats(0.1, 1), outputs=st.floats(1, 3e3), ranks=st.integers(1, 16),
    group=st.integers(1, 16), fixed=st.booleans(), eager=st.booleans(),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_what_holds_in_any_closed_loop(
    *,
    requests: float,
    decode: float,
    prefill: float,
    packed: float,
    outputs: float,
    ranks: int,
    group: int,
    fixed: bool,
    eager: bool,
) -> None:
    given = {
        "decode": decode, "prefill": prefill, "arriving_prefill": prefill,
        "packed_prefill": packed * prefill,
        "output_tokens": outputs, "attention_dp": ranks, "packed_prompts": float(group),
        "behaviour": replace(BEHAVIOUR, prefill_first=float(eager)),
        "arrivals": Arrivals(fixed_lengths=fixed),
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
    several = loop_times(requests=np.array([1.0, 11.0]))
    for index, count in enumerate((1.0, 11.0)):
        one = loop_times(requests=count)
        for name in ("ttft", "burst_ttft", "steady_ttft", "tpot", "interference"):
            assert getattr(several, name)[index] == getattr(one, name)
