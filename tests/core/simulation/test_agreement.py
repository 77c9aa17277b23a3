"""The closed form beside the simulator, of the same steps: a closed loop, and requests at a rate.

Requests of one length differ in a closed loop: clients of the simulator answer at once, so that
they stay together, while measured ones come apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from llmcalc_core.api.make_request import resolve
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.simulation.in_flight import numbers_in_flight
from llmcalc_core.simulation.open_loop import OfferedLoad, OpenLoop, Room, open_loop
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.records import single
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.step_tables import step_times
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.lengths import UniformLengths
from llmcalc_core.workload.requests import ROUNDS, Requests, draw_requests

PLANS = (
    ("llama3_8b", "H100_80GB", 1), ("llama3_70b", "H100_80GB", 4),
    ("qwen3_30b_a3b", "H100_80GB", 1), ("deepseek_v3", "H200_141GB", 8),
    ("mistral_7b", "L40S", 1), ("gemma2_27b", "A100_80GB", 2),
)  # fmt: skip
ENGINES = ("vllm", "sglang", "trtllm")
SPREAD = 1 / 9  # lengths from 0.8 to 1.0 of the longest, as the closed form takes them
CASES = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A plan, an engine and lengths."""

    case: Case
    engine: str
    in_flight: int
    inputs: int
    outputs: int
    seed: int


def draws(seed: int, most: int) -> Iterator[Draw]:
    chance = np.random.default_rng(seed)
    for _ in range(CASES):
        model, device, tp = PLANS[chance.integers(len(PLANS))]
        engine = ENGINES[chance.integers(len(ENGINES))]
        in_flight = int(2 ** chance.uniform(0, most))
        inputs, outputs = int(2 ** chance.uniform(5, 13)), int(2 ** chance.uniform(3, 10))
        target = resolve(model, device, "checkpoint", 0.9)
        known = efficiency_for(target.hardware, target.precision, engine=engine)
        # What comes before the first token but the steps themselves is the same in both.
        behaviour = replace(known.behaviour, first_token_s=0.0, first_token_steps=0.0)
        grid = make_grid(
            (Layout(tp=tp),),
            batches=(in_flight,),
            inputs=(inputs,),
            outputs=(outputs,),
            engine=engine,
        )
        efficiency = replace(known, behaviour=behaviour)
        case = (target.model, target.hardware, target.precision, grid, efficiency)
        yield Draw(
            case=case, engine=engine, in_flight=in_flight, inputs=inputs, outputs=outputs,
            seed=int(chance.integers(10**6)),
        )  # fmt: skip


def simulated(drawn: Draw, requests: Requests, running: int) -> Outcome:
    longest = int((requests.input_tokens + requests.output_tokens).max())
    budget = int(drawn.case[3].token_budget)
    times = step_times(drawn.case, longest=longest, most_sequences=running, token_budget=budget)
    settings = Settings(
        policy=drawn.engine, token_budget=budget, max_num_seqs=running, kv_blocks=10**7,
        steps_ahead=int(drawn.case[4].behaviour.overlaps),
    )  # fmt: skip
    return run(requests, times, settings)


def requests_of(drawn: Draw, count: int, **sent: float) -> Requests:
    inputs, outputs = (
        UniformLengths(tokens=tokens, range_ratio=SPREAD)
        for tokens in (drawn.inputs, drawn.outputs)
    )
    return draw_requests(
        count, input_lengths=inputs, output_lengths=outputs, seed=drawn.seed, **sent
    )


def check(misses: list[tuple[float, float]]) -> None:
    """TPOT within 5 % at the median and 15 % at p90, TTFT within 15 and 40 %."""
    tpot, ttft = np.abs(np.array(misses)).T
    assert np.median(tpot) < 0.05
    assert np.median(ttft) < 0.15
    assert np.quantile(tpot, 0.9) < 0.15
    assert np.quantile(ttft, 0.9) < 0.4


@pytest.mark.parametrize("seed", [1, 2])
def test_a_closed_loop(seed: int) -> None:
    misses = []
    for drawn in draws(seed, 7):
        found = serving_times(*drawn.case)
        requests = requests_of(drawn, ROUNDS * drawn.in_flight, concurrency=drawn.in_flight)
        real = simulated(drawn, requests, drawn.in_flight)
        tpot, ttft = (
            found.tpot_s.item() / real.mean("tpot"),
            found.ttft_s.item() / real.mean("ttft"),
        )
        misses.append((tpot - 1, ttft - 1))
    check(misses)


def at_rate(drawn: Draw, rate: float) -> OpenLoop:
    """The closed form of a rate, with room for 1,024 requests."""
    model, hardware, precision, grid, efficiency = drawn.case
    numbers = np.array(numbers_in_flight(1024), float).reshape(1, -1, 1, 1)
    case = (model, hardware, precision, grid.with_batch(numbers), efficiency)
    room = np.full((1, 1, 1, 1), 1024.0)
    load = OfferedLoad(rates=np.full(room.shape, rate))
    return single(open_loop(case, Room(whole=room, usual=room), load))


def test_an_open_loop() -> None:
    misses = []
    for drawn in draws(3, 6):
        busy = serving_times(*drawn.case)
        rate = (
            np.random.default_rng(drawn.seed).uniform(0.1, 0.9)
            * drawn.in_flight
            / busy.e2e_s.item()
        )
        found = at_rate(drawn, rate)
        assert not found.overloaded
        real = simulated(drawn, requests_of(drawn, 800, rate=rate), 1024)
        tpot = found.times.tpot_s.item() / real.mean("tpot")
        misses.append((tpot - 1, found.times.ttft_s.item() / real.mean("ttft") - 1))
    check(misses)
