"""What requests of a closed loop meet: by hand, and whatever the numbers."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core.simulation.closed_loop import ClosedLoopTimes
from llmcalc_core.workload.requests import Arrivals
from tests.core.loops import FIXED, LOAD, STEPS, load_times, loop_of

DRAWN = Arrivals()
ROOTS = sum(k**-0.5 for k in range(1, 10)) / 9
CLUMPING = ROOTS / (0.4 / 1.8)
"""Prompts of lengths from 0.8 to 1 come in waves as wide as 2/9 of an answer, times the root of the
round: of ten rounds the mean of nine."""


def test_requests_of_one_length_by_hand() -> None:
    found = loop_of()
    # Of ten steps one reads prompts: 0.9 x 10 + 0.1 x 50 ms a token.
    assert found.tpot == pytest.approx(0.014, rel=1e-12)
    assert (found.decoding, found.reading) == pytest.approx((0.9, 0.1), rel=1e-12)
    # Its own step has a tenth of another prompt beside, of 40 ms: 54 ms. Fixed time and the rest of
    # the step that runs: 50 + 54 + 14 ms.
    first = 0.05 + 0.054 + 0.014
    # All at once, eleven prompts of 50 ms, of which a step reads five: (11 + 5) / 2 of them.
    burst = 8 * 0.05 - 0.054
    assert found.burst_ttft == pytest.approx(first + burst, rel=1e-12)
    # One in ten is of the burst; the others wait for nobody.
    assert found.ttft == pytest.approx(first + burst / 10, rel=1e-12)
    # At random: a full step takes 250 ms, and 100 of 5,000 tokens come: 0.02 x 250 / (2 x 0.98).
    queue = 0.02 * 0.25 / (2 * 0.98)
    assert found.steady_ttft == pytest.approx(first + queue, rel=1e-12)


def test_requests_of_drawn_lengths_by_hand() -> None:
    found = loop_of(arrivals=DRAWN)
    # Ten others in a hundred steps: 0.1 prompts in a step, but closer by 4.5 x the mean root.
    come = 1 + 0.1 * closer(0.1 * 1000 / 5000)
    own = 0.05 + 0.04 * (come - 1)
    # One that finds the devices reading waits for the prompt, as one at random does.
    busy = 0.02 * closer(0.02)
    queue = busy * 0.05 / (2 * (1 - busy))
    # What is read in that time is not read while it waits a step and decodes: of 101 x 0.1 x 40 ms.
    reading = 0.1 * (1 - (queue + 0.04 * (come - 1.1)) / 0.404)
    tpot = (1 - reading) * 0.01 + reading * 0.05
    assert found.tpot == pytest.approx(tpot, rel=1e-12)
    first, burst = 0.05 + own + tpot, 8 * 0.05 - own
    assert found.burst_ttft == pytest.approx(first + burst, rel=1e-12)
    assert found.ttft == pytest.approx(first + burst / 10 + 0.9 * queue, rel=1e-12)


def closer(filled: float) -> float:
    """How much closer prompts come than evenly, no closer than they can be read."""
    return 1 / float(np.hypot(1 / CLUMPING, filled))


def test_a_burst_alone() -> None:
    # Of one round every request is of the burst.
    for fixed in (True, False):
        found = loop_of(arrivals=Arrivals(fixed_lengths=fixed, rounds=1.0))
        assert found.ttft == pytest.approx(found.burst_ttft, rel=1e-12)


def test_a_request_alone_waits_for_no_step_of_others() -> None:
    alone = replace(
        LOAD, requests=1.0, in_flight=1.0, beside=0.0, own=1.0, arriving=0.0, share=0.0,
        waiting_steps=0.0,
    )  # fmt: skip
    for arrivals in (FIXED, DRAWN):
        found = loop_of(alone, arrivals=arrivals)
        assert found.ttft == found.burst_ttft == found.steady_ttft
        assert found.ttft == pytest.approx(0.05 + 0.05, rel=1e-12)
        assert found.tpot == 0.01


def test_an_engine_that_reads_first_adds_its_steps_to_those_that_decode() -> None:
    # A step that reads stops ten that decode: 10 ms + a tenth of 50 ms for each token.
    found = loop_of(mixes=0.0)
    assert found.tpot == pytest.approx(0.015, rel=1e-12)
    assert (found.decoding, found.reading) == pytest.approx((1.0, 0.1), rel=1e-12)
    # Half together: half of the burst's queue, 346 ms, in every round.
    together = loop_of(replace(LOAD, at_once=0.5), mixes=0.0)
    queue = (0.1 + 0.9 * 0.5) * (0.4 - 0.054)
    assert together.ttft == pytest.approx(0.05 + 0.054 + 0.015 + queue, rel=1e-12)


def test_steps_that_a_prompt_waits_delay_the_first_token_alone() -> None:
    held = loop_of(replace(LOAD, waiting_steps=21.0))
    assert held.ttft - loop_of().ttft == pytest.approx(20 * 0.014, rel=1e-12)
    assert held.tpot == loop_of().tpot


def test_even_arrivals_and_the_burst_are_left_out_where_nobody_asks() -> None:
    found = loop_of(further=False)
    assert (found.burst_ttft, found.steady_ttft) == (None, None)
    assert (found.ttft, found.tpot) == (loop_of().ttft, loop_of().tpot)


def test_a_prompt_goes_through_the_stages_of_a_pipeline_in_one_piece() -> None:
    # Through all stages in 80 ms, while those that decode wait for 50; of four micro batches one
    # has a part of the others' prompts beside.
    found = loop_of(replace(LOAD, micro_batches=4.0), replace(STEPS, through=0.08))
    own = 0.08 * (1 + 0.8 * 0.1 / 4)
    assert found.tpot == loop_of().tpot
    assert found.burst_ttft == pytest.approx(0.05 + 0.014 + 8 * 0.05, rel=1e-12)
    queue = 0.1 * (8 * 0.05 - own)
    assert found.ttft == pytest.approx(0.05 + own + 0.014 + queue, rel=1e-12)


def test_prompts_in_chunks_take_their_steps() -> None:
    # Three chunks, in steps of their own: each with what is beside it.
    chunked = loop_of(replace(LOAD, chunks=3.0, chunk_tokens=1000.0), computed=3000.0)
    assert chunked.burst_ttft == pytest.approx(0.05 + 0.014 + (33 + 5) / 2 * 0.05, rel=1e-12)
    one = loop_of()
    first_round = 0.1 * (chunked.burst_ttft - 0.064 - 3 * 0.054)
    assert chunked.ttft == pytest.approx(0.064 + 3 * 0.054 + first_round, rel=1e-12)
    assert chunked.tpot == one.tpot


def test_drafted_tokens_are_given_in_fewer_steps() -> None:
    found = loop_of(step_tokens=2.5)
    assert found.tpot == pytest.approx(0.014 / 2.5, rel=1e-12)
    assert (found.decoding, found.reading) == pytest.approx((0.9 / 2.5, 0.1 / 2.5), rel=1e-12)


def test_devices_read_all_prompts_while_a_request_is_in_flight() -> None:
    # One token each: eleven prompts of a second take eleven seconds.
    slow = replace(STEPS, seconds_per_token=1e-3)
    found = loop_of(steps=slow, output_tokens=1.0)
    assert found.ttft == pytest.approx(11.0, rel=1e-12)
    # Two tokens: less the one step that it spends decoding.
    found = loop_of(steps=slow, output_tokens=2.0)
    assert found.ttft + found.tpot == pytest.approx(11.0, rel=1e-12)


@given(
    in_flight=st.floats(1, 300), prompt=st.floats(1, 20_000), outputs=st.floats(1, 3e3),
    compute=st.floats(0, 1), longer=st.floats(1, 100), mixes=st.booleans(), fixed=st.booleans(),
    waits=st.floats(0, 3),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_what_holds_in_any_closed_loop(
    *,
    in_flight: float,
    prompt: float,
    outputs: float,
    compute: float,
    longer: float,
    mixes: bool,
    fixed: bool,
    waits: float,
) -> None:
    steps = replace(
        STEPS, compute_share=compute, reading=longer * STEPS.decode, through=longer * STEPS.decode
    )
    load, found = load_times(
        in_flight=in_flight, computed=prompt, outputs=outputs, mixes=float(mixes), steps=steps,
        arrivals=Arrivals(fixed_lengths=fixed), token_budget=8192.0, first_steps=waits,
    )  # fmt: skip
    slack = 1 + 1e-9
    assert found.burst_ttft is not None
    assert found.steady_ttft is not None
    assert found.tpot * slack >= STEPS.decode
    assert found.reading >= 0
    assert found.decoding + found.reading >= 1 / slack
    assert found.ttft > 0.05
    assert found.steady_ttft <= found.burst_ttft * slack
    # While one request is in flight the prompts of all on its replica are read.
    cycle = found.ttft + (outputs - 1) * found.tpot
    whole = load.requests * prompt * steps.seconds_per_token
    assert cycle * slack >= whole
    if cycle > whole * slack:
        assert found.ttft <= found.burst_ttft * slack


def test_arrays_and_numbers_agree() -> None:
    counts = (1.0, 11.0, 300.0)
    for arrivals in (FIXED, DRAWN):
        for mixes in (0.0, 1.0):
            _, several = load_times(in_flight=np.array(counts), mixes=mixes, arrivals=arrivals)
            for index, count in enumerate(counts):
                _, one = load_times(in_flight=count, mixes=mixes, arrivals=arrivals)
                for field in fields(ClosedLoopTimes):
                    value = np.broadcast_to(getattr(several, field.name), (3,))[index]
                    assert value == pytest.approx(getattr(one, field.name), rel=1e-12), field.name
