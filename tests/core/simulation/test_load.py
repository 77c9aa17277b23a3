"""What a mean step of a closed loop holds, worked out by hand, and what holds for any loop."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import Precision, find_hardware
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.simulation.load import HARDLY_ANY, Load, closed_loop_load, load_of
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import Arrivals

SHORTEST = 33
"""Answers of fewer tokens end before all others are read, which the means don't bear [tokens]."""


def load(**changes: Any) -> Load:
    """Ten requests of 1,000 and 101 tokens, at a budget that leaves room for 5,000 of prompts."""
    given = {
        "in_flight": 10.0, "computed": 1000.0, "outputs": 101.0, "token_budget": 5010.0,
        "mixes": 1.0, "fixed_lengths": False,
    }  # fmt: skip
    return closed_loop_load(**(given | changes))


def numbers(found: Load, **expected: float) -> None:
    for name, value in expected.items():
        assert float(getattr(found, name)) == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("mixes", [0.0, 1.0])
@pytest.mark.parametrize("fixed", [False, True])
def test_one_request_is_alone(mixes: float, fixed: bool) -> None:  # noqa: FBT001
    found = load(in_flight=1.0, mixes=mixes, fixed_lengths=fixed)
    # Its prompt is read in one step, and then it decodes in a hundred; nobody else comes.
    numbers(
        found, decoding=1, beside=HARDLY_ANY, chunks=1, chunk_tokens=1000, steps=100 + mixes, own=1,
        arriving=0, share=0, read=1, waiting_steps=0,
    )  # fmt: skip
    assert found.room == 5010 - mixes


def test_several_requests_of_drawn_lengths() -> None:
    found = load()
    # A request is in flight for 101 steps, in which the nine others are read once each: 9/101 of
    # them in the step of its own, the others in the 100 steps in which it decodes. Of these steps
    # one has none with the chance exp(-mean).
    arriving = (10 - 1 - 9 / 101) / 100
    reads = 1 - math.exp(-arriving)
    numbers(
        found, room=5000, chunks=1, steps=101, own=1 + 9 / 101, arriving=arriving, share=reads,
        read=arriving / reads, decoding=1 + 9 * 100 / 101, waiting_steps=0,
    )  # fmt: skip


def test_requests_of_one_length_come_one_by_one() -> None:
    # The one before or after is read with one's own; eight are left, each in a step of its own.
    numbers(load(fixed_lengths=True), own=2, arriving=0.08, share=0.08, read=1, at_once=0)


@pytest.mark.parametrize("in_step", [1.0, 0.4, 0.0])
def test_an_engine_that_reads_first_keeps_requests_of_one_length_together(in_step: float) -> None:
    found = load(fixed_lengths=True, mixes=0.0, in_step=in_step)
    # That part of the time ten are read in a row, of which five fit into a step; else it is two.
    # Of those that are together half are read before one's own. A step decodes while none is read,
    # so that a request is in flight for 100 of them.
    own = min(1 + in_step * 9 + (1 - in_step) * 1, 5010 / 1000)
    arriving = (10 - own) * (1 - in_step / 2) / 100
    numbers(
        found, room=5010, steps=100, own=own, arriving=arriving, share=arriving, read=1,
        decoding=10, at_once=in_step,
    )  # fmt: skip
    # Drawn lengths disperse them.
    numbers(load(mixes=0.0, in_step=in_step), own=1 + 9 / 100, at_once=0)


def test_prompts_are_read_in_chunks() -> None:
    # 5,000 tokens of room: 12,000 are three chunks of 4,000, of which one and a quarter fit.
    found = load(computed=12_000.0)
    own = 1 + 9 / 103
    arriving = (10 - own) * 3 / 100
    share = max(1 - math.exp(-arriving), arriving * 4000 / 5000)
    numbers(
        found, chunks=3, chunk_tokens=4000, steps=103, own=own, arriving=arriving, share=share,
        read=max(arriving / share, 1), waiting_steps=0,
    )  # fmt: skip
    whole = load(computed=12_000.0, chunks_prompts=False)
    numbers(whole, chunks=1, chunk_tokens=12_000, own=1)


