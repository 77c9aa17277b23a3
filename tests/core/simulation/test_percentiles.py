"""Percentiles at a request rate beside the simulator, and of plain distributions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmcalc_core.api.load_curve import all_at_once, falls_behind
from llmcalc_core.api.server import Server, Widths, make_server
from llmcalc_core.api.simulate import simulate
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.memory.budget import memory_budget
from llmcalc_core.planning.open_loop import open_loop_at
from llmcalc_core.simulation.latencies import gamma_quantile, normal_share, wait_quantile
from llmcalc_core.simulation.open_loop import OfferedLoad, OpenLoop
from llmcalc_core.simulation.random_arrivals import Wait
from llmcalc_core.simulation.records import single
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.lengths import FixedLengths
from llmcalc_core.workload.requests import draw_requests

PLANS = (
    ("llama3_8b", "H100_80GB", Widths()), ("llama3_70b", "H100_80GB", Widths(4)),
    ("qwen3_30b_a3b", "H100_80GB", Widths()), ("deepseek_v3", "H200_141GB", Widths(8, ep=8)),
    ("mistral_7b", "L40S", Widths()), ("gemma2_27b", "A100_80GB", Widths(2)),
)  # fmt: skip
PIPELINES = (
    ("llama3_70b", "H100_80GB", Widths(2, 2)), ("llama3_70b", "A100_80GB", Widths(2, 4)),
    ("llama3_8b", "H100_80GB", Widths(1, 2)), ("mixtral_8x7b", "A100_80GB", Widths(2, 2)),
)  # fmt: skip
LEVELS = (0.5, 0.9, 0.99)
BEFORE = find_engine("vllm", "0.11")
"""vLLM as it was before it prepared steps ahead, as TensorRT-LLM does."""


def closed_form(
    server: Server, lengths: tuple[int, int], rate: float, level: float | None
) -> OpenLoop:
    model, hardware, precision, grid, efficiency = server.case
    own = make_grid(
        grid.layouts, batches=(1,), inputs=lengths[:1], outputs=lengths[1:],
        engine=server.engine,
    )  # fmt: skip
    case = (model, hardware, precision, own, efficiency)
    budget = memory_budget(model, hardware, server.memory_fraction, own)
    load = OfferedLoad(rates=np.full((1, 1, 1, 1), rate), percentile=level)
    return single(open_loop_at(case, budget, load))


def misses(
    plans: tuple[tuple[str, str, Widths], ...],
    engines: tuple[str | Engine, ...],
    count: int,
    prompts: int,
) -> dict[str, list[float]]:
    """Errors of the closed form over random plans, lengths and loads up to 0.95."""
    chance = np.random.default_rng(17)
    found: dict[str, list[float]] = {}
    for _ in range(count):
        model, device, widths = plans[chance.integers(len(plans))]
        engine = engines[chance.integers(len(engines))]
        lengths = int(2 ** chance.uniform(5, 13)), int(2 ** chance.uniform(1, 9))
        server = make_server(model, device, "checkpoint", widths, engine, 0.9, ServerOptions())
        sent = draw_requests(
            prompts, input_lengths=FixedLengths(tokens=lengths[0]),
            output_lengths=FixedLengths(tokens=lengths[1]), rate=1.0,
            seed=int(chance.integers(10**6)),
        )  # fmt: skip
        settings = server.settings(sent)
        times = server.step_times(sent, settings)
        most = server.serve(all_at_once(sent), settings, times).requests_per_s
        rate = chance.uniform(0.05, 0.95) * most
        seen = server.serve(replace(sent, arrival_s=sent.arrival_s / rate), settings, times)
        if falls_behind(seen):
            continue
        for level in LEVELS:
            said = closed_form(server, lengths, rate, level)
            if said.full:
                continue
            assert said.percentiles is not None
            for latency in ("ttft", "tpot", "e2e"):
                time = getattr(said.percentiles, f"{latency}_s").item()
                error = time / seen.percentile(latency, level) - 1
                found.setdefault(f"{latency} {level}", []).append(error)
                if level == LEVELS[0]:
                    mean = getattr(said.times, f"{latency}_s").item() / seen.mean(latency) - 1
                    found.setdefault(f"{latency} mean", []).append(mean)
    return found


def test_closed_forms_are_near_the_simulator() -> None:
    """Medians below what is promised (TTFT p99 25 %, TPOT p99 9 %), p90 below a half."""
    count = 40
    errors = misses(PLANS, (BEFORE, "sglang", "trtllm"), count, prompts=2500)
    found = {name: np.abs(each) for name, each in errors.items()}
    assert min(map(len, found.values())) > 0.8 * count
    limits = {
        "ttft mean": 0.05, "ttft 0.5": 0.08, "ttft 0.9": 0.12, "ttft 0.99": 0.25,
        "tpot mean": 0.05, "tpot 0.5": 0.05, "tpot 0.9": 0.08, "tpot 0.99": 0.09,
        "e2e mean": 0.05, "e2e 0.5": 0.05, "e2e 0.9": 0.1, "e2e 0.99": 0.12,
    }  # fmt: skip
    for name, limit in limits.items():
        assert np.median(found[name]) < limit, name
        assert np.quantile(found[name], 0.9) < 0.5, name


@pytest.mark.parametrize(("engine", "share"), [("vllm", 0.97), ("trtllm", 0.9)])
def test_an_overloaded_replica_serves_what_the_simulator_does(engine: str, share: float) -> None:
    """Where memory is short: vLLM lets in what has room with half an answer, others a whole one."""
    server = make_server(
        "llama3_70b", "H100_80GB", "checkpoint", Widths(2), engine, share, ServerOptions()
    )
    sent = draw_requests(
        400, input_lengths=FixedLengths(tokens=1000), output_lengths=FixedLengths(tokens=3000),
        rate=1.0, seed=1,
    )  # fmt: skip
    settings = server.settings(sent)
    seen = server.serve(all_at_once(sent), settings, server.step_times(sent, settings))
    said = closed_form(server, (1000, 3000), 1e4, None)
    assert said.overloaded
    assert said.requests_per_s.item() == pytest.approx(seen.requests_per_s, rel=0.1)


def test_closed_forms_of_pipelines_are_near_the_simulator() -> None:
    """A prompt holds all micro batches back, and those that come by chance lie in one of them."""
    count = 30
    errors = misses(PIPELINES, (BEFORE, "trtllm"), count, prompts=1000)
    found = {name: np.abs(each) for name, each in errors.items()}
    assert min(map(len, found.values())) > 0.5 * count
    for name in ("ttft mean", "ttft 0.99", "tpot mean", "tpot 0.99", "e2e mean", "e2e 0.99"):
        assert np.median(found[name]) < 0.25, name
        assert np.median(errors[name]) == pytest.approx(0, abs=0.2), name


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_answers_of_few_tokens(engine: str, outputs: int) -> None:
    """The step after one's own holds what came meanwhile, but where it was prepared before."""
    server = make_server(
        "llama3_8b", "H100_80GB", "checkpoint", Widths(), engine, 0.9, ServerOptions()
    )
    said = closed_form(server, (2000, outputs), 8.0, None).times
    seen = simulate(
        "llama3_8b", "H100_80GB", engine=engine, request_rate=8, num_prompts=2500,
        input_tokens=2000, output_tokens=outputs,
    ).outcome  # fmt: skip
    near = 0.2 if engine == "sglang" else 0.15
    assert said.ttft_s.item() == pytest.approx(seen.mean("ttft"), rel=near)
    if outputs > 1:
        assert said.tpot_s.item() == pytest.approx(seen.mean("tpot"), rel=near)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_percentiles_rise_with_the_level_and_the_rate(engine: str) -> None:
    server = make_server(
        "llama3_8b", "H100_80GB", "checkpoint", Widths(), engine, 0.9, ServerOptions()
    )
    before = np.zeros(3)
    for rate in (0.01, 2.0, 8.0, 14.0):
        low = np.zeros(3)
        for level in (0.05, 0.5, 0.9, 0.99, 0.999):
            levels = closed_form(server, (1000, 200), rate, level).percentiles
            assert levels is not None
            high = np.array([levels.ttft_s, levels.tpot_s, levels.e2e_s])
            assert (high >= low).all()
            low = high
        assert (low > before).all()
        before = low


