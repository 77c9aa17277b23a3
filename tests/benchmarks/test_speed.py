"""How long a question takes, beside GenZ: one estimate, the best strategy, the Pareto front.

``pytest tests/benchmarks`` runs all benchmarks and prints a table for each group;
``python -m tests.benchmarks.report`` prints the summary of the README. Nothing here fails for being
slow: ``limit_s`` travels with the figures for the reader to compare.

Both sides answer for the same model, device, lengths and batches, each after a first question, so
that neither is timed reading its tables.
"""

from __future__ import annotations

import pytest

from llmcalc_core import (
    estimate_decode_performance,
    get_best_parallelization_strategy,
    get_pareto_optimal_performance,
)
from tests.benchmarks.genz import SYSTEM, genz, quietly

MODEL = "llama3_8b"
DEVICE = "A100_80GB"
LENGTHS = {"input_tokens": 2000, "output_tokens": 256}
BATCHES = [2**power for power in range(9)]
ESTIMATE_LIMIT_S, BEST_LIMIT_S, PARETO_LIMIT_S = 0.3e-3, 2e-3, 5e-3

LAYOUTS = [
    pytest.param(8, 1, marks=pytest.mark.benchmark(group="one estimate, TP 8"), id="tp8"),
    pytest.param(
        4, 2, marks=pytest.mark.benchmark(group="one estimate, TP 4 x PP 2"), id="tp4-pp2"
    ),
]


@pytest.mark.parametrize(("tp", "pp"), LAYOUTS)
def test_one_estimate(benchmark, tp, pp):
    benchmark.extra_info |= {"by": "llmcalc", "limit_s": ESTIMATE_LIMIT_S}
    found = benchmark(
        estimate_decode_performance,
        MODEL, 32, system_name=DEVICE, tensor_parallel=tp, pipeline_parallel=pp, **LENGTHS,
    )  # fmt: skip
    assert found["latency"] > 0


@pytest.mark.parametrize(("tp", "pp"), LAYOUTS)
def test_one_estimate_genz(benchmark, tp, pp):
    benchmark.extra_info |= {"by": "GenZ"}
    found = benchmark(
        quietly, genz().decode_moddeling,
        model=MODEL, batch_size=32, Bb=1, system_name=SYSTEM, bits="bf16",
        tensor_parallel=tp, pipeline_parallel=pp, **LENGTHS,
    )  # fmt: skip
    assert found["Latency"] > 0


@pytest.mark.benchmark(group="best strategy on 8 devices")
def test_best_strategy(benchmark):
    benchmark.extra_info |= {"by": "llmcalc", "limit_s": BEST_LIMIT_S}
    found = benchmark(
        get_best_parallelization_strategy,
        model=MODEL, total_nodes=8, batch_size=32, system_name=DEVICE, **LENGTHS,
    )  # fmt: skip
    assert len(found) == 1


@pytest.mark.benchmark(group="best strategy on 8 devices")
def test_best_strategy_genz(benchmark):
    benchmark.extra_info |= {"by": "GenZ"}
    found = benchmark(
        quietly, genz().get_best_parallization_strategy,
        model=MODEL, total_nodes=8, batch_size=32, system_name=SYSTEM, **LENGTHS,
    )  # fmt: skip
    assert len(found) == 1


@pytest.mark.benchmark(group="Pareto front, batches 1 to 256")
def test_pareto_front(benchmark):
    benchmark.extra_info |= {"by": "llmcalc", "limit_s": PARETO_LIMIT_S}
    found = benchmark(
        get_pareto_optimal_performance,
        model=MODEL, total_nodes=8, batch_list=BATCHES, system_name=DEVICE, **LENGTHS,
    )  # fmt: skip
    assert len(found) > 1


@pytest.mark.benchmark(group="Pareto front, batches 1 to 256")
def test_pareto_front_genz(benchmark):
    benchmark.extra_info |= {"by": "GenZ"}
    found = benchmark.pedantic(
        quietly,
        args=[genz().get_pareto_optimal_performance],
        kwargs={
            "model": MODEL, "total_nodes": 8, "batch_list": BATCHES, "system_name": SYSTEM,
            **LENGTHS,
        },
        rounds=3,
        warmup_rounds=1,
    )  # fmt: skip
    assert len(found) > 1