def test_a_saturated_budget() -> None:
    # For 1,000 tokens that are read 100 are decoded: of 600 in a step 600 / 11, which leaves 545.5.
    # 100 x 1,000 tokens take 183.3 such steps, in which a request reads its own two chunks, decodes
    # in 100 and waits in the 81.3 others.
    found = load(in_flight=100.0, token_budget=600.0)
    room = 600 * 10 / 11
    steps = 100 * 1000 / room
    left = 100 - room / 500 - (steps - 102) * (room / 500) / 2
    numbers(
        found, room=room, chunks=2, chunk_tokens=500, steps=steps, waiting_steps=steps - 102,
        own=room / 500, arriving=left * 2 / 100, share=1, read=room / 500,
        decoding=1 + 99 * 100 / steps,
    )  # fmt: skip


def test_an_engine_that_reads_first_reads_several_steps_in_a_row() -> None:
    # 600 tokens of room and 1,000 of a prompt: two steps; 99 others in 100 decode steps.
    found = load(in_flight=100.0, token_budget=600.0, mixes=0.0)
    numbers(found, room=600, chunks=2, chunk_tokens=500, steps=100, waiting_steps=0)
    own = min(1 + 99 / 100, 600 / 500)
    arriving = (100 - own) * 2 / 100
    # Of these 1.976 chunks a step of 600 tokens reads 1.2 at the most.
    numbers(found, own=own, arriving=arriving, share=arriving * 500 / 600, read=1.2)


def test_drafted_tokens_take_room_and_spare_steps() -> None:
    # Three verified beside each token, of which 2.5 are given: 40 steps; 4 x 10 tokens less room.
    found = load(verified=4.0, step_tokens=2.5)
    numbers(found, room=5010 - 40, steps=41, own=1 + 9 / 41)


def test_a_budget_full_of_prompts_decodes_one_at_least() -> None:
    # Of 5,010 tokens 50,000 are read for each that is decoded: 0.1 at once, so one after the other.
    numbers(load(computed=50_000.0, outputs=2.0), most_decoding=1)
    # 500 are read for one: ten at once, of the hundred that there are.
    numbers(load(in_flight=100.0, computed=500.0, outputs=2.0), most_decoding=10)


def test_an_answer_of_one_token_never_decodes() -> None:
    found = load(outputs=1.0)
    # Nothing decodes beside: 5,010 tokens of ten prompts in a step; the rest wait.
    steps = 10 * 1000 / 5010
    numbers(
        found, room=5010, steps=steps, waiting_steps=steps - 1, own=5.01, decoding=1, arriving=0
    )


def test_a_prompt_waits_for_steps_of_others() -> None:
    # Two, in which others are read and decode; the first of ten that come together for none.
    found = load(first_steps=2.0)
    numbers(
        found, steps=102.8, waiting_steps=1.8, own=1 + 9 / 102.8,
        arriving=(9 - 9 / 102.8) / 101.8, beside=9 * 100 / 102.8, decoding=1 + 9 * 100 / 102.8,
    )  # fmt: skip
    # Alone for none; of one other no longer than it is served: a step, if its answer is one token.
    numbers(load(in_flight=1.0, first_steps=2.0), steps=101, waiting_steps=0)
    numbers(load(in_flight=2.0, first_steps=2.0, outputs=1.0), steps=1.5, waiting_steps=0.5)
    # Where prompts come faster than they are read, those steps are among the others.
    saturated = {"in_flight": 100.0, "token_budget": 600.0}
    steps = 100 * 1000 / (600 * 10 / 11)
    numbers(load(**saturated, first_steps=2.0), steps=steps, waiting_steps=steps - 102)