def test_hardly_any_requests_have_no_percentiles_but_one() -> None:
    server = make_server(
        "llama3_8b", "H100_80GB", "checkpoint", Widths(), "vllm", 0.9, ServerOptions()
    )
    said = closed_form(server, (1000, 200), 1e-6, 0.99)
    assert said.percentiles is not None
    for name in ("ttft_s", "tpot_s", "e2e_s"):
        alone = getattr(said.times, name).item()
        assert getattr(said.percentiles, name).item() == pytest.approx(alone, rel=1e-3)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 0.99])
def test_quantiles_of_plain_distributions(level: float) -> None:
    """A uniform rest, an exponential queue, none at all; and gamma against drawn values."""
    zero, one = np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
    evenly = Wait(
        mean=one, variance=one / 3, behind=zero, behind_mean=one, behind_variance=one,
        decode_mean=one,
    )  # fmt: skip
    assert wait_quantile(level=level, busy=1.0, wait=evenly).item() == pytest.approx(2 * level)
    queue = replace(evenly, behind=one)
    late = wait_quantile(level=level, busy=1.0, wait=queue).item()
    assert late == pytest.approx(-np.log1p(-level), rel=1e-3)
    wide = replace(queue, behind_variance=4 * one)  # an exponential tail, twice as wide
    late = wait_quantile(level=level, busy=1.0, wait=wide).item()
    assert late == pytest.approx(max(1 + 2 * (-np.log1p(-level) - 1), 0.0), rel=1e-3, abs=1e-3)
    idle = wait_quantile(level=level, busy=0.5, wait=evenly).item()
    assert idle == pytest.approx(max(2 * (level - 0.5) / 0.5, 0.0))
    drawn = np.random.default_rng(3).gamma(4.0, 0.5, 200_000)
    found = gamma_quantile(level=level, mean=2.0, variance=1.0)
    assert found == pytest.approx(np.quantile(drawn, level), rel=0.02)


def test_shares_of_a_normal_distribution() -> None:
    # Tables: 0.0228 below -2, 0.8413 below 1
    assert normal_share(np.array([-2.0, 1.0])) == pytest.approx([0.0228, 0.8413], abs=3e-4)