def test_attention_replicas_share_the_requests() -> None:
    numbers(load(attention_dp=5.0), requests=2, in_flight=10, room=5008, own=1 + 1 / 101)
    # Of fewer requests than replicas each of those in use has one, which is alone there.
    few = load(attention_dp=16.0)
    numbers(few, requests=1, in_flight=10, own=1, arriving=0, share=0, decoding=1)


def test_micro_batches_have_a_budget_each() -> None:
    # Of ten sequences two and a half in each of four.
    numbers(load(micro_batches=4.0), room=4 * (5010 - 2.5), chunks=1, own=1 + 9 / 101)


@pytest.mark.parametrize(
    ("engine", "later", "held", "steps"),
    [("sglang", 0, 0, 1.0), ("vllm", 1, 0, 2.0), ("trtllm", 1, 0, 2.0), ("sglang", 0, 5, 6.0)],
)
def test_what_an_engine_adds_to_a_wait(engine: str, later: int, held: int, steps: float) -> None:
    # An engine that prepares steps ahead sends tokens a step later; a server may hold prompts back.
    grid = make_grid((Layout(),), batches=(64,), inputs=(100,), outputs=(101,), engine=engine)
    known = efficiency_for(find_hardware("H100_80GB"), Precision(), engine=engine).behaviour
    assert known.overlaps == later
    found = load_of(
        grid, mixes=1.0, arrivals=Arrivals(held_steps=float(held)),
        behaviour=replace(known, first_token_steps=1.0),
    )  # fmt: skip
    # For the first of 64 that come together none is there.
    steps *= 63 / 64
    numbers(found, waiting_steps=steps, steps=101 + steps)


@st.composite
def loops(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "in_flight": draw(st.floats(1, 5000)),
        "computed": draw(st.floats(1, 200_000)),
        "outputs": draw(st.floats(1, 10_000)),
        "token_budget": float(draw(st.integers(64, 20_000))),
        "mixes": float(draw(st.booleans())),
        "fixed_lengths": draw(st.booleans()),
    }


@given(loops())
@settings(max_examples=300, deadline=None)
def test_what_holds_in_any_loop(asked: dict[str, Any]) -> None:
    found, slack = closed_loop_load(**asked), 1 + 1e-6
    requests, computed = asked["in_flight"], asked["computed"]
    assert 1 <= found.decoding <= requests * slack
    assert 1 <= found.own <= requests * slack
    assert found.chunks * found.chunk_tokens == pytest.approx(computed)
    # A step reads no more than it has room for (of one at least), and does so no more than always.
    assert found.chunk_tokens <= found.room * slack
    if asked["outputs"] >= SHORTEST:
        assert found.read * found.chunk_tokens <= max(found.room, found.chunk_tokens) * 1.03
    assert found.share >= 0
    if asked["mixes"]:
        assert found.share <= 1
        # All that comes while a request is in flight is read in that time.
        assert found.steps * found.room * slack >= requests * computed
    # The steps that read take up what comes.
    assert found.share * found.read * slack >= min(found.arriving, 1)
    assert found.waiting_steps >= 0


@given(loops(), st.floats(1, 3))
@settings(max_examples=300, deadline=None)
def test_more_requests_bring_more(asked: dict[str, Any], factor: float) -> None:
    more = asked | {"in_flight": asked["in_flight"] * factor}
    few, many = closed_loop_load(**asked), closed_loop_load(**more)
    for name in ("steps", "chunks", "waiting_steps"):
        assert getattr(many, name) * (1 + 1e-9) >= getattr(few, name), name


def test_arrays_and_numbers_agree() -> None:
    several = load(in_flight=np.array([1.0, 10.0, 100.0]), token_budget=600.0)
    for index, count in enumerate((1.0, 10.0, 100.0)):
        one = load(in_flight=count, token_budget=600.0)
        for name in Load.__dataclass_fields__:
            value = np.broadcast_to(getattr(several, name), (3,))[index]
            assert value == getattr(one, name), name
